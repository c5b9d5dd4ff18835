package engine

import (
	"sync"
	"sync/atomic"
	"time"
)

// room is a room in memory. Its address and its privacy never change.
//
// Who holds the room's turn (see turnstile) may read everything without mu:
// only they change it. They change it under mu; others read under mu.
type room struct {
	uri     string // sip:user@host
	userLen uint32
	private bool
	at      int       // position in Conference.order; guarded by Conference.mu
	readAt  time.Time // db_mode 2: see RoomView.ReadAt; guarded by Conference.mu

	mu sync.Mutex // a leaf: nothing is called with it held
	// members begin with the first one; the others follow from the oldest to
	// the newest, their seq growing. The stock module's list is the first one
	// and then the newest to the oldest.
	members []member
	index   map[string]uint64 // key to seq, nil in small rooms
	lastSeq uint64
	view    atomic.Pointer[RoomView] // nil after a change
}

// member is a member of a room in memory, or who is invited to it.
type member struct {
	uri     string // sip:user@host
	seq     uint64
	userLen uint32
	role    Role
}

func newRoom(a Address, private bool) *room {
	return &room{uri: a.URI(), userLen: uint32(len(a.User)), private: private}
}

// newRoomFrom makes a room of its rows. Rows that could not be sent to, and
// repeated ones, are left out and told to note.
func newRoomFrom(rec *RoomRecord, note func(Note)) *room {
	r := newRoom(rec.Address, rec.Private)
	r.members = make([]member, 0, len(rec.Members))
	for i := range rec.Members {
		r.load(rec.Members[i], note)
	}
	return r
}

// load adds a row. It is for rooms that nobody else sees yet.
func (r *room) load(m Member, note func(Note)) {
	switch {
	case !m.sendable():
		note(notef(LevelWarning, "room %s: member %q left out: cannot be part of a SIP URI", r.uri, m.URI()))
	case r.find(string(m.Key())) != nil:
		note(notef(LevelWarning, "room %s: member %s is there twice: the first row counts", r.uri, m.URI()))
	default:
		r.add(m)
	}
}

func (r *room) address() Address { return splitStored(r.uri, r.userLen) }

func (r *room) key() Key { return Key(lowerASCII(r.uri[len(scheme):])) }

func (m *member) address() Address { return splitStored(m.uri, m.userLen) }

func (m *member) user() string { return m.uri[len(scheme) : len(scheme)+int(m.userLen)] }

func (m *member) key() string { return lowerASCII(m.uri[len(scheme):]) }

// mayManage reports whether the member may invite, add, remove and modify.
func (m *member) mayManage() bool { return m.role&(RoleOwner|RoleAdmin) != 0 }

func splitStored(uri string, userLen uint32) Address {
	end := len(scheme) + int(userLen)
	return Address{User: uri[len(scheme):end], Host: uri[end+1:]}
}

// find returns the member or the invited one with this key, nil if there is
// none. It is valid until the next change.
func (r *room) find(key string) *member {
	if r == nil {
		return nil
	}
	if r.index == nil {
		for i := range r.members {
			if equalFold(r.members[i].uri[len(scheme):], key) {
				return &r.members[i]
			}
		}
		return nil
	}
	seq, ok := r.index[key]
	if !ok {
		return nil
	}
	return &r.members[r.bySeq(seq)]
}

// findMember is find without the invited ones.
func (r *room) findMember(key string) *member {
	m := r.find(key)
	if m == nil || m.role&RoleInvited != 0 {
		return nil
	}
	return m
}

// bySeq returns the position of a member that is there.
func (r *room) bySeq(seq uint64) int {
	if r.members[0].seq == seq {
		return 0
	}
	low, high := 1, len(r.members)
	for low < high {
		mid := (low + high) / 2
		if r.members[mid].seq < seq {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// owners counts the owners.
func (r *room) owners() int {
	n := 0
	for i := range r.members {
		if r.members[i].role&RoleOwner != 0 {
			n++
		}
	}
	return n
}

// apply makes a change that neither creates nor destroys the room.
func (r *room) apply(c *Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range c.Delete {
		if m := r.find(string(a.Key())); m != nil {
			r.remove(m)
		}
	}
	for _, put := range c.Put {
		if m := r.find(string(put.Key())); m != nil {
			m.role = put.Role
		} else {
			r.add(put)
		}
	}
	r.view.Store(nil)
}

func (r *room) add(m Member) {
	r.lastSeq++
	r.members = append(r.members, member{uri: m.URI(), seq: r.lastSeq, userLen: uint32(len(m.User)), role: m.Role})
	switch {
	case r.index != nil:
		r.index[r.members[len(r.members)-1].key()] = r.lastSeq
	case len(r.members) > linearMembers:
		r.index = make(map[string]uint64, 2*len(r.members))
		for i := range r.members {
			r.index[r.members[i].key()] = r.members[i].seq
		}
	}
}

func (r *room) remove(m *member) {
	delete(r.index, m.key())
	n := len(r.members)
	i := 0
	if r.members[0].seq != m.seq {
		i = r.bySeq(m.seq)
		copy(r.members[i:], r.members[i+1:])
	} else {
		// The list goes on with its next one, the newest.
		r.members[0] = r.members[n-1]
	}
	r.members[n-1] = member{}
	r.members = r.members[:n-1]
}

// list calls f with the members and the invited ones in the order of the
// stock module's list.
func (r *room) list(f func(*member)) {
	if len(r.members) == 0 {
		return
	}
	f(&r.members[0])
	for i := len(r.members) - 1; i > 0; i-- {
		f(&r.members[i])
	}
}

// snapshot returns the view of the room as it is now.
func (r *room) snapshot() *RoomView {
	if v := r.view.Load(); v != nil {
		return v
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshotLocked()
}

func (r *room) snapshotLocked() *RoomView {
	if v := r.view.Load(); v != nil {
		return v
	}
	v := &RoomView{Address: r.address(), URI: r.uri, Private: r.private, key: r.key(), index: &memberIndex{}}
	v.All = make([]string, 0, len(r.members))
	invited := 0
	r.list(func(m *member) {
		v.All = append(v.All, m.uri)
		if m.role&RoleInvited != 0 {
			invited++
		}
	})
	v.Members = v.All
	if invited > 0 {
		v.Members = make([]string, 0, len(r.members)-invited)
		v.Invited = make([]string, 0, invited)
	}
	indexed := r.index != nil
	if indexed {
		v.index.seqs = make([]uint64, 0, len(r.members)-invited)
	}
	if invited > 0 || indexed {
		r.list(func(m *member) {
			switch {
			case m.role&RoleInvited != 0:
				v.Invited = append(v.Invited, m.uri)
			default:
				if invited > 0 {
					v.Members = append(v.Members, m.uri)
				}
				if indexed {
					v.index.seqs = append(v.index.seqs, m.seq)
				}
			}
		})
	}
	r.view.Store(v)
	return v
}

// locate returns the view of the room as it is now and the position of a
// member in it, -1 if there is none. It does not grow with the room when the
// view is known.
func (r *room) locate(key string) (*RoomView, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.snapshotLocked()
	m := r.findMember(key)
	switch {
	case m == nil:
		return v, -1
	case v.index.seqs != nil:
		return v, v.bySeq(m.seq)
	}
	return v, v.Index([]byte(key))
}

// info returns the room's line in a list of rooms.
func (r *room) info() RoomInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	info := RoomInfo{Address: r.address(), Private: r.private, Members: len(r.members)}
	if len(r.members) > 0 {
		info.Owner = r.members[0].uri
	}
	return info
}
