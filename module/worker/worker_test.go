package worker

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/module/moduletest"
	"kamailio-imc/module/snapshot"
	"kamailio-imc/module/wire"
)

// lonely returns a worker whose host is what the test writes to the host's end.
func lonely(tb testing.TB, timeout time.Duration) (*moduletest.Caller, *wire.HostEnd) {
	tb.Helper()
	mine, theirs := moduletest.SocketPair(tb)
	w := moduletest.NewCaller(tb)
	worker, err := New(&Settings{
		Intake: Intake{CommandStart: '#', Counters: w.Counters},
		FD:     mine, Timeout: timeout, Versions: make(snapshot.Versions, 16),
	})
	require.NoError(tb, err)
	w.Process = worker
	tb.Cleanup(func() { _ = syscall.Close(mine) })
	end, err := wire.NewHostEnd(theirs)
	require.NoError(tb, err)
	tb.Cleanup(end.Close)
	return w, end
}

func TestWorkerRefusesInTime(t *testing.T) {
	w, _ := lonely(t, 30*time.Millisecond)
	const doubt, later = "did not confirm the change", "try again later"
	for body, want := range map[string]struct {
		code int
		told string // "" for nothing
	}{"text": {-200, ""}, "#join": {-40, doubt}, "#": {-20, later}, "#rooms": {-100, later}, "#x": {-130, later}} {
		began := time.Now()
		r := w.Handle(moduletest.User(0), moduletest.Room, body)
		assert.Equal(t, wire.StatusTimeout, r.Status)
		assert.Equal(t, want.code, r.Code, "%q", body)
		told(t, &r, want.told)
		assert.GreaterOrEqual(t, time.Since(began), 25*time.Millisecond)
		require.Len(t, r.Logs, 1)
		assert.True(t, strings.HasPrefix(r.Logs[0], "2 room "+moduletest.Room), r.Logs[0])
	}
	assert.Equal(t, 5, w.Counter(wire.CounterRefused))
	assert.Equal(t, 4, w.Counter(wire.CounterCommands))
	assert.Equal(t, -1, w.Query(wire.QueryRoomActive, moduletest.Room, "").Code)
}

// told sees that the sender of a command, and nobody else, was told something;
// "": nothing.
func told(t *testing.T, r *moduletest.Result, what string) {
	t.Helper()
	if what == "" {
		assert.Empty(t, r.Messages)
		return
	}
	require.Len(t, r.Messages, 1)
	assert.Equal(t, moduletest.Room, r.Messages[0].From)
	assert.Equal(t, []string{moduletest.User(0)}, r.Recipients())
	assert.True(t, strings.HasPrefix(string(r.Messages[0].Body), "*** "))
	assert.Contains(t, string(r.Messages[0].Body), what)
}

// answerNext answers the next frame of the worker.
func answerNext(end *wire.HostEnd, code int, m *engine.Message) error {
	f, err := end.Receive()
	if err != nil {
		return err
	}
	return answer(end, f.ID, code, m)
}

// answer answers a frame of the worker.
func answer(end *wire.HostEnd, id uint32, code int, m *engine.Message) error {
	a := wire.NewAnswer(end)
	a.Begin(id)
	a.Code = code
	if m != nil {
		wire.WriteMessage(a, m)
	}
	a.End()
	return a.Err
}

func TestWorkerDropsLateAnswers(t *testing.T) {
	w, end := lonely(t, 50*time.Millisecond)
	m := &engine.Message{From: moduletest.Room, To: [][]string{moduletest.URIs("u", 3)}, ContentType: "text/plain", Body: []byte("late")}
	r := w.Handle(moduletest.User(0), moduletest.Room, "#join")
	assert.Equal(t, wire.StatusTimeout, r.Status)
	require.NoError(t, answerNext(end, 1, m)) // too late

	go func() { _ = answerNext(end, 1, nil) }()
	r = w.Handle(moduletest.User(0), moduletest.Room, "#leave")
	assert.Equal(t, wire.StatusOK, r.Status)
	assert.Equal(t, 1, r.Code)
	assert.Empty(t, r.Messages)
	require.Len(t, r.Logs, 1)
	assert.Contains(t, r.Logs[0], "3 MESSAGEs dropped")
	assert.Equal(t, 3, w.Counter(wire.CounterDropped))
}

func TestWorkerSendsALateInvitation(t *testing.T) {
	const guest = "sip:guest@example.org"
	w, end := lonely(t, 50*time.Millisecond)
	m := &engine.Message{From: moduletest.Room, To: [][]string{{guest}}, ContentType: "text/plain", Body: []byte("come"), Inviter: moduletest.User(0)}
	assert.Equal(t, wire.StatusTimeout, w.Handle(moduletest.User(0), moduletest.Room, "#invite "+guest).Status)
	require.NoError(t, answerNext(end, 1, m)) // too late
	go func() { _ = answerNext(end, 1, nil) }()
	r := w.Handle(moduletest.User(0), moduletest.Room, "#leave")
	assert.Equal(t, 1, r.Code)
	require.Len(t, r.Messages, 1)
	assert.Equal(t, []string{guest}, r.Messages[0].To)
	assert.Zero(t, w.Counter(wire.CounterDropped))
}

func TestWorkerWithoutHost(t *testing.T) {
	w, end := lonely(t, time.Second)
	end.Close()
	for i := range 3 {
		r := w.Handle(moduletest.User(0), moduletest.Room, "#join")
		assert.Equal(t, wire.StatusTimeout, r.Status)
		assert.Equal(t, -40, r.Code)
		told(t, &r, "try again later")
		require.Len(t, r.Logs, 1)
		level := "4 " // INFO: that the engine is gone is an error once
		if i == 0 {
			level = "1 "
		}
		assert.True(t, strings.HasPrefix(r.Logs[0], level), r.Logs[0])
	}
}

// TestWorkerLosesItsHost: whose command the engine had when it ended is not
// told that nothing was done.
func TestWorkerLosesItsHost(t *testing.T) {
	w, end := lonely(t, 5*time.Second)
	go func() {
		_, _ = end.Receive()
		end.Close()
	}()
	r := w.Handle(moduletest.User(0), moduletest.Room, "#join")
	assert.Equal(t, wire.StatusTimeout, r.Status)
	assert.Equal(t, -40, r.Code)
	told(t, &r, "did not confirm the change: please see whether it was made before you try again")
	require.Len(t, r.Logs, 1)
	assert.True(t, strings.HasPrefix(r.Logs[0], "1 "), r.Logs[0])
}

func TestWorkerWritesALargeRequestToASlowHost(t *testing.T) {
	w, end := lonely(t, 20*time.Millisecond)
	body := strings.Repeat("x", 250000)
	for range 8 { // more than the socket holds: frames are written in part
		assert.Equal(t, wire.StatusTimeout, w.Handle(moduletest.User(0), moduletest.Room, body).Status)
	}
	got := make(chan int)
	go func() {
		n := 0
		for {
			f, err := end.Receive()
			if err != nil {
				break
			}
			_, r, ok := wire.ParseRequest(f.Payload)
			assert.True(t, ok, "the stream is broken")
			if string(r.Body) == "end" {
				break
			}
			assert.Len(t, r.Body, len(body))
			n++
		}
		got <- n
	}()
	w.Handle(moduletest.User(0), moduletest.Room, "end")
	select {
	case n := <-got:
		assert.Positive(t, n)
	case <-time.After(5 * time.Second):
		assert.Fail(t, "the last request did not come through")
	}
}

// TestWorkerGoesOnAfterASnapshotThatCannotBeUsed: the host handles that
// request, and the next ones are asked as ever.
func TestWorkerGoesOnAfterASnapshotThatCannotBeUsed(t *testing.T) {
	long := "sip:" + strings.Repeat("x", 300) + "@example.org"
	for name, members := range map[string][]string{"too long": {moduletest.User(0), long}, "no SIP URI": {moduletest.User(0), "bob"}} {
		t.Run(name, func(t *testing.T) {
			w, end := lonely(t, 2*time.Second)
			kinds := make(chan wire.FrameKind, 8)
			go func() {
				for {
					f, err := end.Receive()
					if err != nil {
						return
					}
					kinds <- f.Kind
					if f.Kind == wire.FrameRequest {
						a := wire.NewAnswer(end)
						a.Begin(f.ID)
						a.EndSnapshot(snapshot.AppendPayload(a.BeginSnapshot(), 0, 0, moduletest.Room, members))
						continue
					}
					_ = answer(end, f.ID, 1, &engine.Message{
						From: moduletest.Room, To: [][]string{{long}}, ContentType: "text/plain", Body: []byte("hello"),
					})
				}
			}()
			for range 2 {
				r := w.Handle(moduletest.User(0), moduletest.Room, "hello")
				assert.Equal(t, wire.StatusOK, r.Status)
				assert.Equal(t, 1, r.Code)
				assert.Equal(t, []string{long}, r.Recipients())
				assert.Equal(t, []wire.FrameKind{wire.FrameRequest, wire.FrameWhole}, []wire.FrameKind{<-kinds, <-kinds})
			}
		})
	}
}

func TestWorkerRefusesWhatNoFrameHolds(t *testing.T) {
	w, _ := lonely(t, time.Second)
	r := w.Handle(moduletest.User(0), moduletest.Room, strings.Repeat("x", wire.FrameMax))
	assert.Equal(t, wire.StatusOK, r.Status)
	assert.Equal(t, -200, r.Code)
	assert.Len(t, r.Logs, 1)
}

func TestWorkerTakesOnlyEventsThatCanBe(t *testing.T) {
	w, _ := lonely(t, time.Second)
	m := wire.Message{Room: wire.ViewOf("r@h")}
	record := m.AppendTo(nil, []string{"sip:a@h"}, wire.StrSize("sip:a@h"))
	for _, e := range []wire.Event{
		{}, {Kind: 99}, {Kind: wire.EventSent, Message: record},
		{Kind: wire.EventUnsent, Message: record, First: 2}, {Kind: wire.EventUnsent, Message: record, First: -1},
		{Kind: wire.EventUnsent, Message: nil, First: 1}, {Kind: wire.EventUnsent, Message: make([]byte, wire.RecordMax+1)},
		{Kind: wire.EventInvitationFailed, Room: wire.ViewOf(strings.Repeat("x", wire.RecordMax+1))},
	} {
		assert.Equal(t, wire.StatusInvalid, w.Event(&e).Status)
	}
}

// FuzzWorkerAnswer: a worker takes whatever its socket brings, and ends the
// connection over what makes no sense.
func FuzzWorkerAnswer(f *testing.F) {
	head := append(wire.BeginFrame(nil, wire.FrameAnswer, 1), 1, 1, 0, 0, 0, 0, 0, 0, 0) // the last, code 1, status 0
	f.Add(wire.EndFrame(wire.AppendLog(head, log.Info, "line"), 0))
	for _, room := range []string{moduletest.Room, moduletest.User(0)} {
		frame := wire.BeginFrame(nil, wire.FrameSnapshot, 1)
		f.Add(wire.EndFrame(snapshot.AppendPayload(frame, 0, 0, room, []string{moduletest.User(0), moduletest.User(1)}), 0))
	}
	f.Add([]byte{1, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 6, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		w, end := lonely(t, 20*time.Millisecond)
		go func() {
			_ = end.Write(b)
			end.Close()
		}()
		// What is in its records is the host's affair, that they are whole not.
		whole := func(reply *wire.Reply) {
			for b := reply.Bytes(); len(b) > 0; {
				_, rest, ok := wire.NextRecord(b)
				require.True(t, ok)
				b = rest
			}
		}
		for _, body := range []string{"text", "#join"} {
			reply := w.Begin()
			r := wire.Request{From: wire.ViewOf(moduletest.User(0)), RequestURI: wire.ViewOf(moduletest.Room), Body: []byte(body)}
			w.Process.Handle(&r, reply)
			whole(reply)
		}
		reply := w.Begin()
		w.Process.Query(wire.QueryListRooms, wire.View{}, wire.View{}, reply)
		whole(reply)
	})
}
