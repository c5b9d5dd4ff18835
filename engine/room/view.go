package room

import (
	"slices"
	"sync"
	"time"

	"kamailio-imc/engine/sip"
)

// unindexed is the number of members up to which looking at one after the
// other is as fast as a map and needs no memory.
const unindexed = 16

// View is one state of a room: what a text needs to know of it. It is
// never changed, and may be used from any goroutine.
type View struct {
	sip.Address
	URI     string // sip:user@host
	Private bool
	// Members are the URIs of the members in the order of #members: the first
	// one, then the newest to the oldest. Invited are those of the invited
	// ones. All are both in the order of the stock module's list.
	Members []string
	Invited []string
	All     []string
	// ReadAt is when the rows were asked for, in db_mode 2: what other nodes
	// changed later is not in it. It is zero in the other modes.
	ReadAt time.Time

	index *memberIndex
}

// memberIndex finds a member by key. It is built when it is first asked.
type memberIndex struct {
	once      sync.Once
	positions map[string]int32
}

// Index returns the position in Members of the member with this key, -1 if
// there is none. It does not allocate, except once for the index of a room
// of more than 16 members.
func (v *View) Index(k []byte) int {
	if len(v.Members) <= unindexed {
		for i, uri := range v.Members {
			if sip.HasKey(uri, k) {
				return i
			}
		}
		return -1
	}
	v.index.once.Do(func() {
		v.index.positions = make(map[string]int32, len(v.Members))
		for i, uri := range v.Members {
			v.index.positions[sip.KeyOf(uri)] = int32(i)
		}
	})
	if i, ok := v.index.positions[string(k)]; ok {
		return int(i)
	}
	return -1
}

// newView makes the view of a room that does not change meanwhile. In a room
// of one part nothing is copied.
func newView(r *Room) *View {
	v := &View{Address: r.Address(), URI: r.uri, Private: r.private, index: &memberIndex{}}
	if len(r.roster) == 1 {
		v.All, v.Members = r.roster[0].uris, r.roster[0].to
	} else {
		v.All = make([]string, 0, r.size)
		members := 0
		for _, p := range r.roster {
			v.All = append(v.All, p.uris...)
			members += len(p.to)
		}
		v.Members = v.All
		if members < r.size {
			v.Members = slices.Concat(r.roster.recipients()...)
		}
	}
	if len(v.Members) < len(v.All) {
		r.roster.each(func(uri string, t tag) {
			if t.role()&RoleInvited != 0 {
				v.Invited = append(v.Invited, uri)
			}
		})
	}
	return v
}
