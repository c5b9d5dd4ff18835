package snapshot

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/sip"
	"kamailio-imc/module/wire"
)

func testSnapshot(tb testing.TB, room string, members []string) Snapshot {
	tb.Helper()
	s, ok := Make(nil, AppendPayload(nil, 7, 0, room, members), 0)
	require.True(tb, ok)
	return s
}

// fannedOut returns the recipients of a text of the member with this key.
func fannedOut(tb testing.TB, s Snapshot, key string, body int) []string {
	tb.Helper()
	sender := s.Find([]byte(key))
	require.GreaterOrEqual(tb, sender, 0)
	return fanOut(tb, s, sender, make([]byte, body))
}

// fanOut returns the recipients of a text with this body.
func fanOut(tb testing.TB, s Snapshot, sender int, body []byte) (all []string) {
	tb.Helper()
	var replies wire.Replies
	buf := make([]byte, wire.ReplyMin)
	r := replies.Begin(buf)
	s.FanOut(&wire.Message{Room: wire.ViewOf("room@h"), From: s.URI(), Body: body}, sender, r)
	for {
		for b := r.Bytes(); len(b) > 0; {
			record, rest, ok := wire.NextRecord(b)
			require.True(tb, ok)
			_, to, ok := wire.ParseMessage(record)
			require.True(tb, ok)
			require.NotEmpty(tb, to)
			all = append(all, to...)
			b = rest
		}
		if !r.More() {
			return all
		}
		r = replies.Continue(buf)
	}
}

// uris returns n URIs of users whose names begin with prefix.
func uris(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("sip:%s%d@h", prefix, i)
	}
	return out
}

func TestSnapshotFanOut(t *testing.T) {
	for _, c := range []struct{ members, body int }{
		{1, 3}, {2, 3}, {5, 3}, {16, 3}, {17, 3}, {4000, 3}, {4000, 60000}, {3000, 120000},
	} {
		s := testSnapshot(t, "sip:Room@h", uris("Member", c.members))
		assert.True(t, s.Of([]byte("room@h")))
		assert.False(t, s.Of([]byte("room@x")))
		assert.Equal(t, "sip:Room@h", s.URI().Peek())
		assert.Equal(t, c.members, s.members())
		for _, sender := range []int{0, c.members / 2, c.members - 1} {
			want := slices.Delete(uris("Member", c.members), sender, sender+1)
			got := fannedOut(t, s, fmt.Sprintf("member%d@h", sender), c.body)
			assert.True(t, slices.Equal(want, got), "%d members, sender %d", c.members, sender)
		}
	}
}

func TestSnapshotFind(t *testing.T) {
	for _, n := range []int{0, 1, 16, 17, 100, MaxMembers} {
		s := testSnapshot(t, "sip:r@h", uris("User", n))
		for i := range n {
			at := s.Find(fmt.Appendf(nil, "user%d@h", i))
			require.GreaterOrEqual(t, at, 0)
			require.Equal(t, fmt.Sprintf("sip:User%d@h", i), s.Member(at).Peek())
		}
		for _, key := range []string{"", "user", "user0@g", fmt.Sprintf("user%d@h", n), strings.Repeat("u", 1000)} {
			assert.Equal(t, -1, s.Find([]byte(key)), key)
		}
		key := []byte("user0@h")
		assert.Zero(t, testing.AllocsPerRun(100, func() { s.Find(key) }))
	}
}

func TestSnapshotThatCannotBe(t *testing.T) {
	made := func(room string, members ...string) bool {
		_, ok := Make(nil, AppendPayload(nil, 1, 0, room, members), 0)
		return ok
	}
	assert.True(t, made("sip:r@h", "sip:u@h"))
	long := "sip:" + strings.Repeat("u", 1000) + "@h"
	for _, uri := range []string{long, "u@h", "sip:u", "sip:", ""} {
		assert.False(t, made("sip:r@h", uri), uri)
		assert.False(t, made(uri, "sip:u@h"), uri)
	}
	assert.False(t, made("sip:r@h", uris("u", MaxMembers+1)...))
	for _, n := range []int{0, 2, 20} {
		b := AppendPayload(nil, 1, 0, "sip:r@h", uris("u", n))
		for i := range b {
			_, ok := Make(nil, b[:i], 0)
			assert.False(t, ok, "cut at %d", i)
		}
		_, ok := Make(nil, append(b, 0), 0)
		assert.False(t, ok)
	}
}

func TestSnapshotExpires(t *testing.T) {
	s, ok := Make(nil, AppendPayload(nil, 1<<40, 5, "sip:r@h", nil), 1000)
	require.True(t, ok)
	assert.EqualValues(t, 1<<40, s.version())
	assert.EqualValues(t, 1005, s.expires())
	assert.Zero(t, testSnapshot(t, "sip:r@h", nil).expires())
}

// FuzzSnapshot: a worker takes a sound snapshot or refuses it.
func FuzzSnapshot(f *testing.F) {
	f.Add(AppendPayload(nil, 1, 0, "sip:r@h", uris("u", 3)))
	f.Add(AppendPayload(nil, 1, 1000, "sip:r@h", nil))
	f.Add(AppendPayload(nil, 1, 0, "sip:R@h", uris("U", linearMembers+1)))
	c := newCache(1<<21, 10)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := Make(nil, b, 0)
		if !ok {
			return
		}
		_, to := s.split()
		n := 0
		for at := 0; at < len(to); at += 4 + len(fieldAt(to, at)) {
			assert.Len(t, fanOut(t, s, at, []byte("x")), s.members()-1)
			assert.GreaterOrEqual(t, s.Find(keyOf(fieldAt(to, at))), 0)
			n++
		}
		assert.Equal(t, s.members(), n)
		assert.Equal(t, -1, s.Find([]byte("no member's")))
		key := keyOf(s.uri())
		c.Put(key, s)
		assert.Equal(t, s, c.Get(key))
	})
}

// keyOf returns the key of a stored URI.
func keyOf(uri []byte) []byte {
	key := bytes.Clone(uri[len(sip.Scheme):])
	for i, c := range key {
		if 'A' <= c && c <= 'Z' {
			key[i] = c + 'a' - 'A'
		}
	}
	return key
}
