package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// TestNames has rooms and users with names of all kinds talk.
func TestNames(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{NoTCP: true})
	ctx := bounded(t, 30*time.Second)
	for _, name := range []string{
		"ünïcödé", "日本語", "😀", "a%20b", "100%", "%s%n%x", "%00", "%0d%0aEvil%3a%20yes", "o'brien",
		"a+b.c_d-e~f!g*h(i)", "a&b=c$d,e/f", "*", "1", "-", "..", "user;param=1", strings.Repeat("x", 64), "NULL", "room';DROP%20TABLE%20imc_rooms;--x",
	} {
		room := name
		if len(room) > 64-len("sip:@"+domain) {
			room = room[:64-len("sip:@"+domain)]
		}
		first := c.farm.Count()
		c.must(ctx, "1", name, room, "#create")
		c.must(ctx, "1", "bob", room, "#join")
		c.must(ctx, "1", name, room, "hello")
		got, err := c.farm.Await(ctx, first, 4)
		require.NoError(t, err)
		require.Len(t, got, 4, name)
		assert.Equal(t, uri(name), got[0].URI)
		assert.Equal(t, "["+name+"]: hello", string(got[3].Body))
		assert.Equal(t, uri("bob"), got[3].URI)
		assert.True(t, strings.HasPrefix(got[3].Get("From"), "<"+uri(room)+">"), "From: %s", got[3].Get("From"))
		c.must(ctx, "1", name, room, "#destroy")
	}
	assert.Empty(t, c.farm.Broken())
}

// TestNamesRefused has names that no column or header can hold: they are
// refused, the sender hears why if that is possible, and nothing is left.
func TestNamesRefused(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{NoTCP: true})
	ctx := bounded(t, 30*time.Second)
	c.must(ctx, "1", "alice", "room", "#create")
	long := strings.Repeat("x", 65)
	for _, tc := range []struct{ rc, from, room, body string }{
		{"-40", long, "room", "#join"},
		{"-30", "alice", "lobby", "#create " + long},
		{"-30", "alice", "lobby", "#create sip:r@" + long},
		{"-30", "alice", "lobby", "#create " + strings.Repeat("y", 60)}, // the URI is longer than its column
		{"-30", "alice", "lobby", "#create sip:a<b>@" + domain},
		{"-30", "alice", "lobby", "#create sip:a\x01b@" + domain},
		{"-50", "alice", "room", "#invite " + long},
		{"-50", "alice", "room", "#add sip:bob@" + long},
		{"-50", "alice", "room", "#add \x7f"},
		{"-50", "alice", "room", "#invite sip:"},
		{"-50", "alice", "room", "#invite @"},
	} {
		first := c.farm.Count()
		c.must(ctx, tc.rc, tc.from, tc.room, tc.body)
		got, err := c.farm.Await(ctx, first, 1)
		require.NoError(t, err, "an answer to %.40q", tc.body)
		require.Len(t, got, 1)
		assert.Regexp(t, `^\*\*\* [^\n]+$`, string(got[0].Body))
		assert.Equal(t, uri(tc.from), got[0].URI)
	}
	v, err := c.RPC("imc.list_rooms")
	require.NoError(t, err)
	require.Len(t, v.Structs(), 1, "only the room that was made at first")
	assert.Equal(t, "1", v.Structs()[0].Get("members"))
	assert.Empty(t, c.LogLines(`ERROR: imc|CRITICAL:|BUG:`))
}

// TestLongTexts sends texts of up to 64 KB over TCP, which arrive byte by byte,
// from the workers and from the queue.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	for _, inline := range []int{128, 0} {
		t.Run(fmt.Sprintf("fanout_inline=%d", inline), func(t *testing.T) {
			t.Parallel()
			testLongTexts(t, inline)
		})
	}
}

func testLongTexts(t *testing.T, inline int) {
	t.Helper()
	bob := sipua.NewStream(t)
	s := kamailio.Start(t, kamailio.Options{Case: "conversation", Params: map[string]any{
		"outbound_proxy": "sip:" + bob.Addr() + ";transport=tcp", "fanout_inline": inline,
	}})
	alice := sipua.NewStream(t)
	ctx := bounded(t, 30*time.Second)
	require.NoError(t, alice.Connect(ctx, s.Addr))
	send := func(from string, body []byte) {
		t.Helper()
		n := time.Now().UnixNano()
		head := fmt.Sprintf("MESSAGE sip:room@%[1]s SIP/2.0\r\nVia: SIP/2.0/TCP %[2]s;branch=z9hG4bK%[3]d\r\nFrom: <sip:%[4]s@%[1]s>;tag=%[3]d\r\n"+
			"To: <sip:room@%[1]s>\r\nCall-ID: %[3]d\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nContent-Type: text/plain\r\nContent-Length: %[5]d\r\n\r\n",
			domain, alice.Addr(), n, from, len(body))
		res, err := alice.Send(ctx, append([]byte(head), body...))
		require.NoError(t, err)
		require.Equal(t, "1", res.Get("X-RC"), "%d bytes", len(body))
	}
	receive := func() *sipua.Message {
		t.Helper()
		select {
		case m := <-bob.Received:
			return m
		case <-ctx.Done():
			require.Fail(t, "nothing arrived")
			return nil
		}
	}
	send("alice", []byte("#create"))
	receive()
	send("bob", []byte("#join"))
	receive()
	receive()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, size := range []int{1, 1300, 32 << 10, 60000, 65536} {
		body := bytes.Repeat(append(bytes.Clone(all[1:]), 0), size/256+1)[:size]
		send("alice", body)
		m := receive()
		assert.Equal(t, "sip:bob@"+domain, m.URI)
		assert.True(t, bytes.Equal(append([]byte("[alice]: "), body...), m.Body), "%d bytes arrived unchanged (%d did)", size, len(m.Body))
	}
}

// TestLongLists has more rooms and members than fit one MESSAGE: the lists
// come in several, each with its heading, and nothing is missing.
func TestLongLists(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{NoTCP: true, ShmMB: 256, Workers: 2})
	ctx := bounded(t, 60*time.Second)
	const rooms = 800
	pad := strings.Repeat("r", 38)
	for i := range rooms {
		c.must(ctx, "1", "alice", fmt.Sprintf("%s%d", pad, i), "#create")
	}
	first := c.farm.Count()
	c.must(ctx, "1", "bob", "lobby", "#rooms")
	names := c.collect(ctx, first, "Rooms:\n", rooms)
	assert.Len(t, names, rooms)
	assert.Greater(t, c.farm.Count()-first, 1, "more than one MESSAGE")
}

// collect gathers the lines of a list that may come in several MESSAGEs until
// there are n.
func (c *chat) collect(ctx context.Context, first int, heading string, n int) map[string]bool {
	c.t.Helper()
	lines := map[string]bool{}
	for have := 0; len(lines) < n; {
		got, err := c.farm.Await(ctx, first+have, 1)
		require.NoError(c.t, err, "%d lines came", len(lines))
		for _, m := range got {
			list, ok := strings.CutPrefix(string(m.Body), heading)
			require.True(c.t, ok, "a heading in %.50q", m.Body)
			require.LessOrEqual(c.t, len(m.Body), 32767)
			for l := range strings.SplitSeq(list, "\n") {
				require.False(c.t, lines[l], "%s is there twice", l)
				lines[l] = true
			}
		}
		have += len(got)
	}
	return lines
}
