package snapshot

import (
	"encoding/binary"
	"strings"
	"time"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/module/wire"
)

// AppendPayload appends what the host sends of a room, the payload of
// FrameSnapshot: u64 version, u64 time to live in nanoseconds (0: none), str
// URI of the room, u32 n, then n times str URI of a member.
func AppendPayload(dst []byte, version uint64, ttl time.Duration, room string, members []string) []byte {
	dst = wire.AppendU64(dst, version)
	dst = wire.AppendU64(dst, uint64(ttl))
	dst = wire.AppendStr(dst, room)
	dst = wire.AppendU32(dst, uint32(len(members)))
	for _, uri := range members {
		dst = wire.AppendStr(dst, uri)
	}
	return dst
}

// Make makes a snapshot of the payload, in the memory of dst if it is
// enough; asked is when the worker asked for it, from which its time to live
// counts. It reports false for a payload that no host sends.
func Make(dst, payload []byte, asked wire.Time) (Snapshot, bool) {
	d := wire.NewDecoder(payload)
	version, ttl := d.U64(), time.Duration(d.U64())
	uri := d.Str()
	n := d.U32()
	if !d.Ok() || !stored(wire.ViewBytes(uri)) || n > MaxMembers {
		return nil, false
	}
	expires := wire.Time(0)
	if ttl != 0 {
		expires = asked.Add(ttl)
	}
	fields := d.Rest()
	slots := tableSlots(int(n))
	s := wire.AppendU32(dst[:0], uint32(snapshotHead+len(uri)+4*slots+len(fields)))
	s = wire.AppendU64(s, version)
	s = wire.AppendU64(s, uint64(expires))
	s = binary.LittleEndian.AppendUint16(s, uint16(len(uri)))
	s = binary.LittleEndian.AppendUint16(s, uint16(n))
	s = append(s, uri...)
	s = append(s, make([]byte, 4*slots)...)
	s = append(s, fields...)
	table, to := Snapshot(s).split()
	for range n {
		at := len(to) - len(d.Rest())
		member := d.Str()
		if !stored(wire.ViewBytes(member)) {
			return nil, false
		}
		if slots > 0 {
			i := tableSlot(table, keyHash(member[len(sip.Scheme):]))
			for binary.LittleEndian.Uint32(table[4*i:]) != 0 {
				i = tableSlot(table, i+1)
			}
			binary.LittleEndian.PutUint32(table[4*i:], uint32(at+1))
		}
	}
	return s, d.Done()
}

// Storable reports whether a snapshot can be made of v. What a table holds may
// be longer than what the commands let anybody store.
func Storable(v *room.View) bool {
	if !stored(wire.ViewOf(v.URI)) {
		return false
	}
	for _, uri := range v.Members {
		if !stored(wire.ViewOf(uri)) {
			return false
		}
	}
	return true
}

// stored reports whether a snapshot may hold such a URI, sip:user@host.
func stored(v wire.View) bool {
	uri := v.Peek()
	return len(uri) <= LongestField-4 && strings.HasPrefix(uri, sip.Scheme) &&
		strings.IndexByte(uri[len(sip.Scheme):], '@') >= 0
}

// Suffices reports whether a text can be handled from a snapshot: it has a body,
// and its Call-ID can be written into a header as it is.
func Suffices(r *sip.Request) bool {
	for i := range len(r.CallID) {
		if r.CallID[i] <= ' ' || r.CallID[i] == 0x7f {
			return false
		}
	}
	return len(r.Body) > 0
}
