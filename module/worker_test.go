package module

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
)

// lonely returns a worker whose host is what the test writes to conn.
func lonely(tb testing.TB, timeout time.Duration) (*tester, *conn) {
	tb.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(tb, err)
	w := newTester(tb)
	s := testSettings(make([]atomic.Uint64, 16), w.counters)
	s.Roles, s.WorkerFD, s.Timeout = RoleWorker, pair[0], timeout
	w.p, err = Start(s)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = syscall.Close(pair[0]) })
	c, err := newConn(pair[1])
	require.NoError(tb, err)
	tb.Cleanup(c.close)
	return w, c
}

func TestWorkerRefusesInTime(t *testing.T) {
	w, _ := lonely(t, 30*time.Millisecond)
	const doubt, later = "did not confirm the change", "try again later"
	for body, want := range map[string]struct {
		code int
		told string // "" for nothing
	}{"text": {-200, ""}, "#join": {-40, doubt}, "#": {-20, later}, "#rooms": {-100, later}, "#x": {-130, later}} {
		began := time.Now()
		r := w.handle(user(0), room, body)
		assert.Equal(t, StatusTimeout, r.status)
		assert.Equal(t, want.code, r.code, "%q", body)
		told(t, r, want.told)
		assert.GreaterOrEqual(t, time.Since(began), 25*time.Millisecond)
		require.Len(t, r.logs, 1)
		assert.True(t, strings.HasPrefix(r.logs[0], "2 room "+room), r.logs[0])
	}
	assert.Equal(t, 5, w.counter(CounterRefused))
	assert.Equal(t, 4, w.counter(CounterCommands))
	assert.Equal(t, -1, w.query(QueryRoomActive, room, "").code)
}

// told sees that the sender of a command, and nobody else, was told something;
// "": nothing.
func told(t *testing.T, r result, what string) {
	t.Helper()
	if what == "" {
		assert.Empty(t, r.messages)
		return
	}
	require.Len(t, r.messages, 1)
	assert.Equal(t, room, r.messages[0].from)
	assert.Equal(t, []string{user(0)}, recipientsOf(r))
	assert.True(t, strings.HasPrefix(string(r.messages[0].body), "*** "))
	assert.Contains(t, string(r.messages[0].body), what)
}

// answerNext answers the next frame of the worker.
func answerNext(c *conn, code int, m *engine.Message) error {
	_, id, _, err := c.read()
	if err != nil {
		return err
	}
	a := newAnswer(c, id, nil)
	a.code = code
	if m != nil {
		message(a, m)
	}
	a.send(answerLast)
	return a.err
}

func TestWorkerDropsLateAnswers(t *testing.T) {
	w, c := lonely(t, 50*time.Millisecond)
	m := &engine.Message{From: room, To: [][]string{uris("u", 3)}, ContentType: "text/plain", Body: []byte("late")}
	r := w.handle(user(0), room, "#join")
	assert.Equal(t, StatusTimeout, r.status)
	require.NoError(t, answerNext(c, 1, m)) // too late

	go func() { _ = answerNext(c, 1, nil) }()
	r = w.handle(user(0), room, "#leave")
	assert.Equal(t, StatusOK, r.status)
	assert.Equal(t, 1, r.code)
	assert.Empty(t, r.messages)
	require.Len(t, r.logs, 1)
	assert.Contains(t, r.logs[0], "3 MESSAGEs dropped")
	assert.Equal(t, 3, w.counter(CounterDropped))
}

func TestWorkerWithoutHost(t *testing.T) {
	w, c := lonely(t, time.Second)
	c.close()
	for i := range 3 {
		r := w.handle(user(0), room, "#join")
		assert.Equal(t, StatusTimeout, r.status)
		assert.Equal(t, -40, r.code)
		told(t, r, "try again later")
		require.Len(t, r.logs, 1)
		level := "4 " // INFO: that the engine is gone is an error once
		if i == 0 {
			level = "1 "
		}
		assert.True(t, strings.HasPrefix(r.logs[0], level), r.logs[0])
	}
}

// TestWorkerLosesItsHost: whose command the engine had when it ended is not
// told that nothing was done.
func TestWorkerLosesItsHost(t *testing.T) {
	w, c := lonely(t, 5*time.Second)
	go func() {
		_, _, _, _ = c.read()
		c.close()
	}()
	r := w.handle(user(0), room, "#join")
	assert.Equal(t, StatusTimeout, r.status)
	assert.Equal(t, -40, r.code)
	told(t, r, "did not confirm the change: please see whether it was made before you try again")
	require.Len(t, r.logs, 1)
	assert.True(t, strings.HasPrefix(r.logs[0], "1 "), r.logs[0])
}

func TestWorkerWritesALargeRequestToASlowHost(t *testing.T) {
	w, c := lonely(t, 20*time.Millisecond)
	body := strings.Repeat("x", 250000)
	for range 8 { // more than the socket holds: frames are written in part
		assert.Equal(t, StatusTimeout, w.handle(user(0), room, body).status)
	}
	got := make(chan int)
	go func() {
		n := 0
		for {
			_, _, payload, err := c.read()
			if err != nil {
				break
			}
			_, r, ok := parseRequest(payload)
			assert.True(t, ok, "the stream is broken")
			if string(r.Body) == "end" {
				break
			}
			assert.Len(t, r.Body, len(body))
			n++
		}
		got <- n
	}()
	w.handle(user(0), room, "end")
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
	for name, members := range map[string][]string{"too long": {user(0), long}, "no SIP URI": {user(0), "bob"}} {
		t.Run(name, func(t *testing.T) {
			w, c := lonely(t, 2*time.Second)
			kinds := make(chan byte, 8)
			go func() {
				for {
					kind, id, _, err := c.read()
					if err != nil {
						return
					}
					kinds <- kind
					if kind == frameRequest {
						frame := appendSnapshot(beginFrame(nil, frameSnapshot, id), 0, 0, room, members)
						_ = c.write(endFrame(frame, 0))
						continue
					}
					a := newAnswer(c, id, nil)
					a.code = 1
					message(a, &engine.Message{From: room, To: [][]string{{long}}, ContentType: "text/plain", Body: []byte("hello")})
					a.send(answerLast)
				}
			}()
			for range 2 {
				r := w.handle(user(0), room, "hello")
				assert.Equal(t, StatusOK, r.status)
				assert.Equal(t, 1, r.code)
				assert.Equal(t, []string{long}, recipientsOf(r))
				assert.Equal(t, []byte{frameRequest, frameWhole}, []byte{<-kinds, <-kinds})
			}
		})
	}
}

func TestWorkerRefusesWhatNoFrameHolds(t *testing.T) {
	w, _ := lonely(t, time.Second)
	r := w.handle(user(0), room, strings.Repeat("x", frameMax))
	assert.Equal(t, StatusOK, r.status)
	assert.Equal(t, -200, r.code)
	assert.Len(t, r.logs, 1)
}

func TestWorkerTakesOnlyEventsThatCanBe(t *testing.T) {
	w, _ := lonely(t, time.Second)
	h := head{room: "r@h"}
	record := appendMessage(nil, &h, []string{"sip:a@h"}, strSize("sip:a@h"))
	for _, e := range []Event{
		{}, {Kind: 99}, {Kind: EventSent, Message: record},
		{Kind: EventUnsent, Message: record, First: 2}, {Kind: EventUnsent, Message: record, First: -1},
		{Kind: EventUnsent, Message: nil, First: 1}, {Kind: EventUnsent, Message: make([]byte, RecordMax+1)},
		{Kind: EventInvitationFailed, Room: strings.Repeat("x", RecordMax+1)},
	} {
		assert.Equal(t, StatusInvalid, w.event(&e).status)
	}
}

// FuzzWorkerAnswer: a worker takes whatever its socket brings, and ends the
// connection over what makes no sense.
func FuzzWorkerAnswer(f *testing.F) {
	answer := append(beginFrame(nil, frameAnswer, 1), answerLast, 1, 0, 0, 0, 0, 0, 0, 0)
	f.Add(endFrame(appendLog(answer, engine.LevelInfo, "line"), 0))
	f.Add(endFrame(appendSnapshot(beginFrame(nil, frameSnapshot, 1), 0, 0, room, []string{user(0), user(1)}), 0))
	f.Add(endFrame(appendSnapshot(beginFrame(nil, frameSnapshot, 1), 0, 0, user(0), []string{user(0), user(1)}), 0))
	f.Add([]byte{1, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 6, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		w, c := lonely(t, 20*time.Millisecond)
		go func() {
			_ = c.write(b)
			c.close()
		}()
		// What is in its records is the host's affair, that they are whole not.
		whole := func() {
			b := w.replies.byBuffer[&w.buf[0]].Bytes()
			for len(b) > 0 {
				_, rest, ok := nextRecord(b)
				require.True(t, ok)
				b = rest
			}
		}
		for _, body := range []string{"text", "#join"} {
			w.p.Handle(&engine.Request{From: user(0), RequestURI: room, Body: []byte(body)}, w.replies.Begin(w.buf))
			whole()
		}
		w.p.Query(QueryListRooms, "", "", w.replies.Begin(w.buf))
		whole()
	})
}
