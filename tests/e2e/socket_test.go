package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// networks is a server on two addresses of loopback; the members' farm talks to
// the second.
func networks(t *testing.T, params map[string]any) (c *chat, second string) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.2:0")
	require.NoError(t, err)
	second = conn.LocalAddr().String()
	require.NoError(t, conn.Close())
	c = newChat(t, kamailio.Options{NoTCP: true, Params: params, Args: []string{"-l", "udp:" + second}})
	require.NoError(t, c.farm.Connect(second))
	return c, second
}

// vias counts the addresses in the topmost Via of what arrived.
func (c *chat) vias(first int) map[string]int {
	out := map[string]int{}
	for _, m := range c.farm.Received(first) {
		via, _, _ := strings.Cut(strings.TrimPrefix(m.Get("Via"), "SIP/2.0/UDP "), ";")
		out[via]++
	}
	return out
}

// TestTwoNetworks: a text and the notices of a command leave by the socket on
// which the request came, whether a worker sends them or the engine.
func TestTwoNetworks(t *testing.T) {
	t.Parallel()
	for _, inline := range []int{0, 2, 128} {
		t.Run(fmt.Sprintf("fanout_inline=%d", inline), func(t *testing.T) {
			t.Parallel()
			c, second := networks(t, map[string]any{"fanout_inline": inline})
			ctx := bounded(t, 30*time.Second)
			const members = 4
			for i := range members {
				c.must(ctx, "1", fmt.Sprintf("user%d", i), "room", "#join")
			}
			c.must(ctx, "1", "user0", "room", "hello")
			n := members*(members+1)/2 + members - 1
			_, err := c.farm.Await(ctx, 0, n)
			require.NoError(t, err)
			assert.Equal(t, map[string]int{second: n}, c.vias(0), "all by the second socket")

			require.NoError(t, c.farm.Connect(c.Addr))
			c.must(ctx, "1", "user0", "room", "from the other network")
			_, err = c.farm.Await(ctx, n, members-1)
			require.NoError(t, err)
			assert.Equal(t, map[string]int{c.Addr: members - 1}, c.vias(n), "all by the first socket")
		})
	}
}

// TestFailedInvitationOnTwoNetworks: who invited is told by the socket of their
// request, in spite of the process in which tm notices the failure.
func TestFailedInvitationOnTwoNetworks(t *testing.T) {
	t.Parallel()
	c, second := networks(t, nil)
	ctx := bounded(t, 30*time.Second)
	c.farm.Answer(uri("bob"), 404)
	for _, socket := range []string{second, c.Addr} {
		require.NoError(t, c.farm.Connect(socket))
		first := c.farm.Count()
		c.must(ctx, "1", "alice", "room", "#create")
		c.must(ctx, "1", "alice", "room", "#invite bob")
		_, err := c.farm.Await(ctx, first, 3)
		require.NoError(t, err)
		assert.Equal(t, map[string]int{socket: 3}, c.vias(first))
		c.must(ctx, "1", "alice", "room", "#destroy")
		_, err = c.farm.Await(ctx, first, 4)
		require.NoError(t, err)
	}
}

// TestSendSocket: a socket that is set is used for everything.
func TestSendSocket(t *testing.T) {
	t.Parallel()
	for _, inline := range []int{0, 128} {
		t.Run(fmt.Sprintf("fanout_inline=%d", inline), func(t *testing.T) {
			t.Parallel()
			conn, err := net.ListenPacket("udp4", "127.0.0.3:0")
			require.NoError(t, err)
			own := conn.LocalAddr().String()
			require.NoError(t, conn.Close())
			c := newChat(t, kamailio.Options{NoTCP: true, Args: []string{"-l", "udp:" + own},
				Params: map[string]any{"fanout_inline": inline, "send_socket": "udp:" + own}})
			ctx := bounded(t, 30*time.Second)
			c.must(ctx, "1", "alice", "room", "#create")
			c.must(ctx, "1", "bob", "room", "#join")
			c.must(ctx, "1", "alice", "room", "hello")
			_, err = c.farm.Await(ctx, 0, 4)
			require.NoError(t, err)
			assert.Equal(t, map[string]int{own: 4}, c.vias(0))
		})
	}
}
