package sqlstore

import (
	"fmt"
	"sync"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
)

// Bits of the column flag of a room and of a member, as the stock module
// writes them.
const (
	flagPrivate = 1 // room

	flagOwner   = 1 // member
	flagAdmin   = 2
	flagInvited = 4

	// flagNothing (the stock module's "skip") stands beside an owner's flag in
	// old rows and means nothing. On a Galera cluster it is turned over in a
	// room's flag, so that the nodes see each other's changes of the room.
	flagNothing = 16
)

// Bounds of what is reported: lines of one kind in a Load, and lines in the
// life of a Store by what Fetch and Update meet.
const (
	maxSameOddities = 20
	maxOddities     = 1000
)

// oddityKind is what is odd about a row. Odd rows are read as far as they make
// sense and are left in the database as they are.
type oddityKind int

const (
	oddRoomFlag oddityKind = iota
	oddMemberFlag
	oddRoomName
	oddMemberName
	oddRoomTwice
	oddMemberTwice
	oddOrphan
	oddNoMembers
	oddNoOwner
	oddityKinds // their number
)

// oddityText says of each kind what is odd and what is made of it.
var oddityText = [oddityKinds]struct {
	level log.Level
	text  string
}{
	oddRoomFlag:    {log.Notice, "room %s has the flag %s; only 1 (private) counts"},
	oddMemberFlag:  {log.Notice, "member %s has the flag %s; it is taken for owner, admin, invited or member, in this order"},
	oddRoomName:    {log.Warning, "room %q%s cannot be used: a part is missing, it is too long, or cannot stand in a SIP header; it is ignored"},
	oddMemberName:  {log.Warning, "member %q%s cannot be used: a part is missing, it is too long, or cannot stand in a SIP header; it is ignored"},
	oddRoomTwice:   {log.Warning, "room %s is there more than once%s, differing in case; the first row counts"},
	oddMemberTwice: {log.Warning, "member %s is in room %s more than once, differing in case; the first row counts"},
	oddOrphan:      {log.Warning, "member %s is in room %s, which does not exist; it is ignored"},
	oddNoMembers:   {log.Notice, "room %s has no members%s"},
	oddNoOwner:     {log.Notice, "room %s has no owner%s"},
}

// oddities collects what is odd about rows, each once. It is safe for
// concurrent use.
type oddities struct {
	mu     sync.Mutex
	seen   map[string]bool
	counts [oddityKinds]int
}

func newOddities() *oddities { return &oddities{seen: map[string]bool{}} }

// text is the line for the log.
func (k oddityKind) text(subject, detail string) string {
	return log.Printable(fmt.Sprintf(oddityText[k].text, subject, detail))
}

// first reports an oddity to note unless it was reported before or too many
// were: it is for rows that are read again and again.
func (o *oddities) first(note func(log.Note), k oddityKind, subject, detail string) {
	text := k.text(subject, detail)
	o.mu.Lock()
	known := o.seen[text] || len(o.seen) >= maxOddities
	if !known {
		o.seen[text] = true
	}
	o.mu.Unlock()
	if !known {
		note(log.Note{Level: oddityText[k].level, Text: text})
	}
}

// next reports an oddity to note unless there were many of its kind: it is for
// a scan, where each row comes once.
func (o *oddities) next(note func(log.Note), k oddityKind, subject, detail string) {
	o.mu.Lock()
	o.counts[k]++
	n := o.counts[k]
	o.mu.Unlock()
	if n <= maxSameOddities {
		note(log.Note{Level: oddityText[k].level, Text: k.text(subject, detail)})
	}
}

// rest reports how many oddities next kept to itself.
func (o *oddities) rest(note func(log.Note)) {
	for k, n := range o.counts {
		if n > maxSameOddities {
			note(log.Note{Level: oddityText[k].level, Text: fmt.Sprintf("and %d more rows like this: %s",
				n-maxSameOddities, oddityKind(k).text("...", ""))})
		}
	}
}

// roleOf reads a member's flag. odd: it is none that this module or the stock
// module means to write.
func roleOf(flag int64) (role room.Role, odd bool) {
	switch {
	case flag&flagOwner != 0:
		// 17 is what the stock module writes for an owner.
		return room.RoleOwner, flag&^flagNothing != flagOwner
	case flag&flagAdmin != 0:
		return room.RoleAdmin, flag != flagAdmin
	case flag&flagInvited != 0:
		return room.RoleInvited, flag != flagInvited
	}
	return room.RoleMember, flag != 0
}

// privateOf reads a room's flag.
func privateOf(flag int64) (private, odd bool) {
	return flag&flagPrivate != 0, flag&^(flagPrivate|flagNothing) != 0
}

// roomFlag is the flag of a room as it is written.
func roomFlag(private bool) int64 {
	if private {
		return flagPrivate
	}
	return 0
}
