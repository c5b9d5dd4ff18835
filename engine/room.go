package engine

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// Room is a room in memory. Its address and its privacy never change.
//
// Who holds the room's turn (see turnstile) may read everything without mu:
// only they change it. They change it under mu; others read under mu.
type Room struct {
	uri     string // sip:user@host
	private bool
	at      int       // position in Conference.order; guarded by Conference.mu
	readAt  time.Time // ModeDatabase: see RoomView.ReadAt; guarded by Conference.mu

	mu      sync.Mutex // a leaf: nothing is called with it held
	roster  roster
	size    int
	index   map[string]uint64 // key to number in the roster, nil in small rooms
	lastSeq uint64
	view    atomic.Pointer[RoomView] // nil after a change
}

// member is an entry of a roster as a decision sees it.
type member struct {
	uri  string // sip:user@host
	role room.Role
}

func (m *member) address() sip.Address { return sip.AddressOf(m.uri) }

func (m *member) user() string { return sip.UserOf(m.uri) }

// mayManage reports whether the member may invite, add, remove and modify.
func (m *member) mayManage() bool { return m.role&(room.RoleOwner|room.RoleAdmin) != 0 }

func newRoom(a sip.Address, private bool) *Room { return &Room{uri: a.URI(), private: private} }

// newRoomFrom makes a room of its rows.
func newRoomFrom(rec *room.Record) *Room {
	r := newRoom(rec.Address, rec.Private)
	members := make([]member, len(rec.Members))
	for i := range rec.Members {
		members[i] = member{rec.Members[i].URI(), rec.Members[i].Role}
	}
	r.fill(members)
	return r
}

// fill gives a new room its members, in joining order.
func (r *Room) fill(members []member) {
	r.roster = newRoster(members)
	r.size = len(members)
	r.lastSeq = uint64(r.size)
	if r.size > linearMembers {
		r.makeIndex()
	}
}

func (r *Room) makeIndex() {
	r.index = make(map[string]uint64, r.size)
	r.roster.each(func(uri string, t tag) { r.index[sip.KeyOf(uri)] = t.seq() })
}

func (r *Room) address() sip.Address { return sip.AddressOf(r.uri) }

// spotOf returns where in the roster the member or the invited one with this
// key is.
func (r *Room) spotOf(key string) (at spot, ok bool) {
	if r.index != nil {
		seq, ok := r.index[key]
		if !ok {
			return spot{}, false
		}
		return r.roster.bySeq(seq), true
	}
	for i, p := range r.roster {
		for j, uri := range p.uris {
			if sip.HasKey(uri, key) {
				return spot{i, j}, true
			}
		}
	}
	return spot{}, false
}

// find returns the member or the invited one with this key, nil if there is
// none.
func (r *Room) find(key string) *member {
	at, ok := r.spotOf(key)
	if !ok {
		return nil
	}
	p := r.roster[at.part]
	return &member{uri: p.uris[at.entry], role: p.tags[at.entry].role()}
}

// findMember is find without the invited ones.
func (r *Room) findMember(key string) *member {
	if m := r.find(key); m != nil && m.role&room.RoleInvited == 0 {
		return m
	}
	return nil
}

// owners counts the owners.
func (r *Room) owners() int {
	n := 0
	r.roster.each(func(_ string, t tag) {
		if t.role()&room.RoleOwner != 0 {
			n++
		}
	})
	return n
}

// apply makes a change that neither creates nor destroys the room.
func (r *Room) apply(c *room.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range c.Delete {
		k := string(a.Key())
		if at, ok := r.spotOf(k); ok {
			r.roster = r.roster.remove(at)
			r.size--
			delete(r.index, k)
		}
	}
	for _, put := range c.Put {
		k := string(put.Key())
		if at, ok := r.spotOf(k); ok {
			r.roster = r.roster.setRole(at, put.Role)
			continue
		}
		r.lastSeq++
		r.size++
		r.roster = r.roster.insert(put.URI(), newTag(r.lastSeq, put.Role))
		switch {
		case r.index != nil:
			r.index[k] = r.lastSeq
		case r.size > linearMembers:
			r.makeIndex()
		}
	}
	r.view.Store(nil)
}

// snapshot returns the view of the room as it is now.
func (r *Room) snapshot() *RoomView {
	if v := r.view.Load(); v != nil {
		return v
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v := newView(r)
	r.view.Store(v)
	return v
}

// locate returns the roster of the room as it is now and where in it a member
// is. It does not grow with the room.
func (r *Room) locate(key string) (list roster, at spot, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok = r.spotOf(key)
	if ok && r.roster[at.part].tags[at.entry].role()&room.RoleInvited != 0 {
		ok = false
	}
	return r.roster, at, ok
}

// info returns the room's line in a list of rooms.
func (r *Room) info() room.Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	info := room.Info{Address: r.address(), Private: r.private, Members: r.size}
	if r.size > 0 {
		info.Owner = r.roster[0].uris[0]
	}
	return info
}

// equal reports whether two rooms that nobody changes are in the same state.
func (r *Room) equal(other *Room) bool {
	return r.uri == other.uri && r.private == other.private && r.size == other.size &&
		slices.Equal(r.roster.members(), other.roster.members())
}

// matches reports whether rows are those of a room that nobody changes. It
// allocates nothing: most reads of a room find what is known.
func (r *Room) matches(rec *room.Record) bool {
	if r.private != rec.Private || r.size != len(rec.Members) || !rec.IsURI(r.uri) {
		return false
	}
	at := 0 // in the rows: the first one, then from the last one on
	for _, p := range r.roster {
		for i, uri := range p.uris {
			m := &rec.Members[at]
			if m.Role != p.tags[i].role() || !m.IsURI(uri) {
				return false
			}
			if at == 0 {
				at = r.size
			}
			at--
		}
	}
	return true
}
