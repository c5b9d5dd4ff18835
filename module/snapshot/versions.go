package snapshot

import "sync/atomic"

// Versions is the table of room versions in memory shared by all processes. A
// room's version is the number at its key's hash; rooms may share one, which
// costs a needless look at the host and nothing else. The host alone writes.
// The length is a power of two.
type Versions []atomic.Uint64

// FNV-1a, 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func (v Versions) at(key []byte) *atomic.Uint64 {
	h := uint64(fnvOffset)
	for _, c := range key {
		h = (h ^ uint64(c)) * fnvPrime
	}
	return &v[h&uint64(len(v)-1)]
}

// Of returns the version of the room with this key.
func (v Versions) Of(key []byte) uint64 { return v.at(key).Load() }

// Raise makes every snapshot of the room with this key out of date.
func (v Versions) Raise(key []byte) { v.at(key).Add(1) }
