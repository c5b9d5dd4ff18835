// Package load is a SIP load generator for chat rooms: it sends MESSAGE
// requests to a Kamailio over UDP, plays all members of all rooms behind one
// socket (the module's outbound_proxy), answers their MESSAGEs at once, and
// keeps account of every delivery by the Call-ID that stands in In-Reply-To.
//
// Rooms are r0000000, r0000001, ... and members m0000000, ... at Host. Room r
// of size n holds the members r*n to r*n+n-1, the first of them its owner.
package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
)

// Host is the host of all rooms and members. It is never looked up: all
// MESSAGEs go to the outbound proxy.
const Host = "bench.test"

// Sizes of the sockets' buffers and of a batch of packets.
const (
	socketBuffer = 64 << 20
	batchSize    = 64
	packetSize   = 8 << 10
	maxStreams   = 256
)

// Generator owns the two sockets: one sends requests and reads their
// responses, the other one, the sink, stands for all members. Its methods are
// safe for concurrent use; several streams can run at once.
type Generator struct {
	source, sink *net.UDPConn
	sourceAddr   string
	sinkAddr     string
	epoch        time.Time
	silent       atomic.Pointer[func(member int) bool]
	wg           sync.WaitGroup

	mu      sync.Mutex // guards what follows; held for a batch, never across I/O
	streams [maxStreams]*stream
	next    int
	strays  int
}

// New opens the sockets. sinkAddr is the address of the sink, "" for a free
// port of loopback.
func New(sinkAddr string) (*Generator, error) {
	if sinkAddr == "" {
		sinkAddr = "127.0.0.1:0"
	}
	g := &Generator{epoch: time.Now(), next: rand.IntN(maxStreams)}
	var err error
	if g.source, err = listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	if g.sink, err = listen(sinkAddr); err != nil {
		return nil, errors.Join(err, g.source.Close())
	}
	g.sourceAddr = g.source.LocalAddr().String()
	g.sinkAddr = g.sink.LocalAddr().String()
	g.wg.Add(2)
	go g.readResponses()
	go g.readDeliveries()
	return g, nil
}

// Close closes the sockets and waits for their readers.
func (g *Generator) Close() error {
	err := errors.Join(g.source.Close(), g.sink.Close())
	g.wg.Wait()
	return err
}

// Sink is the host:port at which all members are reached.
func (g *Generator) Sink() string { return g.sinkAddr }

// Silence makes the members for which f is true never answer; nil makes all
// answer again. What they are sent is counted all the same.
func (g *Generator) Silence(f func(member int) bool) {
	if f == nil {
		g.silent.Store(nil)
		return
	}
	g.silent.Store(&f)
}

// Strays is the number of MESSAGEs that arrived and belonged to no stream that
// runs, since New.
func (g *Generator) Strays() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.strays
}

// CPU is the processor time that this process has used.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (g *Generator) now() time.Duration { return time.Since(g.epoch) }

// listen opens a UDP socket with large buffers, beyond the system's limit if
// this process may do so.
func listen(addr string) (*net.UDPConn, error) {
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(a))
	if err != nil {
		return nil, err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	err = raw.Control(func(fd uintptr) {
		for forced, plain := range map[int]int{
			syscall.SO_RCVBUFFORCE: syscall.SO_RCVBUF, syscall.SO_SNDBUFFORCE: syscall.SO_SNDBUF,
		} {
			if syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, forced, socketBuffer) != nil {
				_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, plain, socketBuffer)
			}
		}
	})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// readDeliveries answers what arrives for the members and counts it.
func (g *Generator) readDeliveries() {
	defer g.wg.Done()
	conn := ipv4.NewPacketConn(g.sink)
	in := buffers()
	out := buffers()
	for {
		n, err := conn.ReadBatch(in, 0)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier packet
		}
		now := g.now()
		silent := g.silent.Load()
		replies := out[:0]
		var finished [batchSize]*stream
		done := 0
		g.mu.Lock()
		for i := range in[:n] {
			d, ok := parseDelivery(in[i].Buffers[0][:in[i].N])
			if !ok {
				continue
			}
			if s := g.arrived(d, now); s != nil {
				finished[done] = s
				done++
			}
			if silent != nil && (*silent)(d.member) {
				continue
			}
			replies = replies[:len(replies)+1]
			r := &replies[len(replies)-1]
			r.Buffers[0] = appendOK(r.Buffers[0][:0], d)
			r.Addr = in[i].Addr
		}
		g.mu.Unlock()
		writeAll(conn, replies)
		for _, s := range finished[:done] {
			s.send(g)
		}
	}
}

// readResponses takes the responses to the requests of the streams.
func (g *Generator) readResponses() {
	defer g.wg.Done()
	conn := ipv4.NewPacketConn(g.source)
	in := buffers()
	for {
		n, err := conn.ReadBatch(in, 0)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		now := g.now()
		var finished [batchSize]*stream
		done := 0
		g.mu.Lock()
		for i := range in[:n] {
			code, tok, ok := parseResponse(in[i].Buffers[0][:in[i].N])
			if !ok || code < 200 {
				continue
			}
			if s := g.replied(tok, code, now); s != nil {
				finished[done] = s
				done++
			}
		}
		g.mu.Unlock()
		for _, s := range finished[:done] {
			s.send(g)
		}
	}
}

func buffers() []ipv4.Message {
	ms := make([]ipv4.Message, batchSize)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, packetSize)}
	}
	return ms
}

func writeAll(conn *ipv4.PacketConn, ms []ipv4.Message) {
	for len(ms) > 0 {
		n, err := conn.WriteBatch(ms, 0)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if n <= 0 {
			n = 1 // this one cannot be sent: the server sends it again
		}
		ms = ms[n:]
	}
}

// SendRaw sends a packet as it is from the socket of the requests. Nothing is
// counted.
func (g *Generator) SendRaw(server netip.AddrPort, packet []byte) error {
	_, err := g.source.WriteToUDPAddrPort(packet, server)
	return err
}

// Server parses the address of a server.
func Server(addr string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return a, fmt.Errorf("address of the server: %w", err)
	}
	return a, nil
}
