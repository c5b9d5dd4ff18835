package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bridge forwards TCP connections to a server on loopback, and fails to in
// the ways of a network.
type bridge struct {
	net.Listener
	delay   atomic.Int64 // ns for what goes in either direction
	stopped atomic.Bool  // nothing is forwarded, nothing is closed
	mu      sync.Mutex
	conns   []*span
}

// span is one connection over a bridge.
type span struct {
	dead atomic.Bool // forwards nothing any more, and is not closed
}

func newBridge(tb testing.TB, port int) *bridge {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	b := &bridge{Listener: l}
	ended := make(chan struct{})
	tb.Cleanup(func() {
		_ = l.Close()
		close(ended)
	})
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				_ = in.Close()
				continue
			}
			s := &span{}
			b.mu.Lock()
			b.conns = append(b.conns, s)
			b.mu.Unlock()
			go b.forward(s, in, out, ended)
			go b.forward(s, out, in, ended)
		}
	}()
	return b
}

func (b *bridge) forward(s *span, to, from net.Conn, ended <-chan struct{}) {
	buf := make([]byte, 32*1024)
	for {
		n, err := from.Read(buf)
		for b.stopped.Load() || s.dead.Load() {
			select {
			case <-ended:
				_, _ = to.Close(), from.Close()
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
		time.Sleep(time.Duration(b.delay.Load()))
		if err == nil {
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			_, _ = to.Close(), from.Close()
			return
		}
	}
}

// lose makes all connections that there are dead, silently; new ones work.
func (b *bridge) lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.conns {
		s.dead.Store(true)
	}
	b.conns = nil
}

// relay carries datagrams between a farm and a Kamailio, and fails to in the
// ways of a network while it is told to.
type relay struct {
	farm   net.Addr
	near   *net.UDPConn // where the farm sends to
	far    *net.UDPConn // where Kamailio sends to
	server atomic.Pointer[net.UDPAddr]
	bad    atomic.Bool
	mu     sync.Mutex
	rnd    *rand.Rand
	counts [3]atomic.Int64 // lost, twice, late
}

func newRelay(tb testing.TB, farm string) *relay {
	tb.Helper()
	r := &relay{rnd: rand.New(rand.NewPCG(1, 2))}
	addr, err := net.ResolveUDPAddr("udp4", farm)
	require.NoError(tb, err)
	r.farm = addr
	for _, c := range []**net.UDPConn{&r.near, &r.far} {
		*c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(tb, err)
		_ = (*c).SetReadBuffer(4 << 20)
		tb.Cleanup(func() { _ = (*c).Close() })
	}
	go r.carry(r.near, func(data []byte) {
		if to := r.server.Load(); to != nil {
			_, _ = r.far.WriteToUDP(data, to)
		}
	})
	go r.carry(r.far, func(data []byte) { _, _ = r.near.WriteTo(data, r.farm) })
	return r
}

func (r *relay) inside() string  { return r.near.LocalAddr().String() }
func (r *relay) outside() string { return r.far.LocalAddr().String() }

// connect names the Kamailio.
func (r *relay) connect(server string) {
	if addr, err := net.ResolveUDPAddr("udp4", server); err == nil {
		r.server.Store(addr)
	}
}

func (r *relay) chance() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rnd.IntN(100)
}

// carry sends on what comes: 5 % are lost, 5 % come twice, a fifth comes late
// and so after what was sent later.
func (r *relay) carry(from *net.UDPConn, send func([]byte)) {
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		data := append([]byte(nil), buf[:n]...)
		if !r.bad.Load() {
			send(data)
			continue
		}
		switch c := r.chance(); {
		case c < 5:
			r.counts[0].Add(1)
		case c < 10:
			r.counts[1].Add(1)
			send(data)
			time.AfterFunc(time.Duration(r.chance())*time.Millisecond, func() { send(data) })
		case c < 30:
			r.counts[2].Add(1)
			time.AfterFunc(time.Duration(r.chance()/2)*time.Millisecond, func() { send(data) })
		default:
			send(data)
		}
	}
}

// badNetwork has the relay lose, repeat and reorder.
func badNetwork(r *run) func() {
	relay := r.scenes[0].relay
	relay.bad.Store(true)
	return func() {
		relay.bad.Store(false)
		r.t.Logf("datagrams: %d lost, %d came twice, %d late", relay.counts[0].Load(), relay.counts[1].Load(), relay.counts[2].Load())
	}
}
