package sipua

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// t1 is RFC 3261's estimate of a round trip: requests are retransmitted after
// it, then after twice that, and so on.
const t1 = 500 * time.Millisecond

// uncheckedQueue is how many requests may wait for sipgo to read them, after
// they were answered: more than a test sends at once.
const uncheckedQueue = 1 << 16

// maxBroken is how many datagrams a Farm remembers that it could not read.
const maxBroken = 10

// Silence as an answer lets a user not answer at all.
const Silence = 0

// Farm is any number of users behind one UDP socket. It is safe for concurrent
// use.
type Farm struct {
	conn   *net.UDPConn
	server *net.UDPAddr
	run    string // makes Call-IDs and branches unlike those of other runs
	next   atomic.Int64

	mu       sync.Mutex
	arrived  chan struct{} // closed and replaced at every arrival
	received []*Message    // requests in order of arrival
	byID     map[string]*Message
	answers  map[string]int // by Request-URI; 200 if not set
	delays   map[string]time.Duration
	waiting  map[string]chan *Message
	broken   []error // datagrams that could not be read

	// Requests that sipgo is still to read. That takes longer than all the rest:
	// done before answering, a burst would look to Kamailio like a slow network.
	unchecked chan []byte
	checked   chan struct{} // closed when all are
	keep      bool
	onArrive  func(*Message)
}

// Request is one MESSAGE to be sent. Everything goes to the wire as it stands.
type Request struct {
	Method  string // "" is MESSAGE
	URI     string // Request-URI
	From    string // value of From without the tag, for example "<sip:alice@chat.test>"
	To      string // value of To; "" is "<" + URI + ">"
	CallID  string // "" is a new one
	CSeq    int    // 0 is 1
	Headers []Header
	Body    []byte
	// NoLength leaves Content-Length out; a header of that name replaces it.
	NoLength bool
}

// NewFarm opens a Farm for a server, host:port. It is closed when the test
// ends, and the test fails if something arrived that is no SIP message.
func NewFarm(tb testing.TB, server string) *Farm {
	tb.Helper()
	f, err := NewFarmAt(tb, "127.0.0.1:0")
	if err == nil {
		err = f.Connect(server)
	}
	if err != nil {
		tb.Fatalf("farm: %v", err)
	}
	return f
}

// NewFarmAt opens a Farm at an address of its own, with no server yet.
func NewFarmAt(tb testing.TB, addr string) (*Farm, error) {
	tb.Helper()
	local, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp4", local)
	if err != nil {
		return nil, err
	}
	f := &Farm{
		conn:    conn,
		run:     strconv.FormatInt(time.Now().UnixNano(), 36),
		arrived: make(chan struct{}),
		byID:    map[string]*Message{},
		answers: map[string]int{},
		delays:  map[string]time.Duration{},
		waiting: map[string]chan *Message{},
		keep:    true,

		unchecked: make(chan []byte, uncheckedQueue),
		checked:   make(chan struct{}),
	}
	enlargeBuffer(conn, 16<<20)
	go f.read()
	go f.check()
	tb.Cleanup(func() {
		_ = f.conn.Close()
		<-f.checked
		for _, err := range f.Broken() {
			tb.Errorf("farm: received what is no proper SIP message: %v", err)
		}
	})
	return f, nil
}

// enlargeBuffer asks for a receive buffer that holds a burst. Beyond the
// system's limit it takes root's right; without it the limit has to do.
func enlargeBuffer(conn *net.UDPConn, size int) {
	_ = conn.SetReadBuffer(size)
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, size)
	})
}

// Connect sends to another server from now on; "" to none. A Farm can be
// opened before the server whose outbound_proxy it is.
func (f *Farm) Connect(server string) error {
	if server == "" {
		return nil
	}
	addr, err := net.ResolveUDPAddr("udp4", server)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.server = addr
	f.mu.Unlock()
	return nil
}

// Addr is the Farm's own host:port.
func (f *Farm) Addr() string { return f.conn.LocalAddr().String() }

// Answer sets the final response with which a user, named by Request-URI,
// answers every request from now on: a code, or Silence.
func (f *Farm) Answer(uri string, code int) {
	f.mu.Lock()
	f.answers[uri] = code
	f.mu.Unlock()
}

// AnswerAfter has a user, named by Request-URI, take that long to answer a
// request from now on.
func (f *Farm) AnswerAfter(uri string, delay time.Duration) {
	f.mu.Lock()
	f.delays[uri] = delay
	f.mu.Unlock()
}

// OnArrive has every new request handed to fn instead of being kept, for tests
// that receive more than they want to hold. fn runs on the reading goroutine.
func (f *Farm) OnArrive(fn func(*Message)) {
	f.mu.Lock()
	f.onArrive, f.keep = fn, false
	f.mu.Unlock()
}

// OnEach has every new request handed to fn and kept as well. fn runs on the
// reading goroutine.
func (f *Farm) OnEach(fn func(*Message)) {
	f.mu.Lock()
	f.onArrive = fn
	f.mu.Unlock()
}

// Broken are errors of datagrams that arrived and could not be read.
func (f *Farm) Broken() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

// Count is how many requests have arrived, retransmissions left out.
func (f *Farm) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.received)
}

// Received are all requests so far from number first on, in order of arrival,
// retransmissions left out.
func (f *Farm) Received(first int) []*Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*Message(nil), f.received[min(first, len(f.received)):]...)
}

// Await waits until at least n requests have arrived from number first on, and
// gives all that have.
func (f *Farm) Await(ctx context.Context, first, n int) ([]*Message, error) {
	for {
		f.mu.Lock()
		arrived := f.arrived
		have := len(f.received) - first
		f.mu.Unlock()
		if have >= n {
			return f.Received(first), nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return f.Received(first), fmt.Errorf("%d of %d requests arrived: %w", have, n, ctx.Err())
		}
	}
}

// NewCallID gives a Call-ID that no other request has.
func (f *Farm) NewCallID() string { return fmt.Sprintf("call-%d-%s", f.next.Add(1), f.run) }

// Send sends a request and waits for its final response, with retransmissions
// as RFC 3261 has them.
func (f *Farm) Send(ctx context.Context, r Request) (*Message, error) {
	data, branch := f.Bytes(r)
	return f.SendBytes(ctx, data, branch)
}

// Bytes is a request as it goes to the wire, and the branch of its Via.
func (f *Farm) Bytes(r Request) (data []byte, branch string) {
	n := f.next.Add(1)
	branch = fmt.Sprintf("z9hG4bK-%d-%s", n, f.run)
	if r.Method == "" {
		r.Method = "MESSAGE"
	}
	if r.CallID == "" {
		r.CallID = f.NewCallID()
	}
	if r.CSeq == 0 {
		r.CSeq = 1
	}
	if r.To == "" {
		r.To = "<" + r.URI + ">"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s\r\n", r.Method, r.URI, f.Addr(), branch)
	fmt.Fprintf(&b, "From: %s;tag=from-%d\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\n",
		r.From, n, r.To, r.CallID, r.CSeq, r.Method)
	length := !r.NoLength
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		if h.Name == "Content-Length" {
			length = false
		}
	}
	if length {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.Body))
	}
	b.WriteString("\r\n")
	b.Write(r.Body)
	return b.Bytes(), branch
}

// SendBytes sends a datagram as it is and waits for the final response to the
// transaction with this branch.
func (f *Farm) SendBytes(ctx context.Context, data []byte, branch string) (*Message, error) {
	final := make(chan *Message, 1)
	f.mu.Lock()
	f.waiting[branch] = final
	server := f.server
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.waiting, branch)
		f.mu.Unlock()
	}()
	if server == nil {
		return nil, errors.New("the farm has no server yet")
	}
	for wait := t1; ; wait *= 2 {
		if _, err := f.conn.WriteToUDP(data, server); err != nil {
			return nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case m := <-final:
			timer.Stop()
			return m, nil
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("no final response: %w", ctx.Err())
		}
	}
}

// Fire sends a datagram and does not wait for anything.
func (f *Farm) Fire(data []byte) error {
	f.mu.Lock()
	server := f.server
	f.mu.Unlock()
	_, err := f.conn.WriteToUDP(data, server)
	return err
}

func (f *Farm) read() {
	defer close(f.unchecked)
	buf := make([]byte, 1<<16)
	for {
		n, from, err := f.conn.ReadFromUDP(buf)
		if err != nil {
			return // closed
		}
		m, err := parseMessage(buf[:n])
		switch {
		case err != nil:
			f.cannotRead(buf[:n], err)
		case m.Method == "":
			f.response(m)
		default:
			f.request(m, from)
			f.unchecked <- bytes.Clone(buf[:n])
		}
	}
}

// check has sipgo read what read has answered.
func (f *Farm) check() {
	defer close(f.checked)
	for data := range f.unchecked {
		if err := check(data); err != nil {
			f.cannotRead(data, err)
		}
	}
}

func (f *Farm) cannotRead(data []byte, err error) {
	f.mu.Lock()
	if len(f.broken) < maxBroken {
		f.broken = append(f.broken, fmt.Errorf("%w: %q", err, data[:min(len(data), 1000)]))
	}
	f.mu.Unlock()
}

func (f *Farm) response(m *Message) {
	if m.Code < 200 {
		return
	}
	f.mu.Lock()
	final := f.waiting[m.branch()]
	f.mu.Unlock()
	if final != nil {
		select {
		case final <- m:
		default: // a retransmission; the first one counts
		}
	}
}

func (f *Farm) request(m *Message, from *net.UDPAddr) {
	f.mu.Lock()
	code, set := f.answers[m.URI]
	if !set {
		code = 200
	}
	delay := f.delays[m.URI]
	onArrive := f.onArrive
	if earlier := f.byID[m.identity()]; earlier != nil {
		earlier.Copies++
		onArrive = nil
	} else {
		m.Seq = len(f.received)
		f.byID[m.identity()] = m
		if f.keep {
			f.received = append(f.received, m)
			close(f.arrived)
			f.arrived = make(chan struct{})
		}
	}
	f.mu.Unlock()
	if onArrive != nil {
		onArrive(m)
	}
	answer := func() { _, _ = f.conn.WriteToUDP(m.reply(code, "to-"+f.run), from) }
	switch {
	case code == Silence:
	case delay > 0:
		time.AfterFunc(delay, answer)
	default:
		answer()
	}
}
