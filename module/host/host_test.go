package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/module/moduletest"
	"kamailio-imc/module/wire"
)

func TestLargeRoomGoesThroughTheQueue(t *testing.T) {
	s := start(t, 2, func(s *Settings) { s.FanoutInline = 5 }).ready()
	a, b := s.Workers[0], s.Workers[1]
	a.MakeRoom(room, 20)
	s.Host.Drain()
	require.Zero(t, s.Host.Counter(wire.CounterQueued))

	for i := range 3 {
		r := []*moduletest.Caller{a, b}[i%2].Handle(user(7), room, fmt.Sprint(i))
		assert.Equal(t, 1, r.Code)
		assert.Empty(t, r.Messages, "goes out from the host")
	}
	assert.Equal(t, 3*19, s.Host.Counter(wire.CounterQueued))
	var got []string
	for _, m := range s.Host.Drain() {
		assert.NotContains(t, m.To, user(7))
		for range m.To {
			got = append(got, string(m.Body))
		}
	}
	var want []string
	for i := range 3 {
		for range 19 {
			want = append(want, fmt.Sprintf("[user7]: %d", i))
		}
	}
	assert.Equal(t, want, got)
	assert.Zero(t, s.Host.Counter(wire.CounterQueued))
}

// What counts is how many get a notice, not how the engine keeps the list.
func TestLargeNoticeGoesThroughTheQueue(t *testing.T) {
	const inline, members = 260, 300
	s := start(t, 1, func(s *Settings) { s.FanoutInline = inline }).ready()
	w := s.Workers[0]
	w.MakeRoom(room, members)
	s.Host.Drain()
	for i, body := range []string{"#join", "#leave"} {
		r := w.Handle(user(members), room, body)
		assert.Equal(t, 1, r.Code)
		assert.Empty(t, r.Messages, "goes out from the host")
		assert.Equal(t, members+1, s.Host.Counter(wire.CounterQueued), i)
		s.Host.Drain()
	}
}

func TestTextThatDoesNotFitIsRefused(t *testing.T) {
	s := start(t, 1, func(s *Settings) { s.FanoutInline, s.QueueSize = 5, 30 }).ready()
	w := s.Workers[0]
	w.MakeRoom(room, 20)
	s.Host.Drain()
	assert.Equal(t, 1, w.Handle(user(0), room, "one").Code)
	r := w.Handle(user(0), room, "two")
	assert.Equal(t, -200, r.Code)
	require.Len(t, r.Messages, 1)
	assert.Equal(t, []string{user(0)}, r.Messages[0].To)
	assert.Equal(t, room, r.Messages[0].From)
	assert.Equal(t, "call", r.Messages[0].InReplyTo)
	assert.True(t, strings.HasPrefix(string(r.Messages[0].Body), "*** "))
	for _, m := range s.Host.Drain() {
		assert.Equal(t, "[user0]: one", string(m.Body))
	}
	assert.Equal(t, 1, w.Handle(user(0), room, "three").Code)

	// a notice that does not fit is counted
	before := s.Host.Counter(wire.CounterDropped)
	r = w.Handle(user(21), room, "#join")
	assert.Equal(t, 1, r.Code)
	assert.Equal(t, before+21, s.Host.Counter(wire.CounterDropped))
	assert.Contains(t, strings.Join(r.Logs, "\n"), "dropped")
}

func TestUnsentOfAWorkerIsQueuedAndKeepsTheOrder(t *testing.T) {
	s := start(t, 2, nil).ready()
	a, b := s.Workers[0], s.Workers[1]
	a.MakeRoom(room, 5)
	first := a.Handle(user(0), room, "1")
	require.Len(t, first.Messages, 1)
	require.Len(t, b.Handle(user(0), room, "0").Messages, 1, "b has a snapshot")

	r := a.Event(&wire.Event{Kind: wire.EventUnsent, Code: -2, First: 1, Message: first.Records[0]})
	assert.Equal(t, wire.StatusOK, r.Status)
	assert.Equal(t, 1, r.Code)
	assert.Equal(t, 3, a.Counter(wire.CounterRetried))

	for i := 2; i < 4; i++ { // follow it through the queue
		r = b.Handle(user(0), room, fmt.Sprint(i))
		assert.Equal(t, 1, r.Code)
		assert.Empty(t, r.Messages)
	}
	var got []string
	for _, m := range s.Host.Drain() {
		got = append(got, fmt.Sprintf("%s %d", m.Body, len(m.To)))
	}
	// a text goes to the members before and after its sender, in two parts
	assert.Equal(t, "[user0]: 1 3", got[0])
	assert.IsNonDecreasing(t, got)

	r = b.Handle(user(0), room, "4")
	require.Len(t, r.Messages, 1, "the queue is empty: sent by the worker again")
}

func TestUnsentOfTheHostComesAgain(t *testing.T) {
	s := start(t, 1, func(s *Settings) { s.FanoutInline = 2 }).ready()
	w := s.Workers[0]
	w.MakeRoom(room, 10)
	s.Host.Drain()
	w.Handle(user(0), room, "text")
	r := s.Host.Next(0)
	require.Len(t, r.Messages, 1)
	to := r.Messages[0].To
	assert.Equal(t, wire.StatusOK, s.Host.Event(&wire.Event{Kind: wire.EventUnsent, Code: -2, First: 4, Message: r.Records[0]}).Status)
	assert.Equal(t, len(to)-4, s.Host.Counter(wire.CounterRetried))
	assert.Equal(t, wire.StatusInvalid, s.Host.Event(&wire.Event{Kind: wire.EventSent, Message: r.Records[0]}).Status, "stale")
	again := s.Host.Next(0)
	require.Len(t, again.Messages, 1)
	assert.Equal(t, to[4:], again.Messages[0].To)
	s.Host.Event(&wire.Event{Kind: wire.EventUnsent, Message: again.Records[0]})
	assert.Equal(t, len(to)-4, s.Host.Counter(wire.CounterRetried), "it only waited")
}

func TestQueries(t *testing.T) {
	s := start(t, 1, nil).ready()
	w := s.Workers[0]
	w.MakeRoom(room, 3)
	require.Equal(t, 1, w.Handle(user(0), room, "#invite sip:guest@example.org").Code)
	for range 2 { // asked of the host, then from the snapshot
		assert.Equal(t, 1, w.Query(wire.QueryRoomActive, room, "").Code)
		assert.Equal(t, -1, w.Query(wire.QueryRoomActive, "sip:none@example.org", "").Code)
		assert.Equal(t, -1, w.Query(wire.QueryRoomActive, "<", "").Code)
		assert.Equal(t, 1, w.Query(wire.QueryRoomMember, room, "sip:USER1@EXAMPLE.org;x=y").Code)
		assert.Equal(t, -1, w.Query(wire.QueryRoomMember, room, "sip:guest@example.org").Code)
		assert.Equal(t, -1, w.Query(wire.QueryRoomMember, room, "nobody").Code)
		w.Handle(user(0), room, "text")
	}
	r := w.Query(wire.QueryListMembers, room, "")
	assert.Equal(t, 1, r.Code)
	assert.Equal(t, []string{room + " 4 "}, r.Rooms)
	assert.ElementsMatch(t, []string{user(0), user(1), user(2), "sip:guest@example.org"}, r.Members)
	assert.Equal(t, engine.CodeNo, w.Query(wire.QueryListMembers, "sip:none@example.org", "").Code)
	assert.Equal(t, engine.CodeInvalidName, w.Query(wire.QueryListMembers, "\x00", "").Code)
	r = w.Query(wire.QueryListRooms, "", "")
	assert.Equal(t, []string{room + " 4 " + user(0)}, r.Rooms)
	assert.Equal(t, wire.StatusInvalid, w.Query(99, room, "").Status)
}

func TestLongListsComeInPieces(t *testing.T) {
	s := start(t, 2, nil).ready()
	w := s.Workers[0]
	const rooms = 20000
	for i := range rooms {
		require.Equal(t, 1, w.Handle(user(0), fmt.Sprintf("sip:room%d@example.org", i), "#create").Code)
	}
	r := w.Query(wire.QueryListRooms, "", "")
	assert.Equal(t, wire.StatusOK, r.Status)
	assert.Len(t, r.Rooms, rooms)

	// a list that is not taken to its end stands in nobody's way
	reply := w.Begin()
	require.Equal(t, wire.StatusOK, w.Process.Query(wire.QueryListRooms, wire.View{}, wire.View{}, reply))
	require.True(t, reply.More())
	assert.Equal(t, 1, s.Workers[1].Handle(user(1), "sip:room1@example.org", "#join").Code)
	assert.Equal(t, 1, w.Query(wire.QueryRoomActive, "sip:room1@example.org", "").Code)
	assert.Len(t, w.Query(wire.QueryListRooms, "", "").Rooms, rooms)

	// nor is one mixed up with what was asked meanwhile
	reply = w.Begin()
	require.Equal(t, wire.StatusOK, w.Process.Query(wire.QueryListRooms, wire.View{}, wire.View{}, reply))
	require.Equal(t, wire.StatusOK, w.Process.Query(wire.QueryRoomActive, wire.ViewOf(room), wire.View{}, w.BeginEvent()))
	assert.Equal(t, wire.StatusTimeout, w.Collect(reply, wire.StatusOK).Status)
}

func TestInvitationThatFailed(t *testing.T) {
	s := start(t, 1, nil).ready()
	w := s.Workers[0]
	w.MakeRoom(room, 1)
	r := w.Handle(user(0), room, "#invite sip:guest@example.org")
	require.Len(t, r.Messages, 1)
	assert.EqualValues(t, wire.FlagInvitation, r.Messages[0].Flags)
	assert.Equal(t, user(0), r.Messages[0].Inviter)
	r = w.Event(moduletest.Failed(404, room, "sip:guest@example.org", user(0)))
	assert.Equal(t, wire.StatusOK, r.Status)
	assert.Empty(t, r.Messages, "who reports it is not made to wait")
	assert.Equal(t, []string{user(0)}, s.Host.AwaitMessage().To, "who invited is told")
	assert.Equal(t, 1, s.Host.Counter(wire.CounterMembers))
}

func TestRequestThatIsTooLateIsNotExecuted(t *testing.T) {
	s := start(t, 1, nil).ready()
	r := &sip.Request{From: user(0), RequestURI: room, Body: []byte("#create")}
	frames := s.answered(t, wire.FrameRequest, wire.AppendRequest(nil, wire.Now()-1, r))
	assert.Empty(t, frames, "the worker has refused it already")
	assert.Equal(t, -1, s.Workers[0].Query(wire.QueryRoomActive, room, "").Code)
}

func TestStop(t *testing.T) {
	s := start(t, 1, func(s *Settings) { s.FanoutInline = 1 }).ready()
	w := s.Workers[0]
	w.MakeRoom(room, 3)
	s.Host.Drain()
	w.Handle(user(0), room, "text")
	assert.Equal(t, wire.StatusOK, s.Host.Stop())
	assert.Equal(t, wire.StatusOK, s.Host.Stop())
	r := w.Handle(user(0), room, "#leave")
	assert.Equal(t, wire.StatusTimeout, r.Status)
	assert.Equal(t, -90, r.Code)
	n := 0
	for _, m := range s.Host.Drain() {
		n += len(m.To)
	}
	assert.Equal(t, 2, n, "what was queued can still be sent")
}

func TestStorageThatCannotBeOpened(t *testing.T) {
	s := start(t, 1, func(s *Settings) {
		s.Mode = storage.ModeDurable
		s.Open = func(context.Context, *Storage, storage.Mode, func(log.Note)) (storage.Store, []log.Note, error) {
			return nil, []log.Note{{Level: log.Notice, Text: "trying"}}, errors.New("no such database")
		}
	})
	r := s.Host.UntilEnded()
	assert.Equal(t, wire.StatusStart, r.Status)
	assert.Contains(t, strings.Join(r.Logs, "\n"), "trying")
	assert.Contains(t, strings.Join(r.Logs, "\n"), "no such database")
}

func TestPanicInTheHostIsRecovered(t *testing.T) {
	s := start(t, 1, nil).ready()
	conf := s.host.conf
	s.host.conf = nil // every request panics
	r := &sip.Request{From: user(0), RequestURI: room, Body: []byte("#join")}
	frames := s.answered(t, wire.FrameRequest, wire.AppendRequest(nil, wire.Now().Add(time.Second), r))
	s.host.conf = conf
	require.Len(t, frames, 1)
	part, ok := wire.ParseAnswer(frames[0].Payload)
	assert.True(t, ok)
	assert.True(t, part.Last)
	assert.Equal(t, -40, part.Code)
	assert.Equal(t, wire.StatusPanic, part.Status)
	var got moduletest.Result
	got.Take(t, part.Records)
	assert.Contains(t, got.Logs[0], "panic: ")
	assert.Contains(t, strings.Join(got.Logs, "\n"), "serve.go", "the stack")
}

func TestPanicOfAGoroutineEndsTheHost(t *testing.T) {
	s := start(t, 0, nil).ready()
	mine, theirs := moduletest.SocketPair(t)
	end, err := wire.NewHostEnd(theirs)
	require.NoError(t, err)
	queue := s.host.queue
	s.host.queue = nil // after a frame it is looked at, where nothing recovers
	s.host.serving.Add(1)
	go s.host.serve(end)
	_, err = syscall.Write(mine, wire.EndFrame(wire.BeginFrame(nil, 0, 1), 0))
	require.NoError(t, err)
	require.Eventually(t, s.host.broken.Load, 5*time.Second, time.Millisecond)
	require.NoError(t, syscall.Close(mine))
	s.host.queue = queue
	r := s.Host.UntilEnded()
	assert.Equal(t, wire.StatusPanic, r.Status)
	assert.Contains(t, strings.Join(r.Logs, "\n"), "serve.go", "the stack")
}

func TestNotesAreBounded(t *testing.T) {
	n := &notes{wake: func() {}}
	for i := range maxNotes + 7 {
		n.addf(log.Info, "%d", i)
	}
	var logs moduletest.Result
	caller := moduletest.NewCaller(t)
	for {
		r := caller.Begin()
		if !n.write(r, wire.RecordMax) {
			break
		}
		assert.LessOrEqual(t, r.Len(), wire.RecordMax)
		logs.Take(t, r.Bytes())
	}
	require.Len(t, logs.Logs, maxNotes+1)
	assert.Contains(t, logs.Logs[maxNotes], "7 log lines were dropped")
}

// FuzzHostFrame: a host answers or refuses any frame, and never panics: a
// panic would show as StatusPanic.
func FuzzHostFrame(f *testing.F) {
	m := wire.Message{Room: wire.ViewOf("r@h"), From: wire.ViewOf("sip:r@h"), Body: []byte("text")}
	to := moduletest.URIs("u", 3)
	_, length := m.Fit(to, 3)
	late := wire.Time(1) << 62
	request := func(contentType, body string) []byte {
		return wire.AppendRequest(nil, late, &sip.Request{
			From: "sip:a@h", RequestURI: "sip:r@h", CallID: "c", ContentType: contentType,
			Headers: "Date: x\r\n", Socket: "udp:h:1", Body: []byte(body),
		})
	}
	query := func(what wire.Query, room, user string) []byte {
		return wire.AppendQuery(nil, late, what, wire.ViewOf(room), wire.ViewOf(user))
	}
	f.Add(byte(wire.FrameRequest), request("text/html", "b\x00"))
	f.Add(byte(wire.FrameRequest), request("", "#join"))
	f.Add(byte(wire.FrameQuery), query(wire.QueryListRooms, "", ""))
	f.Add(byte(wire.FrameQuery), query(wire.QueryListMembers, "sip:r@h", ""))
	f.Add(byte(wire.FrameQuery), query(wire.QueryRoomMember, "sip:r@h", "sip:a@h"))
	f.Add(byte(wire.FrameUnsent), wire.AppendUnsent(nil, 1, m.AppendTo(nil, to, length)))
	f.Add(byte(wire.FrameFailed), wire.AppendFailed(nil, moduletest.Failed(404, "sip:r@h", "sip:a@h", "sip:b@h")))
	f.Add(byte(0), []byte{})
	s := start(f, 0, nil).ready()
	f.Fuzz(func(t *testing.T, kind byte, payload []byte) {
		for _, frame := range s.answered(t, wire.FrameKind(kind), payload) {
			if frame.Kind == wire.FrameAnswer {
				part, ok := wire.ParseAnswer(frame.Payload)
				assert.True(t, ok)
				assert.NotEqual(t, wire.StatusPanic, part.Status)
			}
		}
		s.Host.TB = t
		s.Host.Drain()
	})
}
