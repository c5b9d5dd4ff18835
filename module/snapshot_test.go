package module

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testSnapshot(tb testing.TB, room string, members []string) snapshot {
	tb.Helper()
	s, ok := makeSnapshot(nil, appendSnapshot(nil, 7, 0, room, members), 0)
	require.True(tb, ok)
	return s
}

// fannedOut returns the recipients of a text of the member with this key.
func fannedOut(tb testing.TB, s snapshot, key string, body int) []string {
	tb.Helper()
	sender := s.find([]byte(key))
	require.GreaterOrEqual(tb, sender, 0)
	r := newReply(tb)
	s.fanOut(&head{room: "room@h", from: string(s.uri()), body: make([]byte, body)}, sender, r)
	var got []string
	b := slices.Concat(r.Bytes(), r.rest)
	for len(b) > 0 {
		record, rest, ok := nextRecord(b)
		require.True(tb, ok)
		_, to, ok := parseMessage(record)
		require.True(tb, ok)
		require.NotEmpty(tb, to)
		got = append(got, to...)
		b = rest
	}
	return got
}

func TestSnapshotFanOut(t *testing.T) {
	for _, c := range []struct{ members, body int }{
		{1, 3}, {2, 3}, {5, 3}, {16, 3}, {17, 3}, {4000, 3}, {4000, 60000}, {3000, 120000},
	} {
		s := testSnapshot(t, "sip:Room@h", uris("Member", c.members))
		assert.True(t, s.of([]byte("room@h")))
		assert.False(t, s.of([]byte("room@x")))
		assert.Equal(t, "sip:Room@h", string(s.uri()))
		assert.Equal(t, c.members, s.members())
		for _, sender := range []int{0, c.members / 2, c.members - 1} {
			want := slices.Delete(uris("Member", c.members), sender, sender+1)
			got := fannedOut(t, s, fmt.Sprintf("member%d@h", sender), c.body)
			assert.True(t, slices.Equal(want, got), "%d members, sender %d", c.members, sender)
		}
	}
}

func TestSnapshotFind(t *testing.T) {
	for _, n := range []int{0, 1, 16, 17, 100, maxSnapshotMembers} {
		s := testSnapshot(t, "sip:r@h", uris("User", n))
		for i := range n {
			at := s.find(fmt.Appendf(nil, "user%d@h", i))
			require.GreaterOrEqual(t, at, 0)
			require.Equal(t, fmt.Sprintf("sip:User%d@h", i), string(s.member(at)))
		}
		for _, key := range []string{"", "user", "user0@g", fmt.Sprintf("user%d@h", n), strings.Repeat("u", 1000)} {
			assert.Equal(t, -1, s.find([]byte(key)), key)
		}
		key := []byte("user0@h")
		assert.Zero(t, testing.AllocsPerRun(100, func() { s.find(key) }))
	}
}

func TestSnapshotThatCannotBe(t *testing.T) {
	made := func(room string, members ...string) bool {
		_, ok := makeSnapshot(nil, appendSnapshot(nil, 1, 0, room, members), 0)
		return ok
	}
	assert.True(t, made("sip:r@h", "sip:u@h"))
	long := "sip:" + strings.Repeat("u", 1000) + "@h"
	for _, uri := range []string{long, "u@h", "sip:u", "sip:", ""} {
		assert.False(t, made("sip:r@h", uri), uri)
		assert.False(t, made(uri, "sip:u@h"), uri)
	}
	assert.False(t, made("sip:r@h", uris("u", maxSnapshotMembers+1)...))
	for _, n := range []int{0, 2, 20} {
		b := appendSnapshot(nil, 1, 0, "sip:r@h", uris("u", n))
		for i := range b {
			_, ok := makeSnapshot(nil, b[:i], 0)
			assert.False(t, ok, "cut at %d", i)
		}
		_, ok := makeSnapshot(nil, append(b, 0), 0)
		assert.False(t, ok)
	}
}

func TestSnapshotExpires(t *testing.T) {
	s, ok := makeSnapshot(nil, appendSnapshot(nil, 1<<40, 5, "sip:r@h", nil), 1000)
	require.True(t, ok)
	assert.EqualValues(t, 1<<40, s.version())
	assert.EqualValues(t, 1005, s.expires())
	assert.Zero(t, testSnapshot(t, "sip:r@h", nil).expires())
}
