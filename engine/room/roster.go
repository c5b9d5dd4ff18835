package room

import (
	"slices"

	"kamailio-imc/engine/sip"
)

// A roster is the list of a room's members and invited ones in the order of
// the stock module: the first one, then the newest to the oldest. It is cut
// into parts, none of which is ever changed: a change makes a new part and a
// new list of parts, so that who reads an older one is not disturbed, the list
// of recipients of a broadcast is there without being made, and the cost of a
// change does not grow with the room.
type roster []*part

const (
	// maxPart is how many entries a part may have: a change copies a part and
	// the list of parts, which together is least near the root of the size of
	// a big room.
	maxPart = 128
	// halfPart is the length of the parts that a longer one is split into, and
	// the length up to which two are joined.
	halfPart = maxPart / 2
)

// part is a piece of a roster, at least one entry.
type part struct {
	uris []string // sip:user@host
	tags []tag    // beside uris
	to   []string // uris without the invited ones, the same slice if there are none
}

// tag is what else is known of a member: by which number the room knows it,
// and its role. Numbers fall along a roster, but for the first entry.
type tag uint64

func newTag(seq uint64, role Role) tag { return tag(seq<<8 | uint64(role)) }

func (t tag) seq() uint64 { return uint64(t >> 8) }

func (t tag) role() Role { return Role(t) }

func newPart(uris []string, tags []tag) *part {
	p := &part{uris: uris, tags: tags, to: uris}
	invited := 0
	for _, t := range tags {
		if t.role()&RoleInvited != 0 {
			invited++
		}
	}
	if invited > 0 {
		p.to = make([]string, 0, len(uris)-invited)
		for i, uri := range uris {
			if tags[i].role()&RoleInvited == 0 {
				p.to = append(p.to, uri)
			}
		}
	}
	return p
}

// position returns the position in to of the member at a position in uris.
func (p *part) position(i int) int {
	if len(p.to) == len(p.uris) {
		return i
	}
	at := 0
	for _, t := range p.tags[:i] {
		if t.role()&RoleInvited == 0 {
			at++
		}
	}
	return at
}

// newRoster makes the roster of members in joining order; their numbers are 1,
// 2, 3, ...
func newRoster(members []Entry) roster {
	n := len(members)
	if n == 0 {
		return nil
	}
	uris := make([]string, n)
	tags := make([]tag, n)
	for i, m := range members {
		at := 0
		if i > 0 {
			at = n - i
		}
		uris[at], tags[at] = m.URI, newTag(uint64(i+1), m.Role)
	}
	var r roster
	for len(uris) > maxPart {
		r = append(r, newPart(uris[:halfPart:halfPart], tags[:halfPart:halfPart]))
		uris, tags = uris[halfPart:], tags[halfPart:]
	}
	return append(r, newPart(uris, tags))
}

// spot is a place in a roster.
type spot struct{ part, entry int }

// bySeq returns where the entry with this number is. It has to be there.
func (r roster) bySeq(seq uint64) spot {
	if r[0].tags[0].seq() == seq {
		return spot{}
	}
	// The last entry of a part has its lowest number, except where that is the
	// first of all, which was compared above.
	at, _ := slices.BinarySearchFunc(r, seq, func(p *part, seq uint64) int {
		if p == r[0] && len(p.tags) == 1 || p.tags[len(p.tags)-1].seq() > seq {
			return -1
		}
		return 1
	})
	from := 0
	if at == 0 {
		from = 1
	}
	i, _ := slices.BinarySearchFunc(r[at].tags[from:], seq, func(t tag, seq uint64) int {
		switch {
		case t.seq() > seq:
			return -1
		case t.seq() < seq:
			return 1
		}
		return 0
	})
	return spot{at, from + i}
}

// insert returns the roster with a new member, which has the highest number.
func (r roster) insert(uri string, t tag) roster {
	if len(r) == 0 {
		return roster{newPart([]string{uri}, []tag{t})}
	}
	uris := make([]string, 0, len(r[0].uris)+1)
	tags := make([]tag, 0, len(r[0].uris)+1)
	uris = append(append(append(uris, r[0].uris[0]), uri), r[0].uris[1:]...)
	tags = append(append(append(tags, r[0].tags[0]), t), r[0].tags[1:]...)
	if len(uris) <= maxPart {
		return r.replace(0, 1, newPart(uris, tags))
	}
	return r.replace(0, 1,
		newPart(uris[:halfPart:halfPart], tags[:halfPart:halfPart]),
		newPart(slices.Clone(uris[halfPart:]), slices.Clone(tags[halfPart:])))
}

// remove returns the roster without an entry. If that was the first one, the
// next one is.
func (r roster) remove(at spot) roster {
	p := r[at.part]
	if len(p.uris) == 1 {
		return r.replace(at.part, at.part+1)
	}
	uris := slices.Concat(p.uris[:at.entry], p.uris[at.entry+1:])
	tags := slices.Concat(p.tags[:at.entry], p.tags[at.entry+1:])
	first, last := at.part, at.part+1
	switch {
	case last < len(r) && len(uris)+len(r[last].uris) <= halfPart:
		uris = slices.Concat(uris, r[last].uris)
		tags = slices.Concat(tags, r[last].tags)
		last++
	case first > 0 && len(uris)+len(r[first-1].uris) <= halfPart:
		first--
		uris = slices.Concat(r[first].uris, uris)
		tags = slices.Concat(r[first].tags, tags)
	}
	return r.replace(first, last, newPart(uris, tags))
}

// setRole returns the roster with another role of an entry.
func (r roster) setRole(at spot, role Role) roster {
	p := r[at.part]
	tags := slices.Clone(p.tags)
	tags[at.entry] = newTag(tags[at.entry].seq(), role)
	return r.replace(at.part, at.part+1, newPart(p.uris, tags))
}

// replace returns the roster with other parts from first to before last.
func (r roster) replace(first, last int, parts ...*part) roster {
	return slices.Concat(r[:first], parts, r[last:])
}

// each calls f with all entries in the order of the list.
func (r roster) each(f func(uri string, t tag)) {
	for _, p := range r {
		for i, uri := range p.uris {
			f(uri, p.tags[i])
		}
	}
}

// members returns the members in joining order.
func (r roster) members() []Member {
	var members []Member
	r.each(func(uri string, t tag) {
		members = append(members, Member{Address: sip.AddressOf(uri), Role: t.role()})
	})
	if len(members) > 1 {
		slices.Reverse(members[1:])
	}
	return members
}

// recipients returns the members that are not merely invited, in parts.
func (r roster) recipients() [][]string { return r.others(spot{part: -1}) }

// others returns recipients without the member at a place.
func (r roster) others(at spot) [][]string {
	to := make([][]string, 0, len(r)+1)
	add := func(part []string) {
		if len(part) > 0 {
			to = append(to, part)
		}
	}
	for i, p := range r {
		if i != at.part {
			add(p.to)
			continue
		}
		n := p.position(at.entry)
		add(p.to[:n:n])
		add(p.to[n+1:])
	}
	return to
}
