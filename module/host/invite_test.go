package host

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/command"
	"kamailio-imc/module/moduletest"
	"kamailio-imc/module/wire"
)

const invited = "sip:guest@example.org"

// awaitWithdrawn waits until nobody is invited any more.
func (s *system) awaitWithdrawn(members int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		_, m := s.host.conf.Counts()
		return m == members
	}, 5*time.Second, time.Millisecond, "the invitation is withdrawn")
}

// assertBusy fails unless who invited is told, directly, that nothing was sent.
func assertBusy(t *testing.T, r moduletest.Result) {
	t.Helper()
	assert.Equal(t, command.CodeInvite, r.Code)
	require.Len(t, r.Messages, 1)
	assert.Equal(t, []string{user(0)}, r.Messages[0].To)
	assert.Equal(t, "*** The server is busy, the invitation was not sent", string(r.Messages[0].Body))
}

// busyRoom makes a room with a text in the queue that leaves no room for more.
func busyRoom(t *testing.T) *system {
	t.Helper()
	s := start(t, 1, func(s *Settings) { s.FanoutInline, s.QueueSize = 5, 30 }).ready()
	s.Workers[0].MakeRoom(room, 20)
	s.Host.Drain()
	require.Equal(t, 1, s.Workers[0].Handle(user(0), room, "text").Code)
	return s
}

func TestInvitationThatDoesNotFitIsWithdrawn(t *testing.T) {
	s := busyRoom(t)
	w := s.Workers[0]
	for range 2 {
		assertBusy(t, w.Handle(user(0), room, "#invite "+invited))
		s.awaitWithdrawn(20)
	}
	for _, m := range s.Host.Drain() {
		assert.Equal(t, "[user0]: text", string(m.Body), "no second notice")
	}
	r := w.Handle(user(0), room, "#invite "+invited)
	assert.Equal(t, 1, r.Code)
	assert.Len(t, r.Messages, 1)
}

func TestInvitationWithoutMemoryIsWithdrawnIfTheQueueIsFull(t *testing.T) {
	s := busyRoom(t)
	w := s.Workers[0]
	const other = "sip:other@example.org"
	require.Equal(t, 1, w.Handle(user(0), other, "#create").Code)
	// 19 of 30 wait, so that a room with none has room for 11 more
	r := w.Handle(user(0), other, "#invite "+invited)
	require.Len(t, r.Records, 1)
	q := s.host.queue
	q.mu.Lock()
	q.most.recipients = 19
	q.mu.Unlock()
	assertBusy(t, w.Event(&wire.Event{Kind: wire.EventUnsent, Code: 1, Message: r.Records[0]}))
	s.awaitWithdrawn(21)
}

func TestInvitationWithoutMemoryIsWithdrawnInTheEnd(t *testing.T) {
	s := start(t, 1, nil).ready()
	w := s.Workers[0]
	w.MakeRoom(room, 3)
	r := w.Handle(user(0), room, "#invite "+invited)
	require.Len(t, r.Records, 1)
	require.Equal(t, 1, w.Event(&wire.Event{Kind: wire.EventUnsent, Code: 1, Message: r.Records[0]}).Code)
	n := s.Host.Next(time.Second)
	require.Len(t, n.Records, 1)
	q := s.host.queue
	q.mu.Lock()
	q.rooms[n.Messages[0].Room].items[0].since = time.Now().Add(-2 * giveUp)
	q.mu.Unlock()
	r = s.Host.Event(&wire.Event{Kind: wire.EventUnsent, Code: 1, Message: n.Records[0]})
	assert.Contains(t, strings.Join(r.Logs, "\n"), "a MESSAGE to "+invited+" dropped")
	s.awaitWithdrawn(3)
	require.Eventually(t, q.ready, 5*time.Second, time.Millisecond)
	told := s.Host.Drain()
	require.Len(t, told, 1)
	assert.Equal(t, []string{user(0)}, told[0].To)
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
	caller := moduletest.NewCaller(t)
	reply := caller.Begin()
	d := dispatcher{host: s.host, out: reply}
	assert.Equal(t, engine.CodeOK, d.notices(messages, engine.CodeOK))
	assert.LessOrEqual(t, reply.Len()+reply.Spilled(), directMax)
	r := caller.Collect(reply, wire.StatusOK)
	direct := len(r.Recipients())
	assert.Positive(t, direct)
	rest := s.Host.Drain()
	require.Len(t, rest, lists-direct)
	for i, m := range rest {
		assert.Equal(t, byte('a'+direct+i), m.Body[0])
	}
}
