package module

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
)

const invited = "sip:guest@example.org"

// awaitWithdrawn waits until nobody is invited any more.
func (s *system) awaitWithdrawn(members int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		_, m := s.host.p.host.conf.Counts()
		return m == members
	}, 5*time.Second, time.Millisecond, "the invitation is withdrawn")
}

// assertBusy fails unless who invited is told, directly, that nothing was sent.
func assertBusy(t *testing.T, r result) {
	t.Helper()
	assert.Equal(t, engine.CodeInvite, r.code)
	require.Len(t, r.messages, 1)
	assert.Equal(t, []string{user(0)}, r.messages[0].to)
	assert.Equal(t, "*** The server is busy, the invitation was not sent", string(r.messages[0].body))
}

// busyRoom makes a room with a text in the queue that leaves no room for more.
func busyRoom(t *testing.T) *system {
	t.Helper()
	s := start(t, 1, func(s *Settings) { s.FanoutInline, s.QueueSize = 5, 30 }).ready()
	s.workers[0].room(room, 20)
	s.host.drain()
	require.Equal(t, 1, s.workers[0].handle(user(0), room, "text").code)
	return s
}

func TestInvitationThatDoesNotFitIsWithdrawn(t *testing.T) {
	s := busyRoom(t)
	w := s.workers[0]
	for range 2 {
		assertBusy(t, w.handle(user(0), room, "#invite "+invited))
		s.awaitWithdrawn(20)
	}
	for _, m := range s.host.drain() {
		assert.Equal(t, "[user0]: text", string(m.body), "no second notice")
	}
	r := w.handle(user(0), room, "#invite "+invited)
	assert.Equal(t, 1, r.code)
	assert.Len(t, r.messages, 1)
}

func TestInvitationWithoutMemoryIsWithdrawnIfTheQueueIsFull(t *testing.T) {
	s := busyRoom(t)
	w := s.workers[0]
	const other = "sip:other@example.org"
	require.Equal(t, 1, w.handle(user(0), other, "#create").code)
	// 19 of 30 wait, so that a room with none has room for 11 more
	r := w.handle(user(0), other, "#invite "+invited)
	require.Len(t, r.records, 1)
	q := s.host.p.host.queue
	q.mu.Lock()
	q.most.recipients = 19
	q.mu.Unlock()
	assertBusy(t, w.event(&Event{Kind: EventUnsent, Code: 1, Message: r.records[0]}))
	s.awaitWithdrawn(21)
}

func TestInvitationWithoutMemoryIsWithdrawnInTheEnd(t *testing.T) {
	s := start(t, 1, nil).ready()
	w := s.workers[0]
	w.room(room, 3)
	r := w.handle(user(0), room, "#invite "+invited)
	require.Len(t, r.records, 1)
	require.Equal(t, 1, w.event(&Event{Kind: EventUnsent, Code: 1, Message: r.records[0]}).code)
	n := s.host.next(time.Second)
	require.Len(t, n.records, 1)
	q := s.host.p.host.queue
	q.mu.Lock()
	q.rooms[n.messages[0].room].items[0].since = time.Now().Add(-2 * giveUp)
	q.mu.Unlock()
	r = s.host.event(&Event{Kind: EventUnsent, Code: 1, Message: n.records[0]})
	assert.Contains(t, strings.Join(r.logs, "\n"), "a MESSAGE to "+invited+" dropped")
	s.awaitWithdrawn(3)
	require.Eventually(t, q.ready, 5*time.Second, time.Millisecond)
	told := s.host.drain()
	require.Len(t, told, 1)
	assert.Equal(t, []string{user(0)}, told[0].to)
}

func TestWorkerSendsALateInvitation(t *testing.T) {
	w, c := lonely(t, 50*time.Millisecond)
	m := &engine.Message{From: room, To: [][]string{{invited}}, ContentType: "text/plain", Body: []byte("come"), Inviter: user(0)}
	assert.Equal(t, StatusTimeout, w.handle(user(0), room, "#invite "+invited).status)
	require.NoError(t, answerNext(c, 1, m)) // too late
	go func() { _ = answerNext(c, 1, nil) }()
	r := w.handle(user(0), room, "#leave")
	assert.Equal(t, 1, r.code)
	require.Len(t, r.messages, 1)
	assert.Equal(t, []string{invited}, r.messages[0].to)
	assert.Zero(t, w.counter(CounterDropped))
}

// TestAnswersAreBounded: an answer holds no more than fits into one buffer, what
// is more goes out through the queue, in order.
func TestAnswersAreBounded(t *testing.T) {
	s := start(t, 1, nil).ready()
	const lists = 20
	messages := make([]engine.Message, lists)
	for i := range messages {
		messages[i] = engine.Message{
			From: room, To: [][]string{{user(0)}}, ContentType: "text/plain",
			Body: append([]byte{byte('a' + i)}, make([]byte, 32*1024)...),
		}
	}
	reply := newReply(t)
	d := dispatcher{host: s.host.p.host, out: reply}
	assert.Equal(t, engine.CodeOK, d.notices(messages, engine.CodeOK))
	assert.LessOrEqual(t, reply.Len()+len(reply.rest), directMax)
	direct := recipients(reply.Bytes()) + recipients(reply.rest)
	assert.Positive(t, direct)
	rest := s.host.drain()
	require.Len(t, rest, lists-direct)
	for i, m := range rest {
		assert.Equal(t, byte('a'+direct+i), m.body[0])
	}
}
