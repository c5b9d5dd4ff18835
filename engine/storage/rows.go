package storage

import (
	"fmt"
	"strconv"
	"sync"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// Rows judges rows as a database has them, for what a Store hands out: whether
// a row makes sense, and what its flag says. What is odd about one is reported
// once. A Rows is safe for concurrent use.
type Rows struct {
	note func(log.Note)
	scan bool

	mu     sync.Mutex
	seen   map[string]bool
	counts [oddityKinds]int
}

// NewRows is for rows that are read again and again: what is odd is reported
// the first time.
func NewRows(note func(log.Note)) *Rows { return &Rows{note: note, seen: map[string]bool{}} }

// ScanRows is for one scan, where each row comes once: of each kind of oddity
// some are reported, and by Rest how many more there are.
func ScanRows(note func(log.Note)) *Rows { return &Rows{note: note, scan: true} }

// Bounds of what is reported: lines of one kind in a scan, and lines in the
// life of a Rows of NewRows.
const (
	maxSameOddities = 20
	maxOddities     = 1000
)

// oddity is what is odd about a row. Odd rows are read as far as they make
// sense and are left in the database as they are.
type oddity int

const (
	oddRoomFlag oddity = iota
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

// Room judges a row of a room. ok is false if it is to be left out. twice is
// set if its room is there already, by the URI that the log is to show.
func (r *Rows) Room(a sip.Address, flag int64, twice string) (private, ok bool) {
	private, odd := PrivateOf(flag)
	switch {
	case !a.Usable():
		r.report(oddRoomName, a.URI(), "")
		return false, false
	case twice != "":
		r.report(oddRoomTwice, twice, "")
		return false, false
	case odd:
		r.report(oddRoomFlag, a.URI(), strconv.FormatInt(flag, 10))
	}
	return private, true
}

// Member judges a row of a member of a room that is there. ok is false if it is
// to be left out. twice: the member is in the room already. roomURI is called
// when the log is to show the room.
func (r *Rows) Member(a sip.Address, flag int64, twice bool, roomURI func() string) (role room.Role, ok bool) {
	role, odd := RoleOf(flag)
	switch {
	case !a.Usable():
		r.report(oddMemberName, a.URI(), "")
		return 0, false
	case twice:
		r.report(oddMemberTwice, a.URI(), roomURI())
		return 0, false
	case odd:
		r.report(oddMemberFlag, a.URI()+" of "+roomURI(), strconv.FormatInt(flag, 10))
	}
	return role, true
}

// Orphan is told of a row of a member whose room is not there, by what its
// columns say.
func (r *Rows) Orphan(member, roomColumn string) {
	r.report(oddOrphan, strconv.Quote(member), strconv.Quote(roomColumn))
}

// Whole is told of each room when all of its rows are read.
func (r *Rows) Whole(uri func() string, hasMembers, hasOwner bool) {
	switch {
	case !hasMembers:
		r.report(oddNoMembers, uri(), "")
	case !hasOwner:
		r.report(oddNoOwner, uri(), "")
	}
}

// Rest reports how many oddities a scan kept to itself.
func (r *Rows) Rest() {
	for k, n := range r.counts {
		if n > maxSameOddities {
			r.note(log.Note{Level: oddityText[k].level, Text: fmt.Sprintf("and %d more rows like this: %s",
				n-maxSameOddities, oddity(k).text("...", ""))})
		}
	}
}

// report reports an oddity, unless it was reported before or too many were.
func (r *Rows) report(k oddity, subject, detail string) {
	text := k.text(subject, detail)
	r.mu.Lock()
	var known bool
	if r.scan {
		r.counts[k]++
		known = r.counts[k] > maxSameOddities
	} else if known = r.seen[text] || len(r.seen) >= maxOddities; !known {
		r.seen[text] = true
	}
	r.mu.Unlock()
	if !known {
		r.note(log.Note{Level: oddityText[k].level, Text: text})
	}
}

// text is the line for the log.
func (k oddity) text(subject, detail string) string {
	return log.Printable(fmt.Sprintf(oddityText[k].text, subject, detail))
}
