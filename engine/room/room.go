package room

import (
	"slices"
	"sync"
	"sync/atomic"

	"kamailio-imc/engine/sip"
)

// Room is a room in memory. Its address and its privacy never change.
//
// Decisions and changes are made one at a time, by who has the room's turn:
// Find, FindMember, Owners, Equal, Matches and Apply are for them. They change
// the room under mu, and read it without. All other methods may be called from
// any goroutine.
type Room struct {
	uri     string // sip:user@host
	private bool

	mu      sync.Mutex // a leaf: nothing is called with it held
	roster  roster
	size    int
	index   map[string]uint64 // key to number in the roster, nil in small rooms
	lastSeq uint64
	view    atomic.Pointer[View] // nil after a change
}

// Entry is a member of a room, or somebody invited to it, as a decision sees
// them.
type Entry struct {
	URI  string // sip:user@host
	Role Role
}

// Address returns the address of the member.
func (m *Entry) Address() sip.Address { return sip.AddressOf(m.URI) }

// User returns the user of the member's address.
func (m *Entry) User() string { return sip.UserOf(m.URI) }

// MayManage reports whether the member may invite, add, remove and modify.
func (m *Entry) MayManage() bool { return m.Role&(RoleOwner|RoleAdmin) != 0 }

// New makes a room without members.
func New(a sip.Address, private bool) *Room { return &Room{uri: a.URI(), private: private} }

// From makes a room of its rows.
func From(rec *Record) *Room {
	r := New(rec.Address, rec.Private)
	members := make([]Entry, len(rec.Members))
	for i := range rec.Members {
		members[i] = Entry{rec.Members[i].URI(), rec.Members[i].Role}
	}
	r.Fill(members)
	return r
}

// Fill gives a new room its members, in joining order.
func (r *Room) Fill(members []Entry) {
	r.roster = newRoster(members)
	r.size = len(members)
	r.lastSeq = uint64(r.size)
	if r.size > unindexed {
		r.makeIndex()
	}
}

func (r *Room) makeIndex() {
	r.index = make(map[string]uint64, r.size)
	r.roster.each(func(uri string, t tag) { r.index[sip.KeyOf(uri)] = t.seq() })
}

// URI returns sip:user@host.
func (r *Room) URI() string { return r.uri }

// Address returns the address of the room.
func (r *Room) Address() sip.Address { return sip.AddressOf(r.uri) }

// Private reports whether one becomes a member by invitation only.
func (r *Room) Private() bool { return r.private }

// Size returns how many are in the room, the invited ones included.
func (r *Room) Size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.size
}

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

// Find returns the member or the invited one with this key, nil if there is
// none.
func (r *Room) Find(key sip.Key) *Entry {
	at, ok := r.spotOf(string(key))
	if !ok {
		return nil
	}
	p := r.roster[at.part]
	return &Entry{URI: p.uris[at.entry], Role: p.tags[at.entry].role()}
}

// FindMember is Find without the invited ones.
func (r *Room) FindMember(key sip.Key) *Entry {
	if m := r.Find(key); m != nil && m.Role&RoleInvited == 0 {
		return m
	}
	return nil
}

// Owners counts the owners.
func (r *Room) Owners() int {
	n := 0
	r.roster.each(func(_ string, t tag) {
		if t.role()&RoleOwner != 0 {
			n++
		}
	})
	return n
}

// Apply makes a change that neither creates nor destroys the room.
func (r *Room) Apply(c *Change) {
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
		case r.size > unindexed:
			r.makeIndex()
		}
	}
	r.view.Store(nil)
}

// View returns the room as it is now.
func (r *Room) View() *View {
	if v := r.view.Load(); v != nil {
		return v
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v := newView(r)
	r.view.Store(v)
	return v
}

// HasMember reports whether a user is a member, not merely invited.
func (r *Room) HasMember(key sip.Key) bool {
	_, _, is := r.locate(string(key))
	return is
}

// TextFrom returns the URI of the member with this key and those of the others,
// in parts: who gets a text, and from whom. ok is false if there is no such
// member. It does not grow with the room, but for its number of parts.
func (r *Room) TextFrom(key sip.Key) (sender string, others [][]string, ok bool) {
	list, at, ok := r.locate(string(key))
	if !ok {
		return "", nil, false
	}
	return list[at.part].uris[at.entry], list.others(at), true
}

// locate returns the roster of the room as it is now and where in it a member
// is. It does not grow with the room.
func (r *Room) locate(key string) (list roster, at spot, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok = r.spotOf(key)
	if ok && r.roster[at.part].tags[at.entry].role()&RoleInvited != 0 {
		ok = false
	}
	return r.roster, at, ok
}

// Info returns the room's line in a list of rooms.
func (r *Room) Info() Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	info := Info{Address: r.Address(), Private: r.private, Members: r.size}
	if r.size > 0 {
		info.Owner = r.roster[0].uris[0]
	}
	return info
}

// Equal reports whether two rooms that nobody changes are in the same state.
func (r *Room) Equal(other *Room) bool {
	return r.uri == other.uri && r.private == other.private && r.size == other.size &&
		slices.Equal(r.roster.members(), other.roster.members())
}

// Matches reports whether rows are those of a room that nobody changes. It
// allocates nothing: most reads of a room find what is known.
func (r *Room) Matches(rec *Record) bool {
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

// now returns the roster as it is now.
func (r *Room) now() roster {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster
}

// Members returns all who are in the room, the invited ones included, in
// joining order.
func (r *Room) Members() []Member { return r.now().members() }

// Recipients returns the URIs of the members who are not merely invited, in
// parts. It does not grow with the room, but for its number of parts.
func (r *Room) Recipients() [][]string { return r.now().recipients() }

// Each calls f with all who are in the room, in the order of #members.
func (r *Room) Each(f func(uri string, role Role)) {
	r.now().each(func(uri string, t tag) { f(uri, t.role()) })
}

// After returns the room as a change makes it, nil if it is gone. It is for a
// room, nil for none, that nobody else sees.
func (r *Room) After(change *Change) *Room {
	switch {
	case change.Destroy:
		return nil
	case change.Create:
		r = New(change.Room, change.Private)
	}
	if r != nil && !change.Empty() {
		r.Apply(change)
	}
	return r
}
