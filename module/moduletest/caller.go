// Package moduletest drives the processes of package module in tests, as the C
// side does: it calls them with buffers of C's size and takes the records
// apart. It knows the wire and the versions, and none of the processes, so that
// the tests of each can use it.
package moduletest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/sip"
	"kamailio-imc/module/wire"
)

// Process is what is driven: a worker, a host or a whole module.Process.
type Process interface {
	Handle(r *wire.Request, reply *wire.Reply) wire.Status
	Query(what wire.Query, room, user wire.View, reply *wire.Reply) wire.Status
	Event(e *wire.Event, reply *wire.Reply) wire.Status
}

// Caller drives a process.
type Caller struct {
	TB       testing.TB
	Process  Process
	Counters wire.Counters
	replies  wire.Replies
	buf      []byte
	events   []byte // buffer for the answers to events
}

// Sent is a MESSAGE record taken apart.
type Sent struct {
	ID    uint64
	Flags byte
	To    []string
	engine.Message
}

// Result is what came of a call.
type Result struct {
	Status   wire.Status
	Code     int
	Messages []Sent
	Records  [][]byte // MESSAGE records as they came
	Logs     []string // level and text
	Rooms    []string // URI, number of members, owner
	Members  []string
	Ready    bool
}

// NewCaller returns a caller of a process that is still to be set.
func NewCaller(tb testing.TB) *Caller {
	tb.Helper()
	return &Caller{
		TB: tb, Counters: make(wire.Counters, wire.CounterRow),
		buf: make([]byte, wire.ReplyMin), events: make([]byte, wire.ReplyMin),
	}
}

// Begin starts a reply into the buffer that all calls but Event use.
func (x *Caller) Begin() *wire.Reply { return x.replies.Begin(x.buf) }

// BeginEvent starts a reply into the buffer of Event.
func (x *Caller) BeginEvent() *wire.Reply { return x.replies.Begin(x.events) }

// Collect takes a reply of Begin with all that follows it.
func (x *Caller) Collect(reply *wire.Reply, status wire.Status) Result {
	x.TB.Helper()
	return x.collect(x.buf, reply, status)
}

func (x *Caller) collect(buf []byte, reply *wire.Reply, status wire.Status) Result {
	x.TB.Helper()
	out := Result{Status: status, Code: reply.Code}
	for {
		out.Take(x.TB, reply.Bytes())
		if !reply.More() {
			return out
		}
		reply = x.replies.Continue(buf)
		more, ok := x.Process.(interface {
			More(reply *wire.Reply) wire.Status
		})
		if !ok {
			continue
		}
		if status := more.More(reply); status != wire.StatusOK {
			out.Status = status
			return out
		}
	}
}

// Take takes whole records apart.
func (r *Result) Take(tb testing.TB, records []byte) {
	tb.Helper()
	for len(records) > 0 {
		record, rest, ok := wire.NextRecord(records)
		require.True(tb, ok, "a record is cut")
		require.LessOrEqual(tb, len(record), wire.RecordMax)
		r.take(tb, record)
		records = rest
	}
}

func (r *Result) take(tb testing.TB, record []byte) {
	tb.Helper()
	kind, d := wire.RecordKind(record)
	switch kind {
	case wire.RecordMessage:
		r.Messages = append(r.Messages, Parse(tb, record))
		r.Records = append(r.Records, append([]byte(nil), record...))
		return
	case wire.RecordLog:
		level := d.U8()
		r.Logs = append(r.Logs, fmt.Sprintf("%d %s", level, d.Str()))
	case wire.RecordRoom:
		uri := string(d.Str())
		members := d.U32()
		r.Rooms = append(r.Rooms, fmt.Sprintf("%s %d %s", uri, members, d.Str()))
	case wire.RecordMember:
		r.Members = append(r.Members, string(d.Str()))
	case wire.RecordReady:
		r.Ready = true
	default:
		require.Fail(tb, "unknown record", "%d", kind)
	}
	require.True(tb, d.Done())
}

// Parse takes a MESSAGE record apart.
func Parse(tb testing.TB, record []byte) Sent {
	tb.Helper()
	m, to, ok := wire.ParseMessage(record)
	require.True(tb, ok)
	return Sent{ID: m.ID, Flags: m.Flags, To: to, Message: m.Copy(nil)}
}

// Recipients returns who gets the MESSAGEs.
func (r *Result) Recipients() (to []string) {
	for i := range r.Messages {
		to = append(to, r.Messages[i].To...)
	}
	return to
}

// Handle handles a MESSAGE of a user.
func (x *Caller) Handle(from, room, body string) Result {
	x.TB.Helper()
	return x.HandleRequest(&sip.Request{From: from, RequestURI: room, CallID: "call", Body: []byte(body)})
}

// HandleRequest handles a request.
func (x *Caller) HandleRequest(r *sip.Request) Result {
	x.TB.Helper()
	reply, request := x.Begin(), View(r)
	return x.Collect(reply, x.Process.Handle(&request, reply))
}

// View views a request as C hands it over.
func View(r *sip.Request) wire.Request {
	return wire.Request{
		From: wire.ViewOf(r.From), RequestURI: wire.ViewOf(r.RequestURI), CallID: wire.ViewOf(r.CallID),
		ContentType: wire.ViewOf(r.ContentType), Headers: wire.ViewOf(r.Headers), Socket: wire.ViewOf(r.Socket),
		Body: r.Body,
	}
}

// Query asks a question about rooms.
func (x *Caller) Query(what wire.Query, room, user string) Result {
	x.TB.Helper()
	reply := x.Begin()
	return x.Collect(reply, x.Process.Query(what, wire.ViewOf(room), wire.ViewOf(user), reply))
}

// Event reports what became of a MESSAGE.
func (x *Caller) Event(e *wire.Event) Result {
	x.TB.Helper()
	reply := x.BeginEvent()
	return x.collect(x.events, reply, x.Process.Event(e, reply))
}

// Failed is the report that an invitation to a room failed.
func Failed(code int, room, user, inviter string) *wire.Event {
	return &wire.Event{
		Kind: wire.EventInvitationFailed, Code: code, Room: wire.ViewOf(room), User: wire.ViewOf(user),
		Inviter: wire.ViewOf(inviter), CallID: wire.ViewOf("call"),
	}
}

// Next looks for what a host's main thread is to do.
func (x *Caller) Next(timeout time.Duration) Result {
	x.TB.Helper()
	host, ok := x.Process.(interface {
		Next(timeout time.Duration, reply *wire.Reply) wire.Status
	})
	require.True(x.TB, ok, "no host")
	reply := x.Begin()
	return x.Collect(reply, host.Next(timeout, reply))
}

// Stop stops a host.
func (x *Caller) Stop() wire.Status {
	host, ok := x.Process.(interface{ Stop() wire.Status })
	require.True(x.TB, ok, "no host")
	return host.Stop()
}

// UntilReady waits until a host serves.
func (x *Caller) UntilReady() {
	x.TB.Helper()
	for {
		r := x.Next(5 * time.Second)
		require.Equal(x.TB, wire.StatusOK, r.Status, "%v", r.Logs)
		if r.Ready {
			return
		}
		require.NotEmpty(x.TB, r.Logs, "not ready in time")
	}
}

// UntilEnded returns what a host logs until it cannot go on.
func (x *Caller) UntilEnded() Result {
	x.TB.Helper()
	r := x.Next(5 * time.Second)
	logs := r.Logs
	for r.Status == wire.StatusOK {
		require.NotEmpty(x.TB, r.Logs, "nothing was reported")
		require.False(x.TB, r.Ready)
		r = x.Next(5 * time.Second)
		logs = append(logs, r.Logs...)
	}
	r.Logs = logs
	return r
}

// Drain takes everything that is queued and reports it sent.
func (x *Caller) Drain() (all []Sent) {
	x.TB.Helper()
	for {
		r := x.Next(0)
		if len(r.Messages) == 0 {
			return all
		}
		require.Len(x.TB, r.Messages, 1)
		all = append(all, r.Messages...)
		x.ReportSent(&r)
	}
}

// ReportSent reports the MESSAGE of r as sent.
func (x *Caller) ReportSent(r *Result) {
	x.TB.Helper()
	require.Equal(x.TB, wire.StatusOK, x.Event(&wire.Event{Kind: wire.EventSent, Message: r.Records[0]}).Status)
}

// AwaitMessage returns the next MESSAGE that the host has for its main thread,
// and reports it sent.
func (x *Caller) AwaitMessage() Sent {
	x.TB.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		r := x.Next(100 * time.Millisecond)
		require.Equal(x.TB, wire.StatusOK, r.Status, "%v", r.Logs)
		if len(r.Messages) > 0 {
			x.ReportSent(&r)
			return r.Messages[0]
		}
	}
	require.Fail(x.TB, "no MESSAGE came")
	return Sent{}
}

// Counter returns a counter of the process.
func (x *Caller) Counter(c wire.Counter) int { return int(x.Counters[c].Load()) }

// MakeRoom creates a room with n members, User(0) its owner.
func (x *Caller) MakeRoom(uri string, n int) {
	x.TB.Helper()
	r := x.Handle(User(0), uri, "#create")
	require.Equal(x.TB, 1, r.Code, "%v", r.Logs)
	for i := 1; i < n; i++ {
		r := x.Handle(User(i), uri, "#join")
		require.Equal(x.TB, 1, r.Code, "%v", r.Logs)
	}
}
