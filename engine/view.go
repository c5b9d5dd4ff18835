package engine

import (
	"sync"
	"time"
)

// linearMembers is the number of members up to which looking at one after the
// other is as fast as a map and needs no memory.
const linearMembers = 16

// RoomView is one state of a room: what a text needs to know of it. It is
// never changed, and may be used from any goroutine.
type RoomView struct {
	Address
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

	key   Key
	index *memberIndex
}

// memberIndex finds a member by key. It is built when it is first asked.
type memberIndex struct {
	once      sync.Once
	positions map[string]int32
	// seqs are the numbers under which the room knows its members, beside
	// Members. They are nil in a view that did not come from a room.
	seqs []uint64
}

// NewRoomView makes a view of what another process told of a room. It keeps
// the slices. All is left nil.
func NewRoomView(a Address, private bool, members, invited []string) *RoomView {
	return &RoomView{
		Address: a, URI: a.URI(), Private: private,
		Members: members, Invited: invited,
		key: a.Key(), index: &memberIndex{},
	}
}

// Key returns the key of the room.
func (v *RoomView) Key() Key { return v.key }

// Index returns the position in Members of the member with this key, -1 if
// there is none. It does not allocate, except once for the index of a room
// of more than 16 members.
func (v *RoomView) Index(k []byte) int {
	if len(v.Members) <= linearMembers {
		for i, uri := range v.Members {
			if equalFold(uri[len(scheme):], k) {
				return i
			}
		}
		return -1
	}
	v.index.once.Do(func() {
		v.index.positions = make(map[string]int32, len(v.Members))
		for i, uri := range v.Members {
			v.index.positions[lowerASCII(uri[len(scheme):])] = int32(i)
		}
	})
	if i, ok := v.index.positions[string(k)]; ok {
		return int(i)
	}
	return -1
}

// bySeq returns the position in Members of the member that the room knows by
// this number, -1 if there is none. Numbers fall along Members but for the
// first one.
func (v *RoomView) bySeq(seq uint64) int {
	seqs := v.index.seqs
	if len(seqs) > 0 && seqs[0] == seq {
		return 0
	}
	low, high := 1, len(seqs)
	for low < high {
		mid := (low + high) / 2
		if seqs[mid] > seq {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(seqs) && seqs[low] == seq {
		return low
	}
	return -1
}

// userOf returns the user of a stored URI sip:user@host. A host holds no '@'.
func userOf(uri string) string {
	for i := len(uri) - 1; i >= len(scheme); i-- {
		if uri[i] == '@' {
			return uri[len(scheme):i]
		}
	}
	return ""
}
