package load

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// conference answers every request with 200 and sends MESSAGEs for it, as a
// server does.
type conference struct {
	conn *net.UDPConn
	sink *net.UDPAddr
	// to gives the members that a request is sent on to.
	to func(request int) []int
}

func startConference(t *testing.T, g *Generator, to func(int) []int) *conference {
	t.Helper()
	sink, err := net.ResolveUDPAddr("udp", g.Sink())
	require.NoError(t, err)
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	c := &conference{conn: conn, sink: sink, to: to}
	t.Cleanup(func() { _ = conn.Close() })
	go c.serve()
	return c
}

func (c *conference) serve() {
	buf := make([]byte, 65536)
	for n := 0; ; {
		size, from, err := c.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		p := buf[:size]
		if !bytes.HasPrefix(p, []byte("MESSAGE ")) {
			continue // the answer of a member
		}
		id := header(p, "Call-ID: ")
		for i, m := range c.to(n) {
			out := fmt.Sprintf("MESSAGE %s SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nTo: <x>\r\nFrom: <y>;tag=1\r\n"+
				"CSeq: 10 MESSAGE\r\nCall-ID: %d-%d\r\nIn-Reply-To: %s\r\n\r\nhello", MemberURI(m), n, i, id)
			_, _ = c.conn.WriteToUDP([]byte(out), c.sink)
		}
		_, _ = c.conn.WriteToUDPAddrPort(fmt.Appendf(nil, "SIP/2.0 200 OK\r\nVia: x\r\nCall-ID: %s\r\n\r\n", id), from)
		n++
	}
}

func newGenerator(t *testing.T) *Generator {
	t.Helper()
	g, err := New("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return g
}

func TestRunAccountsForEveryDelivery(t *testing.T) {
	t.Parallel()
	g := newGenerator(t)
	// room 7 of 3: members 21, 22, 23
	c := startConference(t, g, func(n int) []int {
		switch n {
		case 0:
			return []int{22, 23} // as it should be
		case 1:
			return []int{22} // one is lost
		case 2:
			return []int{22, 22, 23} // one gets it twice
		default:
			return []int{22, 23, 99} // somebody else gets it
		}
	})
	addr, err := Server(c.conn.LocalAddr().String())
	require.NoError(t, err)
	res, err := g.Run(context.Background(), Plan{
		Server: addr, Requests: 4, Every: time.Millisecond, Patience: 300 * time.Millisecond,
		Request: func(int) Request { return Request{Room: 7, From: 21, Size: 3, Due: -1} },
	})
	require.NoError(t, err)
	tot := res.Totals()
	assert.Equal(t, 4, tot.Accepted)
	assert.Equal(t, 8, tot.Due)
	assert.Equal(t, 7, tot.Arrived)
	assert.Equal(t, 1, res.Items[1].Missing())
	assert.Equal(t, 1, tot.Duplicates)
	assert.Equal(t, 1, tot.Foreign)
	assert.Zero(t, tot.Retransmitted)
	assert.True(t, res.Items[0].Reached(23))
	assert.False(t, res.Items[1].Reached(23))
	assert.Positive(t, tot.ReplyP50)
}

func TestClosedLoopKeepsItsWindow(t *testing.T) {
	t.Parallel()
	g := newGenerator(t)
	c := startConference(t, g, func(int) []int { return []int{1} })
	addr, err := Server(c.conn.LocalAddr().String())
	require.NoError(t, err)
	res, err := g.Run(context.Background(), Plan{
		Server: addr, Requests: 500, Window: 4, Patience: time.Second,
		Request: func(int) Request { return Request{Size: 2, Due: -1} },
	})
	require.NoError(t, err)
	require.Len(t, res.Items, 500)
	assert.Zero(t, Sum(res.Items, 0).Unanswered)
	for i := 4; i < len(res.Items); i++ {
		finished := 0
		for _, earlier := range res.Items[:i] {
			if max(earlier.Replied, earlier.Last) <= res.Items[i].Sent {
				finished++
			}
		}
		require.GreaterOrEqual(t, finished, i-3, "request %d was sent while 4 were under way", i)
	}
}

func TestTokensAndAnswers(t *testing.T) {
	t.Parallel()
	want := token{stream: 200, nonce: 0xbeef, index: 123456}
	got, ok := parseToken(appendToken(nil, want)[1:])
	require.True(t, ok)
	assert.Equal(t, want, got)
	_, ok = parseToken([]byte("short"))
	assert.False(t, ok)
	d, ok := parseDelivery([]byte("MESSAGE sip:m0000012@h SIP/2.0\r\nVia: a\r\nVia: b\r\nTo: <t>\r\nFrom: f\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\nX: y\r\n\r\nTo: body\r\n"))
	require.True(t, ok)
	assert.Equal(t, 12, d.member)
	assert.False(t, d.known)
	assert.Equal(t, "SIP/2.0 200 OK\r\nVia: a\r\nVia: b\r\nTo: <t>;tag=m\r\nFrom: f\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
		string(appendOK(nil, d)))
}
