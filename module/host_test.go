package module

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
)

func TestLargeRoomGoesThroughTheQueue(t *testing.T) {
	s := start(t, 2, func(s *Settings) { s.FanoutInline = 5 }).ready()
	a, b := s.workers[0], s.workers[1]
	a.room(room, 20)
	s.host.drain()
	require.Zero(t, s.host.counter(CounterQueued))

	for i := range 3 {
		r := []*tester{a, b}[i%2].handle(user(7), room, fmt.Sprint(i))
		assert.Equal(t, 1, r.code)
		assert.Empty(t, r.messages, "goes out from the host")
	}
	assert.Equal(t, 3*19, s.host.counter(CounterQueued))
	var got []string
	for _, m := range s.host.drain() {
		assert.NotContains(t, m.to, user(7))
		for range m.to {
			got = append(got, string(m.body))
		}
	}
	var want []string
	for i := range 3 {
		for range 19 {
			want = append(want, fmt.Sprintf("[user7]: %d", i))
		}
	}
	assert.Equal(t, want, got)
	assert.Zero(t, s.host.counter(CounterQueued))
}

// What counts is how many get a notice, not how the engine keeps the list.
func TestLargeNoticeGoesThroughTheQueue(t *testing.T) {
	const inline, members = 260, 300
	s := start(t, 1, func(s *Settings) { s.FanoutInline = inline }).ready()
	w := s.workers[0]
	w.room(room, members)
	s.host.drain()
	for i, body := range []string{"#join", "#leave"} {
		r := w.handle(user(members), room, body)
		assert.Equal(t, 1, r.code)
		assert.Empty(t, r.messages, "goes out from the host")
		assert.Equal(t, members+1, s.host.counter(CounterQueued), i)
		s.host.drain()
	}
}

func TestTextThatDoesNotFitIsRefused(t *testing.T) {
	s := start(t, 1, func(s *Settings) { s.FanoutInline, s.QueueSize = 5, 30 }).ready()
	w := s.workers[0]
	w.room(room, 20)
	s.host.drain()
	assert.Equal(t, 1, w.handle(user(0), room, "one").code)
	r := w.handle(user(0), room, "two")
	assert.Equal(t, -200, r.code)
	require.Len(t, r.messages, 1)
	assert.Equal(t, []string{user(0)}, r.messages[0].to)
	assert.Equal(t, room, r.messages[0].from)
	assert.Equal(t, "call", r.messages[0].callID)
	assert.True(t, strings.HasPrefix(string(r.messages[0].body), "*** "))
	for _, m := range s.host.drain() {
		assert.Equal(t, "[user0]: one", string(m.body))
	}
	assert.Equal(t, 1, w.handle(user(0), room, "three").code)

	// a notice that does not fit is counted
	before := s.host.counter(CounterDropped)
	r = w.handle(user(21), room, "#join")
	assert.Equal(t, 1, r.code)
	assert.Equal(t, before+21, s.host.counter(CounterDropped))
	assert.Contains(t, strings.Join(r.logs, "\n"), "dropped")
}

func TestUnsentOfAWorkerIsQueuedAndKeepsTheOrder(t *testing.T) {
	s := start(t, 2, nil).ready()
	a, b := s.workers[0], s.workers[1]
	a.room(room, 5)
	first := a.handle(user(0), room, "1")
	require.Len(t, first.messages, 1)
	require.Len(t, b.handle(user(0), room, "0").messages, 1, "b has a snapshot")

	r := a.event(&Event{Kind: EventUnsent, Code: -2, First: 1, Message: first.records[0]})
	assert.Equal(t, StatusOK, r.status)
	assert.Equal(t, 1, r.code)
	assert.Equal(t, 3, a.counter(CounterRetried))

	for i := 2; i < 4; i++ { // follow it through the queue
		r = b.handle(user(0), room, fmt.Sprint(i))
		assert.Equal(t, 1, r.code)
		assert.Empty(t, r.messages)
	}
	var got []string
	for _, m := range s.host.drain() {
		got = append(got, fmt.Sprintf("%s %d", m.body, len(m.to)))
	}
	// a text goes to the members before and after its sender, in two parts
	assert.Equal(t, "[user0]: 1 3", got[0])
	assert.IsNonDecreasing(t, got)

	r = b.handle(user(0), room, "4")
	require.Len(t, r.messages, 1, "the queue is empty: sent by the worker again")
}

func TestUnsentOfTheHostComesAgain(t *testing.T) {
	s := start(t, 1, func(s *Settings) { s.FanoutInline = 2 }).ready()
	w := s.workers[0]
	w.room(room, 10)
	s.host.drain()
	w.handle(user(0), room, "text")
	r := s.host.next(0)
	require.Len(t, r.messages, 1)
	to := r.messages[0].to
	assert.Equal(t, StatusOK, s.host.event(&Event{Kind: EventUnsent, Code: -2, First: 4, Message: r.records[0]}).status)
	assert.Equal(t, len(to)-4, s.host.counter(CounterRetried))
	assert.Equal(t, StatusInvalid, s.host.event(&Event{Kind: EventSent, Message: r.records[0]}).status, "stale")
	again := s.host.next(0)
	require.Len(t, again.messages, 1)
	assert.Equal(t, to[4:], again.messages[0].to)
	s.host.event(&Event{Kind: EventUnsent, Message: again.records[0]})
	assert.Equal(t, len(to)-4, s.host.counter(CounterRetried), "it only waited")
}

func TestQueries(t *testing.T) {
	s := start(t, 1, nil).ready()
	w := s.workers[0]
	w.room(room, 3)
	require.Equal(t, 1, w.handle(user(0), room, "#invite sip:guest@example.org").code)
	for range 2 { // asked of the host, then from the snapshot
		assert.Equal(t, 1, w.query(QueryRoomActive, room, "").code)
		assert.Equal(t, -1, w.query(QueryRoomActive, "sip:none@example.org", "").code)
		assert.Equal(t, -1, w.query(QueryRoomActive, "<", "").code)
		assert.Equal(t, 1, w.query(QueryRoomMember, room, "sip:USER1@EXAMPLE.org;x=y").code)
		assert.Equal(t, -1, w.query(QueryRoomMember, room, "sip:guest@example.org").code)
		assert.Equal(t, -1, w.query(QueryRoomMember, room, "nobody").code)
		w.handle(user(0), room, "text")
	}
	r := w.query(QueryListMembers, room, "")
	assert.Equal(t, 1, r.code)
	assert.Equal(t, []string{room + " 4 "}, r.rooms)
	assert.ElementsMatch(t, []string{user(0), user(1), user(2), "sip:guest@example.org"}, r.members)
	assert.Equal(t, codeNoRoom, w.query(QueryListMembers, "sip:none@example.org", "").code)
	assert.Equal(t, codeInvalidName, w.query(QueryListMembers, "\x00", "").code)
	r = w.query(QueryListRooms, "", "")
	assert.Equal(t, []string{room + " 4 " + user(0)}, r.rooms)
	assert.Equal(t, StatusInvalid, w.query(99, room, "").status)
}

func TestLongListsComeInPieces(t *testing.T) {
	s := start(t, 2, nil).ready()
	w := s.workers[0]
	const rooms = 20000
	for i := range rooms {
		require.Equal(t, 1, w.handle(user(0), fmt.Sprintf("sip:room%d@example.org", i), "#create").code)
	}
	r := w.query(QueryListRooms, "", "")
	assert.Equal(t, StatusOK, r.status)
	assert.Len(t, r.rooms, rooms)

	// a list that is not taken to its end stands in nobody's way
	reply := w.replies.Begin(w.buf)
	require.Equal(t, StatusOK, w.p.Query(QueryListRooms, "", "", reply))
	require.True(t, reply.More())
	assert.Equal(t, 1, s.workers[1].handle(user(1), "sip:room1@example.org", "#join").code)
	assert.Equal(t, 1, w.query(QueryRoomActive, "sip:room1@example.org", "").code)
	assert.Len(t, w.query(QueryListRooms, "", "").rooms, rooms)

	// nor is one mixed up with what was asked meanwhile
	reply = w.replies.Begin(w.buf)
	require.Equal(t, StatusOK, w.p.Query(QueryListRooms, "", "", reply))
	require.Equal(t, StatusOK, w.p.Query(QueryRoomActive, room, "", w.replies.Begin(w.events)))
	assert.Equal(t, StatusTimeout, w.collect(w.buf, reply, StatusOK).status)
}

func TestInvitationThatFailed(t *testing.T) {
	s := start(t, 1, nil).ready()
	w := s.workers[0]
	w.room(room, 1)
	r := w.handle(user(0), room, "#invite sip:guest@example.org")
	require.Len(t, r.messages, 1)
	assert.EqualValues(t, FlagInvitation, r.messages[0].flags)
	assert.Equal(t, user(0), r.messages[0].inviter)
	r = w.event(&Event{Kind: EventInvitationFailed, Code: 404, Room: room, User: "sip:guest@example.org", Inviter: user(0), CallID: "call"})
	assert.Equal(t, StatusOK, r.status)
	assert.Empty(t, r.messages, "who reports it is not made to wait")
	assert.Equal(t, []string{user(0)}, s.host.awaitMessage().to, "who invited is told")
	assert.Equal(t, 1, s.host.counter(CounterMembers))
}

func TestBothInOneProcess(t *testing.T) {
	x := newTester(t)
	set := testSettings(start(t, 0, nil).versions, x.counters)
	set.Roles, set.FanoutInline = RoleWorker|RoleHost, 2
	var err error
	x.p, err = Start(set)
	require.NoError(t, err)
	x.untilReady()
	x.room(room, 2)
	r := x.handle(user(0), room, "hello")
	require.Len(t, r.messages, 1)
	assert.Equal(t, StatusOK, x.event(&Event{Kind: EventUnsent, First: 0, Message: r.records[0]}).status)
	assert.Len(t, x.drain(), 1)
	x.handle(user(2), room, "#join")
	x.handle(user(3), room, "#join")
	assert.Equal(t, 1, x.query(QueryRoomMember, room, user(3)).code)
	assert.NotEmpty(t, x.drain())
	assert.Equal(t, StatusOK, x.event(&Event{Kind: EventInvitationFailed, Room: room, User: user(9), Inviter: user(0)}).status)
	assert.Equal(t, 4, x.counter(CounterMembers))
	x.handle(user(0), room, "#invite sip:guest@example.org")
	x.drain()
	assert.Equal(t, StatusOK, x.event(&Event{Kind: EventInvitationFailed, Room: room, User: "sip:guest@example.org", Inviter: user(0)}).status)
	assert.Equal(t, []string{user(0)}, x.awaitMessage().to)
	assert.Equal(t, StatusOK, x.p.Stop())
	assert.Equal(t, StatusTimeout, x.handle(user(0), room, "hello").status)
}

func TestRequestThatIsTooLateIsNotExecuted(t *testing.T) {
	s := start(t, 1, nil).ready()
	w := s.workers[0]
	c, received := testConn(t)
	a := newAnswer(c, 1, nil)
	r := &engine.Request{From: user(0), RequestURI: room, Body: []byte("#create")}
	s.host.p.host.serveFrame(frameRequest, appendRequest(nil, monotonic()-1, r), a)
	c.close()
	assert.Empty(t, received(), "the worker has refused it already")
	assert.Equal(t, -1, w.query(QueryRoomActive, room, "").code)
}

func TestStop(t *testing.T) {
	s := start(t, 1, func(s *Settings) { s.FanoutInline = 1 }).ready()
	w := s.workers[0]
	w.room(room, 3)
	s.host.drain()
	w.handle(user(0), room, "text")
	assert.Equal(t, StatusOK, s.host.p.Stop())
	assert.Equal(t, StatusOK, s.host.p.Stop())
	r := w.handle(user(0), room, "#leave")
	assert.Equal(t, StatusTimeout, r.status)
	assert.Equal(t, -90, r.code)
	n := 0
	for _, m := range s.host.drain() {
		n += len(m.to)
	}
	assert.Equal(t, 2, n, "what was queued can still be sent")
}

func TestStorageThatCannotBeOpened(t *testing.T) {
	s := start(t, 1, func(s *Settings) {
		s.Mode = 1
		s.Open = func(context.Context, *Settings, func(engine.Note)) (engine.Store, []engine.Note, error) {
			return nil, []engine.Note{{Level: engine.LevelNotice, Text: "trying"}}, errors.New("no such database")
		}
	})
	r := s.host.next(5 * time.Second)
	logs := r.logs
	for r.status == StatusOK {
		assert.False(t, r.ready)
		r = s.host.next(5 * time.Second)
		logs = append(logs, r.logs...)
	}
	assert.Equal(t, StatusStart, r.status)
	assert.Contains(t, strings.Join(logs, "\n"), "no such database")
}

func TestPanicInTheHostIsRecovered(t *testing.T) {
	s := start(t, 1, nil).ready()
	conf := s.host.p.host.conf
	s.host.p.host.conf = nil // every request panics
	c, received := testConn(t)
	a := newAnswer(c, 1, nil)
	r := &engine.Request{From: user(0), RequestURI: room, Body: []byte("#join")}
	s.host.p.host.serveFrame(frameRequest, appendRequest(nil, monotonic()+1e9, r), a)
	c.close()
	s.host.p.host.conf = conf
	frames := received()
	require.Len(t, frames, 1)
	last, code, status, records, ok := parseAnswer(frames[0].payload)
	assert.True(t, ok)
	assert.True(t, last)
	assert.Equal(t, -40, code)
	assert.Equal(t, int(StatusPanic), status)
	var got result
	for len(records) > 0 {
		record, rest, ok := nextRecord(records)
		require.True(t, ok)
		got.take(t, record)
		records = rest
	}
	assert.Contains(t, got.logs[0], "panic: ")
	assert.Contains(t, strings.Join(got.logs, "\n"), "serve.go", "the stack")
}

func TestPanicOfAGoroutineEndsTheHost(t *testing.T) {
	s := start(t, 0, nil).ready()
	h := s.host.p.host
	h.serving.Add(1)
	go h.serve(&conn{at: 1}) // cannot be: it panics before it has a frame
	r := s.host.next(5 * time.Second)
	logs := r.logs
	for r.status == StatusOK {
		require.NotEmpty(t, r.logs, "nothing was reported")
		r = s.host.next(5 * time.Second)
		logs = append(logs, r.logs...)
	}
	assert.Equal(t, StatusPanic, r.status)
	assert.Contains(t, strings.Join(logs, "\n"), "serve.go", "the stack")
}

func TestNotesAreBounded(t *testing.T) {
	n := &notes{wake: func() {}}
	for i := range maxNotes + 7 {
		n.addf(engine.LevelInfo, "%d", i)
	}
	var logs result
	for {
		r := newReply(t)
		if !n.write(r, RecordMax) {
			break
		}
		assert.LessOrEqual(t, r.Len(), RecordMax)
		b := r.Bytes()
		for len(b) > 0 {
			record, rest, _ := nextRecord(b)
			logs.take(t, record)
			b = rest
		}
	}
	require.Len(t, logs.logs, maxNotes+1)
	assert.Contains(t, logs.logs[maxNotes], "7 log lines were dropped")
}

func TestSettingsThatCannotBe(t *testing.T) {
	good := func() Settings {
		s := testSettings(start(t, 0, nil).versions, newTester(t).counters)
		s.Roles = RoleHost
		return s
	}
	for name, change := range map[string]func(*Settings){
		"roles":    func(s *Settings) { s.Roles = 0 },
		"role":     func(s *Settings) { s.Roles = 4 },
		"mode":     func(s *Settings) { s.Mode = 3 },
		"start":    func(s *Settings) { s.CommandStart = 0 },
		"inline":   func(s *Settings) { s.FanoutInline = -1 },
		"queue":    func(s *Settings) { s.QueueSize = 0 },
		"bytes":    func(s *Settings) { s.QueueBytes = 0 },
		"ttl":      func(s *Settings) { s.CacheTTL = -1 },
		"timeout":  func(s *Settings) { s.Timeout = 0 },
		"versions": func(s *Settings) { s.Versions = s.Versions[:3] },
		"none":     func(s *Settings) { s.Versions = nil },
		"row":      func(s *Settings) { s.Counters = s.Counters[:3] },
		"worker":   func(s *Settings) { s.Roles, s.WorkerFD = RoleWorker, -1 },
		"host":     func(s *Settings) { s.HostFDs = []int{-1} },
		"socket":   func(s *Settings) { s.HostFDs = []int{1 << 20} },
	} {
		s := good()
		change(&s)
		_, err := Start(s)
		assert.Error(t, err, name)
	}
}
