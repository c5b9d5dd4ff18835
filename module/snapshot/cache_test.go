package snapshot

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func put(tb testing.TB, c *Cache, user string, members int) {
	tb.Helper()
	c.Put([]byte(user+"@h"), testSnapshot(tb, "sip:"+user+"@h", uris("u", members)))
}

func TestCacheDropsTheOldest(t *testing.T) {
	c := newCache(1<<20, 3)
	assert.Nil(t, c.Get([]byte("a@h")))
	c.Drop([]byte("a@h"))
	for _, user := range []string{"a", "b", "c", "d"} {
		put(t, c, user, 2)
	}
	assert.Nil(t, c.Get([]byte("a@h")))
	put(t, c, "B", 5) // in place of the other, and now the newest
	put(t, c, "e", 2)
	assert.Nil(t, c.Get([]byte("c@h")))
	assert.Equal(t, 5, c.Get([]byte("b@h")).members())
	for _, user := range []string{"b", "d", "e"} {
		assert.NotNil(t, c.Get([]byte(user+"@h")), user)
		c.Drop([]byte(user + "@h"))
		assert.Nil(t, c.Get([]byte(user+"@h")), user)
	}
	assert.Zero(t, c.rooms)
	for _, at := range c.slots {
		assert.Zero(t, at)
	}
}

func TestCacheWithoutRoomForOne(t *testing.T) {
	c := newCache(1000, 10)
	put(t, c, "a", 2)
	put(t, c, "huge", 1000)
	assert.Nil(t, c.Get([]byte("huge@h")))
	assert.NotNil(t, c.Get([]byte("a@h")))
	put(t, c, "a", 1000)
	assert.Nil(t, c.Get([]byte("a@h")), "what was there is out of date")
}

// TestCacheAgainstModel holds a small ring against a map: what the ring has is
// what was put last, and what it does not have is older than what it has.
func TestCacheAgainstModel(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		size, most := 500+random.IntN(20000), 5+random.IntN(300)
		if seed%3 == 0 {
			size, most = 10*size, 10*most
		}
		c := newCache(size, most)
		type known struct {
			s   Snapshot
			put int
		}
		model := make(map[string]known)
		rooms := 1 + random.IntN(1000)
		for i := range 3000 {
			user := fmt.Sprintf("r%d", random.IntN(rooms))
			key := []byte(user + "@h")
			if random.IntN(10) == 0 {
				c.Drop(key)
				delete(model, string(key))
				continue
			}
			members := random.IntN(4)
			if random.IntN(50) == 0 {
				members = 17 + random.IntN(30)
			}
			s, ok := Make(nil, AppendPayload(nil, uint64(i), 0, "sip:"+user+"@h", uris("u", members)), 0)
			require.True(t, ok)
			c.Put(key, s)
			delete(model, string(key))
			if len(s) <= size {
				model[string(key)] = known{s, i}
			}
			if i%20 != 0 {
				continue
			}
			// newest in the model that the ring has lost, oldest that it has
			lost, kept, held, total := -1, i+1, 0, 0
			for key, k := range model {
				got := c.Get([]byte(key))
				if got == nil {
					lost = max(lost, k.put)
					continue
				}
				require.True(t, bytes.Equal(k.s, got))
				kept = min(kept, k.put)
				held++
				total += len(got)
			}
			require.Equal(t, held, c.rooms)
			require.LessOrEqual(t, held, most)
			require.Equal(t, total, c.live)
			require.LessOrEqual(t, total, c.size)
			require.LessOrEqual(t, c.size, size)
			require.Less(t, lost, kept, "the oldest go first")
			require.LessOrEqual(t, 4*c.rooms, 3*len(c.slots))
			occupied := 0
			for _, at := range c.slots {
				if at != 0 {
					occupied++
				}
			}
			require.Equal(t, c.rooms, occupied)
		}
	}
}

// TestCacheOfRoomsThatChange: a few rooms of which there is a new Snapshot all
// the time do not use the whole ring up, and hardly any is lost by that.
func TestCacheOfRoomsThatChange(t *testing.T) {
	const rooms, rounds = 20, 1000
	c := newCache(cacheBytes, cacheRooms)
	lost := 0
	for i := range rounds * rooms {
		user := fmt.Sprintf("r%d", i%rooms)
		if c.Get([]byte(user+"@h")) == nil {
			lost++
		}
		put(t, c, user, 10)
	}
	assert.Equal(t, rooms, c.rooms)
	assert.Equal(t, cacheStart, c.size)
	assert.Less(t, lost, rounds)
}

// TestCacheHoldsManyRooms: 100,000 rooms of 2 fit, and cost what their names
// take and little more.
func TestCacheHoldsManyRooms(t *testing.T) {
	const rooms = 100000
	c := newCache(cacheBytes, cacheRooms)
	key := func(i int) []byte { return fmt.Appendf(nil, "r%07d@bench.test", i) }
	var payload, made []byte
	names := 0
	for i := range rooms {
		room := "sip:" + string(key(i))
		members := []string{fmt.Sprintf("sip:m%07d@bench.test", 2*i), fmt.Sprintf("sip:m%07d@bench.test", 2*i+1)}
		names += len(room) + len(members[0]) + len(members[1])
		payload = AppendPayload(payload[:0], 1, 0, room, members)
		s, ok := Make(made, payload, 0)
		require.True(t, ok)
		made = s
		c.Put(key(i), s)
	}
	require.Equal(t, rooms, c.rooms)
	for i := range rooms {
		require.NotNil(t, c.Get(key(i)))
	}
	perRoom := float64(c.head+4*len(c.slots)) / rooms
	t.Logf("%.1f bytes a room, %.1f of them names", perRoom, float64(names)/rooms)
	assert.LessOrEqual(t, perRoom, float64(names)/rooms+48)
	assert.LessOrEqual(t, len(c.ring)+4*len(c.slots), 12<<20)

	// What is more than fits drops the oldest, within the same memory.
	ring := &c.ring[0]
	for i := rooms; i < 2*rooms; i++ {
		s := testSnapshot(t, "sip:"+string(key(i)), []string{"sip:a@bench.test", "sip:b@bench.test"})
		c.Put(key(i), s)
		require.NotNil(t, c.Get(key(i)))
	}
	assert.Same(t, ring, &c.ring[0])
	assert.LessOrEqual(t, 4*len(c.slots), 1<<20)
	assert.Nil(t, c.Get(key(0)))
}

func BenchmarkCacheGet(b *testing.B) {
	for _, rooms := range []int{10, 100000} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			c := newCache(cacheBytes, cacheRooms)
			for i := range rooms {
				put(b, c, fmt.Sprintf("r%07d", i), 2)
			}
			key := make([]byte, 0, 64)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i = (i + 7919) % rooms
				key = fmt.Appendf(key[:0], "r%07d@h", i)
				if c.Get(key) == nil {
					b.Fatal("lost")
				}
			}
		})
	}
}
