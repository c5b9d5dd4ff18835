package command

import (
	"fmt"

	"kamailio-imc/engine/sip"
)

func init() {
	register(&Command{
		Names:    []string{"rooms"},
		Code:     -100,
		Help:     "rooms - list existing conference rooms",
		May:      Anyone,
		AllRooms: true,
	})
}

// maxListed bounds the names that one #rooms answers, in bytes: they fit into
// four MESSAGEs.
const maxListed = 3 * maxNotice

// RoomList collects what #rooms shows.
type RoomList struct {
	shown []string
	size  int
	more  int // that are not shown
}

// Add adds the room with this URI.
func (l *RoomList) Add(uri string) {
	user := sip.UserOf(uri)
	l.size += len("\n[]") + len(user)
	if l.size > maxListed {
		l.more++
		return
	}
	l.shown = append(l.shown, "["+user+"]")
}

// Bodies returns the answers to the sender of o.
func (l *RoomList) Bodies(o *Order) []string {
	lines := l.shown
	if l.more > 0 {
		lines = append(lines, fmt.Sprintf("*** %d more rooms are not shown: send '%sjoin <room_name>' to enter one", l.more, o.rules.Start))
	}
	return splitList("Rooms:", lines)
}
