package snapshot

import (
	"encoding/binary"
	"hash/maphash"
	"syscall"

	"kamailio-imc/engine/sip"
)

// Bounds of a worker's cache.
const (
	cacheBytes = 11 << 20 // the ring: 114,000 rooms of 2 with URIs of 23 bytes
	cacheStart = 64 << 10 // what is used of it at first
	cacheRooms = 3 << 16  // three quarters of the slots of an index of 1 MB
)

// Cache keeps a worker's snapshots, the oldest dropped first. They lie one
// after the other in a ring, and an index finds them by the room's key; there
// is no object per room. Not safe for concurrent use: a worker has one thread.
type Cache struct {
	maxBytes, maxRooms int

	// ring is mapped as a whole with the first room, for as long as the
	// process lives, and costs memory page by page as it is first written to.
	// It is not in Go's heap: the collector need not run for it, and sets no
	// share of garbage beside it.
	//
	// Only ring[:size] is used. It grows when a lap is full of snapshots; when
	// most of it is dropped ones, a new lap begins. So rooms that change all
	// the time do not use it up.
	ring      []byte
	size      int
	live      int // bytes of the snapshots in the index
	head      int // those of this lap are in ring[:head]
	tail, end int // those left of the last lap are in ring[tail:end], behind head

	// slots is the index, open addressing by keyHash of the room's key: 0 if
	// empty, else one more than where the snapshot begins; the next slot is
	// tried if it is another's. Its length is a power of two.
	slots []uint32
	rooms int // in the index
}

// NewCache returns an empty cache, which costs no memory yet.
func NewCache() *Cache { return newCache(cacheBytes, cacheRooms) }

// newCache returns a cache with a ring of maxBytes for at most maxRooms.
func newCache(maxBytes, maxRooms int) *Cache {
	return &Cache{maxBytes: maxBytes, maxRooms: maxRooms}
}

// Get returns the snapshot of the room with this key, nil if there is none. It
// is valid until the next Put.
func (c *Cache) Get(key []byte) Snapshot {
	if c.rooms == 0 {
		return nil
	}
	if at := c.slots[c.slot(key)]; at != 0 {
		return c.at(int(at) - 1)
	}
	return nil
}

// Put keeps a copy of s in place of what there was of its room, whose key this
// is.
func (c *Cache) Put(key []byte, s Snapshot) {
	c.Drop(key)
	if len(s) > c.maxBytes || !c.mapRing() {
		return
	}
	for c.rooms >= c.maxRooms {
		c.dropOldest()
	}
	at := c.reserve(len(s))
	copy(c.ring[at:], s)
	if 4*(c.rooms+1) > 3*len(c.slots) {
		c.grow()
	}
	c.slots[c.slot(key)] = uint32(at + 1)
	c.rooms++
	c.live += len(s)
}

// mapRing maps the ring if it is not yet, and reports whether there is one:
// without it the host is asked each time.
func (c *Cache) mapRing() bool {
	if c.ring == nil {
		ring, err := syscall.Mmap(-1, 0, c.maxBytes, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_PRIVATE|syscall.MAP_ANON)
		if err != nil {
			return false
		}
		c.ring = ring
		c.size = min(cacheStart, c.maxBytes)
	}
	return true
}

// Drop forgets the room with this key, if it is known. What it takes of the
// ring is free again when its turn has come.
func (c *Cache) Drop(key []byte) {
	if c.rooms == 0 {
		return
	}
	if i := c.slot(key); c.slots[i] != 0 {
		c.vacate(i)
	}
}

// at returns the snapshot that begins at c.ring[at:].
func (c *Cache) at(at int) Snapshot {
	return Snapshot(c.ring[at : at+int(binary.LittleEndian.Uint32(c.ring[at:]))])
}

// reserve returns where in the ring n bytes are free, those of the oldest
// rooms if need be. It is not more than maxBytes.
func (c *Cache) reserve(n int) int {
	for c.head+n > c.size && c.size < len(c.ring) && (n > c.size || 2*c.live > c.size) {
		c.size = min(2*c.size, len(c.ring))
	}
	if c.head+n > c.size {
		for c.tail < c.end {
			c.dropOldest()
		}
		c.lap()
	}
	for c.tail < c.end && c.tail < c.head+n {
		c.dropOldest()
	}
	at := c.head
	c.head += n
	return at
}

// lap goes on at the beginning of the ring. Nothing may be left of the last
// lap.
func (c *Cache) lap() { c.head, c.tail, c.end = 0, 0, c.head }

// dropOldest drops the oldest snapshot in the ring, which may be one that is
// no longer in the index.
func (c *Cache) dropOldest() {
	if c.tail == c.end {
		c.lap()
	}
	at := uint32(c.tail + 1)
	s := c.at(c.tail)
	c.tail += len(s)
	if c.rooms == 0 {
		return
	}
	i := c.home(s)
	for c.slots[i] != 0 && c.slots[i] != at {
		i = c.next(i)
	}
	if c.slots[i] != 0 {
		c.vacate(i)
	}
}

// slot returns the slot of the room with this key: that which holds it, or the
// empty one where it belongs.
func (c *Cache) slot(key []byte) int {
	i := c.first(key)
	for c.slots[i] != 0 && !c.at(int(c.slots[i])-1).Of(key) {
		i = c.next(i)
	}
	return i
}

// first returns the slot that is tried first for the room with this key, in
// any case; next the one after a slot.
func (c *Cache) first(key []byte) int { return int(keyHash(key) & uint64(len(c.slots)-1)) }

func (c *Cache) next(i int) int { return (i + 1) & (len(c.slots) - 1) }

// home returns the slot that is tried first for the room of s.
func (c *Cache) home(s Snapshot) int { return c.first(s.uri()[len(sip.Scheme):]) }

// vacate empties the slot i and moves those after it that would not be found
// any more behind an empty one.
func (c *Cache) vacate(i int) {
	c.rooms--
	c.live -= len(c.at(int(c.slots[i]) - 1))
	mask := len(c.slots) - 1
	for j := c.next(i); c.slots[j] != 0; j = c.next(j) {
		if home := c.home(c.at(int(c.slots[j]) - 1)); (j-home)&mask >= (j-i)&mask {
			c.slots[i] = c.slots[j]
			i = j
		}
	}
	c.slots[i] = 0
}

// grow makes an index of twice the size.
func (c *Cache) grow() {
	old := c.slots
	c.slots = make([]uint32, max(2*len(old), 1024))
	for _, at := range old {
		if at == 0 {
			continue
		}
		i := c.home(c.at(int(at) - 1))
		for c.slots[i] != 0 {
			i = c.next(i)
		}
		c.slots[i] = at
	}
}

// seed is this process's own, so that nobody can choose names of rooms or
// users that all belong into the same slot.
var seed = maphash.MakeSeed()

// keyHash returns the hash of a key for the indexes of this process;
// user@host in any case has that of its key.
func keyHash(key []byte) uint64 {
	var lower [LongestField]byte
	n := min(len(key), len(lower))
	for i, c := range key[:n] {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return maphash.Bytes(seed, lower[:n])
}
