package storage

// Mode says what the database is to the rooms: the parameter db_mode.
type Mode int

// The modes.
const (
	ModeMemory   Mode = 0 // rooms live in memory only
	ModeDurable  Mode = 1 // rooms live in memory, every change is committed first
	ModeDatabase Mode = 2 // the database is the truth, shared with other nodes
)

// Valid reports whether there is such a mode.
func (m Mode) Valid() bool { return m >= ModeMemory && m <= ModeDatabase }
