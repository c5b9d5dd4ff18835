package module

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
)

func testSnapshot(tb testing.TB, user string, members int) *snapshot {
	tb.Helper()
	v := engine.NewRoomView(engine.Address{User: user, Host: "h"}, false, uris("member", members), nil)
	s, ok := parseSnapshot(appendSnapshot(nil, 7, 0, v), 0)
	require.True(tb, ok)
	return s
}

func TestSnapshotFanOut(t *testing.T) {
	for _, c := range []struct{ members, body int }{{1, 3}, {2, 3}, {5, 3}, {4000, 3}, {4000, 60000}, {3000, 120000}} {
		s := testSnapshot(t, "Room", c.members)
		assert.Equal(t, "room@h", s.key)
		assert.Equal(t, "sip:Room@h", s.view.URI)
		for _, sender := range []int{0, c.members / 2, c.members - 1} {
			r := newReply(t)
			h := head{room: s.key, from: s.view.URI, body: make([]byte, c.body)}
			s.fanOut(&h, sender, r)
			var got []string
			b := slices.Concat(r.Bytes(), r.rest)
			for len(b) > 0 {
				record, rest, ok := nextRecord(b)
				require.True(t, ok)
				_, to, ok := parseMessage(record)
				require.True(t, ok)
				require.NotEmpty(t, to)
				got = append(got, to...)
				b = rest
			}
			want := slices.Delete(uris("member", c.members), sender, sender+1)
			assert.ElementsMatch(t, want, got)
			assert.True(t, slices.Equal(want, got), "order")
		}
	}
}

func TestSnapshotThatCannotBe(t *testing.T) {
	good := engine.NewRoomView(engine.Address{User: "r", Host: "h"}, false, uris("u", 2), nil)
	b := appendSnapshot(nil, 1, 0, good)
	for i := range b {
		_, ok := parseSnapshot(b[:i], 0)
		assert.False(t, ok, "cut at %d", i)
	}
	bad := engine.NewRoomView(engine.Address{User: "r", Host: "h"}, false, []string{"sip:" + strings.Repeat("u", 1000) + "@h"}, nil)
	_, ok := parseSnapshot(appendSnapshot(nil, 1, 0, bad), 0)
	assert.False(t, ok)
	bad = engine.NewRoomView(engine.Address{User: "r", Host: "h"}, false, []string{"u"}, nil)
	_, ok = parseSnapshot(appendSnapshot(nil, 1, 0, bad), 0)
	assert.False(t, ok)
}

func TestCacheDropsTheOldest(t *testing.T) {
	c := newCache(1<<20, 3)
	for _, name := range []string{"a", "b", "c"} {
		c.put(testSnapshot(t, name, 2))
	}
	assert.NotNil(t, c.get([]byte("a@h")), "used again: no longer the oldest")
	c.put(testSnapshot(t, "d", 2))
	assert.Nil(t, c.get([]byte("b@h")))
	for _, name := range []string{"a@h", "c@h", "d@h"} {
		assert.NotNil(t, c.get([]byte(name)), name)
	}
	c.put(testSnapshot(t, "d", 5)) // in place of the other
	assert.Len(t, c.rooms, 3)
	assert.Equal(t, 5, c.get([]byte("d@h")).members())
	for _, name := range []string{"a@h", "d@h", "c@h"} {
		c.drop(c.get([]byte(name)))
	}
	assert.Zero(t, c.bytes)
	assert.Nil(t, c.oldest)
	assert.Nil(t, c.newest)
}

func TestCacheIsBoundedInBytes(t *testing.T) {
	one := testSnapshot(t, "a", 10).bytes()
	c := newCache(5*one, 1000)
	for name := range strings.SplitSeq("abcdefghij", "") {
		c.put(testSnapshot(t, name, 10))
		assert.LessOrEqual(t, c.bytes, c.maxBytes)
	}
	assert.Len(t, c.rooms, 5)
	c.put(testSnapshot(t, "huge", 1000))
	assert.Nil(t, c.get([]byte("huge@h")), "larger than the whole cache")
	assert.Len(t, c.rooms, 5)
}
