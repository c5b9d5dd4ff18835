package snapshot

import (
	"encoding/binary"

	"kamailio-imc/engine/sip"
	"kamailio-imc/module/wire"
)

// MaxMembers is the most members of a room that workers keep a
// snapshot of, whatever fanout_inline is.
const MaxMembers = 4096

// linearMembers is the number of members up to which looking at one after the
// other is as fast as a table and needs no memory.
const linearMembers = 16

// LongestField bounds the str field of a URI in a snapshot.
const LongestField = 4 + 256

// Snapshot is what a worker knows of a room: everything that a text needs, in
// one piece of memory without a pointer in it, so that a hundred thousand of
// them cost little memory and nothing else. It is never changed.
//
//	u32 length of it all, u64 version, u64 expires (a Time; 0: holds as long
//	as the version stands), u16 length of the URI, u16 number of members,
//	the room's URI, the table, the members' URIs as str fields
//
// The fields are those of a MESSAGE record, so that a text copies them in two
// pieces, all before the sender and all after. A member is named by where its
// field begins among them. The table, for rooms of more than linearMembers,
// finds a member by keyHash of its key: u32 slots, 0 if empty, else one more
// than where the field begins; the next slot is tried if it is another's.
type Snapshot []byte

// Where the fields of a snapshot are.
const (
	snapshotVersion = 4
	snapshotExpires = 12
	snapshotURI     = 20 // its length
	snapshotMembers = 22
	snapshotHead    = 24
)

func (s Snapshot) version() uint64 { return binary.LittleEndian.Uint64(s[snapshotVersion:]) }

func (s Snapshot) expires() wire.Time {
	return wire.Time(binary.LittleEndian.Uint64(s[snapshotExpires:]))
}

// Holds reports whether it can be used when this is the room's version.
func (s Snapshot) Holds(version uint64) bool {
	return s.version() == version && (s.expires() == 0 || wire.Now() < s.expires())
}

// members returns the number of members.
func (s Snapshot) members() int { return int(binary.LittleEndian.Uint16(s[snapshotMembers:])) }

// URI returns the room's URI. It is valid as long as the snapshot is.
func (s Snapshot) URI() wire.View { return wire.ViewBytes(s.uri()) }

func (s Snapshot) uri() []byte {
	n := int(binary.LittleEndian.Uint16(s[snapshotURI:]))
	return s[snapshotHead : snapshotHead+n]
}

// Of reports whether it is of the room with this key.
func (s Snapshot) Of(key []byte) bool { return sip.HasKey(s.uri(), key) }

// split returns the table and the fields of the members.
func (s Snapshot) split() (table, to []byte) {
	at := snapshotHead + len(s.uri())
	end := at + 4*tableSlots(s.members())
	return s[at:end], s[end:]
}

// tableSlots returns the size of the table of a room: a power of two, at least
// half of it empty.
func tableSlots(members int) int {
	if members <= linearMembers {
		return 0
	}
	slots := 2 * linearMembers
	for slots < 2*members {
		slots *= 2
	}
	return slots
}

// fieldAt returns the str field that begins at to[at:], without its length.
func fieldAt(to []byte, at int) []byte {
	n := int(binary.LittleEndian.Uint32(to[at:]))
	return to[at+4 : at+4+n]
}

// Find returns the member with this key, -1 if there is none.
func (s Snapshot) Find(key []byte) int {
	table, to := s.split()
	if len(table) == 0 {
		for at := 0; at < len(to); {
			uri := fieldAt(to, at)
			if sip.HasKey(uri, key) {
				return at
			}
			at += 4 + len(uri)
		}
		return -1
	}
	for i := tableSlot(table, keyHash(key)); ; i = tableSlot(table, i+1) {
		at := int(binary.LittleEndian.Uint32(table[4*i:])) - 1
		if at < 0 || sip.HasKey(fieldAt(to, at), key) {
			return at
		}
	}
}

// tableSlot returns the slot of a number in a table.
func tableSlot(table []byte, n uint64) uint64 { return n & uint64(len(table)/4-1) }

// Member returns the URI of a member. It is valid as long as the snapshot is.
func (s Snapshot) Member(at int) wire.View {
	_, to := s.split()
	return wire.ViewBytes(fieldAt(to, at))
}

// FanOut writes m as MESSAGE records to every member but the sender. Its size
// leaves room for LongestField bytes.
func (s Snapshot) FanOut(m *wire.Message, sender int, reply *wire.Reply) {
	size := m.Size()
	_, to := s.split()
	for at := 0; at < len(to); {
		// the recipients of one record: n from at up to end, without the sender
		n, end := s.members(), len(to)
		if size+len(to) > wire.RecordMax {
			n, end = fitFields(to, at, wire.RecordMax-size)
		}
		before, after := to[at:end], to[end:end]
		if at <= sender && sender < end {
			before, after = to[at:sender], to[sender+4+len(fieldAt(to, sender)):end]
			n--
		}
		at = end
		if n == 0 {
			continue
		}
		length := len(before) + len(after)
		record := m.Append(reply.Space(size+length), n, length)
		reply.Append(append(append(record, before...), after...))
	}
}

// fitFields returns how many of the fields from to[at:] on take at most limit
// bytes, and where the last of them ends.
func fitFields(to []byte, at, limit int) (n, end int) {
	end = at
	for end < len(to) {
		next := end + 4 + len(fieldAt(to, end))
		if next-at > limit {
			break
		}
		end = next
		n++
	}
	return n, end
}
