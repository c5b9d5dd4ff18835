package module

import "sync/atomic"

// versions is the table of room versions in memory shared by all processes. A
// room's version is the number at its key's hash; rooms may share one, which
// costs a needless look at the host and nothing else. The host alone writes.
type versions []atomic.Uint64

// FNV-1a, 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hash[S string | []byte](key S) uint64 {
	h := uint64(fnvOffset)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * fnvPrime
	}
	return h
}

// at returns the version of the room with this key. The table's length is a
// power of two.
func (v versions) at(hash uint64) *atomic.Uint64 {
	return &v[hash&uint64(len(v)-1)]
}

// bump makes every snapshot of the room with this key out of date.
func (v versions) bump(key string) {
	v.at(hash(key)).Add(1)
}
