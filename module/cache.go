package module

// Bounds of a worker's cache of snapshots. The heap of a worker is about one
// and a half times cacheBytes at most, see Process.LimitRuntime.
const (
	cacheBytes = 6 << 20 // about 6,000 rooms of 2, or 4,000 of 10
	cacheRooms = 16384
)

// cache keeps a worker's snapshots, those unused for longest dropped first.
// Not safe for concurrent use: a worker has one thread.
type cache struct {
	rooms          map[string]*snapshot
	newest, oldest *snapshot
	bytes          int
	maxBytes       int
	maxRooms       int
}

func newCache(maxBytes, maxRooms int) *cache {
	return &cache{rooms: make(map[string]*snapshot), maxBytes: maxBytes, maxRooms: maxRooms}
}

// get returns the snapshot of the room with this key, nil if there is none.
func (c *cache) get(key []byte) *snapshot {
	s := c.rooms[string(key)]
	if s != nil && s != c.newest {
		c.unlink(s)
		c.link(s)
	}
	return s
}

// put keeps s in place of what there was of its room.
func (c *cache) put(s *snapshot) {
	c.drop(c.rooms[s.key])
	if s.bytes() > c.maxBytes {
		return
	}
	c.rooms[s.key] = s
	c.bytes += s.bytes()
	c.link(s)
	for c.bytes > c.maxBytes || len(c.rooms) > c.maxRooms {
		c.drop(c.oldest)
	}
}

// drop forgets s; nil is allowed.
func (c *cache) drop(s *snapshot) {
	if s == nil {
		return
	}
	delete(c.rooms, s.key)
	c.bytes -= s.bytes()
	c.unlink(s)
}

func (c *cache) link(s *snapshot) {
	s.older = c.newest
	if c.newest != nil {
		c.newest.newer = s
	} else {
		c.oldest = s
	}
	c.newest = s
}

func (c *cache) unlink(s *snapshot) {
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		c.newest = s.older
	}
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		c.oldest = s.newer
	}
	s.newer, s.older = nil, nil
}
