package module

import (
	"encoding/binary"
	"strings"
	"unsafe"

	"kamailio-imc/engine"
)

// maxSnapshotMembers is the most members of a room that workers keep a
// snapshot of, whatever fanout_inline is.
const maxSnapshotMembers = 4096

// linearMembers is the number of members up to which looking at one after the
// other is as fast as a table and needs no memory.
const linearMembers = 16

// longestField bounds the str field of a URI in a snapshot.
const longestField = 4 + 256

// snapshot is what a worker knows of a room: everything that a text needs, in
// one piece of memory without a pointer in it, so that a hundred thousand of
// them cost little memory and nothing else. It is never changed.
//
//	u32 length of it all, u64 version, u64 expires (see monotonic; 0: holds as
//	long as the version stands), u16 length of the URI, u16 number of members,
//	the room's URI, the table, the members' URIs as str fields
//
// The fields are those of a MESSAGE record, so that a text copies them in two
// pieces, all before the sender and all after. A member is named by where its
// field begins among them. The table, for rooms of more than linearMembers,
// finds a member by keyHash of its key: u32 slots, 0 if empty, else one more
// than where the field begins; the next slot is tried if it is another's.
type snapshot []byte

// Where the fields of a snapshot are.
const (
	snapshotVersion = 4
	snapshotExpires = 12
	snapshotURI     = 20 // its length
	snapshotMembers = 22
	snapshotHead    = 24
)

func (s snapshot) version() uint64 { return binary.LittleEndian.Uint64(s[snapshotVersion:]) }

func (s snapshot) expires() uint64 { return binary.LittleEndian.Uint64(s[snapshotExpires:]) }

// members returns the number of members.
func (s snapshot) members() int { return int(binary.LittleEndian.Uint16(s[snapshotMembers:])) }

// uri returns the room's URI.
func (s snapshot) uri() []byte {
	n := int(binary.LittleEndian.Uint16(s[snapshotURI:]))
	return s[snapshotHead : snapshotHead+n]
}

// of reports whether it is of the room with this key.
func (s snapshot) of(key []byte) bool { return engine.HasKey(s.uri(), key) }

// split returns the table and the fields of the members.
func (s snapshot) split() (table, to []byte) {
	at := snapshotHead + len(s.uri())
	end := at + 4*tableSlots(s.members())
	return s[at:end], s[end:]
}

// tableSlots returns the size of the table of a room: a power of two, at least
// half of it empty.
func tableSlots(members int) int {
	if members <= linearMembers {
		return 0
	}
	slots := 2 * linearMembers
	for slots < 2*members {
		slots *= 2
	}
	return slots
}

// fieldAt returns the str field that begins at to[at:], without its length.
func fieldAt(to []byte, at int) []byte {
	n := int(binary.LittleEndian.Uint32(to[at:]))
	return to[at+4 : at+4+n]
}

// view returns b as a string that is valid as long as b is.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // see above
}

// find returns the member with this key, -1 if there is none.
func (s snapshot) find(key []byte) int {
	table, to := s.split()
	if len(table) == 0 {
		for at := 0; at < len(to); {
			uri := fieldAt(to, at)
			if engine.HasKey(uri, key) {
				return at
			}
			at += 4 + len(uri)
		}
		return -1
	}
	for i := tableSlot(table, keyHash(key)); ; i = tableSlot(table, i+1) {
		at := int(binary.LittleEndian.Uint32(table[4*i:])) - 1
		if at < 0 || engine.HasKey(fieldAt(to, at), key) {
			return at
		}
	}
}

// tableSlot returns the slot of a number in a table.
func tableSlot(table []byte, n uint64) uint64 { return n & uint64(len(table)/4-1) }

// member returns the URI of a member.
func (s snapshot) member(at int) []byte {
	_, to := s.split()
	return fieldAt(to, at)
}

// fanOut writes h as MESSAGE records to every member but the sender. The head
// leaves room for longestField bytes.
func (s snapshot) fanOut(h *head, sender int, reply *Reply) {
	size := h.size()
	_, to := s.split()
	for at := 0; at < len(to); {
		// the recipients of one record: n from at up to end, without the sender
		n, end := s.members(), len(to)
		if size+len(to) > RecordMax {
			n, end = fitFields(to, at, RecordMax-size)
		}
		before, after := to[at:end], to[end:end]
		if at <= sender && sender < end {
			before, after = to[at:sender], to[sender+4+len(fieldAt(to, sender)):end]
			n--
		}
		at = end
		if n == 0 {
			continue
		}
		length := len(before) + len(after)
		dst := reply.room(size + length)
		*dst = h.append(*dst, n, length)
		*dst = append(append(*dst, before...), after...)
	}
}

// fitFields returns how many of the fields from to[at:] on take at most limit
// bytes, and where the last of them ends.
func fitFields(to []byte, at, limit int) (n, end int) {
	end = at
	for end < len(to) {
		next := end + 4 + len(fieldAt(to, end))
		if next-at > limit {
			break
		}
		end = next
		n++
	}
	return n, end
}

// appendSnapshot appends the payload of frameSnapshot: u64 version, u64 time
// to live in nanoseconds (0: none), str URI of the room, u32 n, then n times
// str URI of a member.
func appendSnapshot(dst []byte, version, ttl uint64, room string, members []string) []byte {
	dst = appendU64(dst, version)
	dst = appendU64(dst, ttl)
	dst = appendStr(dst, room)
	dst = appendU32(dst, uint32(len(members)))
	for _, uri := range members {
		dst = appendStr(dst, uri)
	}
	return dst
}

// makeSnapshot makes a snapshot of the payload, in the memory of dst if it is
// enough; asked is when the worker asked for it, from which its time to live
// counts. It reports false for a payload that no host sends.
func makeSnapshot(dst, payload []byte, asked uint64) (snapshot, bool) {
	d := decoder{b: payload}
	version, ttl := d.u64(), d.u64()
	uri := d.str()
	n := d.u32()
	if d.bad || !stored(view(uri)) || n > maxSnapshotMembers {
		return nil, false
	}
	expires := uint64(0)
	if ttl != 0 {
		expires = asked + ttl
	}
	slots := tableSlots(int(n))
	s := appendU32(dst[:0], uint32(snapshotHead+len(uri)+4*slots+len(d.b)))
	s = appendU64(s, version)
	s = appendU64(s, expires)
	s = binary.LittleEndian.AppendUint16(s, uint16(len(uri)))
	s = binary.LittleEndian.AppendUint16(s, uint16(n))
	s = append(s, uri...)
	s = append(s, make([]byte, 4*slots)...)
	s = append(s, d.b...)
	table, to := snapshot(s).split()
	for range n {
		at := len(to) - len(d.b)
		member := d.str()
		if !stored(view(member)) {
			return nil, false
		}
		if slots > 0 {
			i := tableSlot(table, keyHash(member[len(scheme):]))
			for binary.LittleEndian.Uint32(table[4*i:]) != 0 {
				i = tableSlot(table, i+1)
			}
			binary.LittleEndian.PutUint32(table[4*i:], uint32(at+1))
		}
	}
	return s, d.done()
}

const scheme = "sip:"

// storable reports whether a snapshot can be made of v. What a table holds may
// be longer than what the commands let anybody store.
func storable(v *engine.RoomView) bool {
	if !stored(v.URI) {
		return false
	}
	for _, uri := range v.Members {
		if !stored(uri) {
			return false
		}
	}
	return true
}

// stored reports whether a snapshot may hold such a URI, sip:user@host.
func stored(uri string) bool {
	return len(uri) <= longestField-4 && strings.HasPrefix(uri, scheme) &&
		strings.IndexByte(uri[len(scheme):], '@') >= 0
}
