package module

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
)

// system is a host and its workers over real socket pairs, all in this
// process.
type system struct {
	t        testing.TB
	host     *tester
	workers  []*tester
	versions []atomic.Uint64
}

// tester drives a process as the C side does.
type tester struct {
	t        testing.TB
	p        *Process
	counters []atomic.Uint64
	replies  Replies
	buf      []byte
	events   []byte // buffer for the answers to events
}

// sent is a MESSAGE record taken apart.
type sent struct {
	head
	to []string
}

// answered is what came of a call.
type result struct {
	status   Status
	code     int
	messages []sent
	records  [][]byte // MESSAGE records as they came
	logs     []string
	rooms    []string
	members  []string
	ready    bool
}

func newTester(tb testing.TB) *tester {
	return &tester{
		t: tb, counters: make([]atomic.Uint64, CounterRow),
		buf: make([]byte, ReplyMin), events: make([]byte, ReplyMin),
	}
}

func testSettings(versions, row []atomic.Uint64) Settings {
	return Settings{
		CommandStart: '#', CreateOnJoin: true, CheckOnCreate: true,
		FanoutInline: 32, QueueSize: 100000, QueueBytes: 64 << 20, Timeout: 5 * time.Second,
		Versions: versions, Counters: row,
	}
}

// start starts a host and n workers; change may be nil.
func start(tb testing.TB, n int, change func(*Settings)) *system {
	tb.Helper()
	s := &system{t: tb, versions: make([]atomic.Uint64, 1<<10)}
	settings := func(row []atomic.Uint64) Settings {
		out := testSettings(s.versions, row)
		if change != nil {
			change(&out)
		}
		return out
	}
	var hostEnds []int
	for range n {
		pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		require.NoError(tb, err)
		hostEnds = append(hostEnds, pair[1])
		w := newTester(tb)
		set := settings(w.counters)
		set.Roles, set.WorkerFD = RoleWorker, pair[0]
		w.p, err = Start(set)
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = syscall.Close(pair[0]) })
		s.workers = append(s.workers, w)
	}
	s.host = newTester(tb)
	set := settings(s.host.counters)
	set.Roles, set.HostFDs = RoleHost, hostEnds
	var err error
	s.host.p, err = Start(set)
	require.NoError(tb, err)
	tb.Cleanup(func() { s.host.p.Stop() })
	return s
}

// ready waits until the host serves.
func (s *system) ready() *system {
	s.t.Helper()
	s.host.untilReady()
	return s
}

func (x *tester) untilReady() {
	x.t.Helper()
	for {
		r := x.next(5 * time.Second)
		require.Equal(x.t, StatusOK, r.status, "%v", r.logs)
		if r.ready {
			return
		}
		require.NotEmpty(x.t, r.logs, "not ready in time")
	}
}

// collect takes a reply with all that follows it.
func (x *tester) collect(buf []byte, reply *Reply, status Status) result {
	x.t.Helper()
	out := result{status: status, code: reply.Code}
	for {
		b := reply.Bytes()
		for len(b) > 0 {
			record, rest, ok := nextRecord(b)
			require.True(x.t, ok, "a record is cut")
			require.LessOrEqual(x.t, len(record), RecordMax)
			out.take(x.t, record)
			b = rest
		}
		if !reply.More() {
			return out
		}
		reply = x.replies.Continue(buf)
		if status := x.p.More(reply); status != StatusOK {
			out.status = status
			return out
		}
	}
}

func (r *result) take(tb testing.TB, record []byte) {
	tb.Helper()
	d := decoder{b: record[recordHead:]}
	switch record[4] {
	case RecordMessage:
		h, to, ok := parseMessage(record)
		require.True(tb, ok)
		h.body = append([]byte(nil), h.body...)
		r.messages = append(r.messages, sent{h, to})
		r.records = append(r.records, append([]byte(nil), record...))
	case RecordLog:
		level := d.u8()
		r.logs = append(r.logs, fmt.Sprintf("%d %s", level, d.str()))
		require.True(tb, d.done())
	case RecordRoom:
		uri := string(d.str())
		members := d.u32()
		r.rooms = append(r.rooms, fmt.Sprintf("%s %d %s", uri, members, d.str()))
		require.True(tb, d.done())
	case RecordMember:
		r.members = append(r.members, string(d.str()))
		require.True(tb, d.done())
	case RecordReady:
		r.ready = true
	default:
		require.Fail(tb, "unknown record", "%d", record[4])
	}
}

func (x *tester) handle(from, room, body string) result {
	x.t.Helper()
	return x.handleRequest(&engine.Request{From: from, RequestURI: room, CallID: "call", Body: []byte(body)})
}

func (x *tester) handleRequest(r *engine.Request) result {
	x.t.Helper()
	reply := x.replies.Begin(x.buf)
	return x.collect(x.buf, reply, x.p.Handle(r, reply))
}

func (x *tester) query(what int, room, user string) result {
	x.t.Helper()
	reply := x.replies.Begin(x.buf)
	return x.collect(x.buf, reply, x.p.Query(what, room, user, reply))
}

func (x *tester) next(timeout time.Duration) result {
	x.t.Helper()
	reply := x.replies.Begin(x.buf)
	return x.collect(x.buf, reply, x.p.Next(timeout, reply))
}

func (x *tester) event(e *Event) result {
	x.t.Helper()
	reply := x.replies.Begin(x.events)
	return x.collect(x.events, reply, x.p.Event(e, reply))
}

// drain takes and reports everything that is queued.
func (x *tester) drain() (all []sent) {
	x.t.Helper()
	for {
		r := x.next(0)
		if len(r.messages) == 0 {
			return all
		}
		require.Len(x.t, r.messages, 1)
		all = append(all, r.messages...)
		require.Equal(x.t, StatusOK, x.event(&Event{Kind: EventSent, Message: r.records[0]}).status)
	}
}

func (x *tester) counter(c int) int { return int(x.counters[c].Load()) }

func user(i int) string { return fmt.Sprintf("sip:user%d@example.org", i) }

// room creates a room with n members, user(0) its owner.
func (x *tester) room(uri string, n int) {
	x.t.Helper()
	r := x.handle(user(0), uri, "#create")
	require.Equal(x.t, 1, r.code, "%v", r.logs)
	for i := 1; i < n; i++ {
		r := x.handle(user(i), uri, "#join")
		require.Equal(x.t, 1, r.code, "%v", r.logs)
	}
}

// frame is a frame as it came from a socket.
type frame struct {
	kind    byte
	id      uint32
	payload []byte
}

// testConn returns a host's end of a socket pair, and a function that returns
// the frames that were written to it, once it is closed.
func testConn(tb testing.TB) (*conn, func() []frame) {
	tb.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(tb, err)
	c, err := newConn(pair[0])
	require.NoError(tb, err)
	done := make(chan []frame)
	go func() {
		defer close(done)
		l, err := newLink(pair[1], 5*time.Second)
		if err != nil {
			return
		}
		defer func() { _ = syscall.Close(pair[1]) }()
		var frames []frame
		for {
			kind, id, payload, err := l.receive(monotonic() + uint64(5*time.Second))
			if err != nil {
				done <- frames
				return
			}
			frames = append(frames, frame{kind, id, append([]byte(nil), payload...)})
		}
	}()
	return c, func() []frame { return <-done }
}

// awaitMessage returns the next MESSAGE that the host has for its main thread,
// and reports it sent.
func (x *tester) awaitMessage() sent {
	x.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		r := x.next(100 * time.Millisecond)
		require.Equal(x.t, StatusOK, r.status, "%v", r.logs)
		if len(r.messages) > 0 {
			require.Equal(x.t, StatusOK, x.event(&Event{Kind: EventSent, Message: r.records[0]}).status)
			return r.messages[0]
		}
	}
	require.Fail(x.t, "no MESSAGE came")
	return sent{}
}

// recipients counts the recipients of all MESSAGE records in b.
func recipients(b []byte) (n int) {
	for len(b) > 0 {
		record, after, ok := nextRecord(b)
		if !ok {
			return n
		}
		n += messageRecipients(record)
		b = after
	}
	return n
}
