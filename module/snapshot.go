package module

import "kamailio-imc/engine"

// maxSnapshotMembers is the most members of a room that workers keep a
// snapshot of, whatever fanout_inline is.
const maxSnapshotMembers = 4096

// longestField bounds the str field of a member's URI in a snapshot.
const longestField = 4 + 256

// snapshot is what a worker knows of a room: everything that a text needs. It
// is immutable but for the links of the cache. The recipients are kept as the
// str fields of a MESSAGE record, so that a text copies them in two pieces,
// all before the sender and all after.
type snapshot struct {
	version uint64
	expires uint64 // see monotonic; 0: holds as long as the version stands
	key     string // the room's
	hash    uint64 // of key
	view    *engine.RoomView
	to      string   // str fields of view.Members, which are parts of it
	at      []uint32 // where each member's field begins in to, and where the last ends

	newer, older *snapshot // links of the cache
}

// bytes is about what the snapshot costs of the cache's budget.
func (s *snapshot) bytes() int {
	const (
		overhead  = 768 // structs, map entry, allocator's rounding
		perMember = 16 + 4
		perIndex  = 64 // of a large room, see engine.RoomView.Index
	)
	n := overhead + 2*len(s.key) + 2*len(s.to) + s.members()*perMember
	if s.members() > 16 {
		n += s.members() * perIndex
	}
	return n
}

// members returns the number of members.
func (s *snapshot) members() int { return len(s.view.Members) }

// fanOut writes h as MESSAGE records to every member but the one at position
// sender. The head leaves room for longestField bytes.
func (s *snapshot) fanOut(h *head, sender int, reply *Reply) {
	size := h.size()
	for i := 0; i < s.members(); {
		// the recipients of one record: from i up to end, without the sender
		end := s.members()
		if size+len(s.to) > RecordMax {
			end = i
			for end < s.members() && size+int(s.at[end+1]-s.at[i]) <= RecordMax {
				end++
			}
		}
		before, after := s.to[s.at[i]:s.at[end]], ""
		n := end - i
		if i <= sender && sender < end {
			before, after = s.to[s.at[i]:s.at[sender]], s.to[s.at[sender+1]:s.at[end]]
			n--
		}
		i = end
		if n == 0 {
			continue
		}
		bytes := len(before) + len(after)
		dst := reply.room(size + bytes)
		*dst = h.append(*dst, n, bytes)
		*dst = append(append(*dst, before...), after...)
	}
}

// appendSnapshot appends the payload of frameSnapshot: u64 version, u64 time
// to live in nanoseconds (0: none), str key, str URI of the room, u32 n, then
// n times str URI of a member.
func appendSnapshot(dst []byte, version, ttl uint64, v *engine.RoomView) []byte {
	dst = appendU64(dst, version)
	dst = appendU64(dst, ttl)
	dst = appendStr(dst, string(v.Key()))
	dst = appendStr(dst, v.URI)
	dst = appendU32(dst, uint32(len(v.Members)))
	for _, uri := range v.Members {
		dst = appendStr(dst, uri)
	}
	return dst
}

// parseSnapshot makes a snapshot of the payload; asked is when the worker
// asked for it, from which its time to live counts. It reports false for a
// payload that no host sends.
func parseSnapshot(b []byte, asked uint64) (*snapshot, bool) {
	d := decoder{b: b}
	version, ttl := d.u64(), d.u64()
	key := string(d.str())
	uri := string(d.str())
	n := int(d.u32())
	if d.bad || n > maxSnapshotMembers || n > len(d.b)/4 {
		return nil, false
	}
	room, err := engine.ParseURI(uri)
	if err != nil || string(room.Key()) != key {
		return nil, false
	}
	s := &snapshot{version: version, key: key, hash: hash(key), to: string(d.b)}
	if ttl != 0 {
		s.expires = asked + ttl
	}
	s.at = make([]uint32, n+1)
	members := make([]string, n)
	var buf []byte
	at := 0
	for i := range n {
		size := len(d.str())
		at += 4 + size
		if d.bad || 4+size > longestField {
			return nil, false
		}
		s.at[i+1] = uint32(at)
		members[i] = s.to[at-size : at]
		if buf, err = engine.AppendKey(buf[:0], members[i]); err != nil {
			return nil, false
		}
	}
	s.view = engine.NewRoomView(room, false, members, nil)
	return s, d.done()
}
