package module

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const room = "sip:room@example.org"

func TestTextAndCommand(t *testing.T) {
	s := start(t, 2, nil).ready()
	a, b := s.workers[0], s.workers[1]

	r := a.handle(user(0), room, "#create")
	assert.Equal(t, 1, r.code)
	require.Len(t, r.messages, 1)
	assert.Equal(t, "*** Room was created", string(r.messages[0].body))
	assert.Equal(t, room, r.messages[0].from)
	assert.Equal(t, []string{user(0)}, r.messages[0].to)
	assert.Equal(t, "call", r.messages[0].callID)

	r = b.handle(user(1), room, "#join")
	assert.Equal(t, 1, r.code)

	for range 3 { // from the host's help, then from the snapshot
		r = a.handle(user(0), room, "hello")
		assert.Equal(t, 1, r.code)
		require.Len(t, r.messages, 1, "%v", r.logs)
		assert.Equal(t, "[user0]: hello", string(r.messages[0].body))
		assert.Equal(t, []string{user(1)}, r.messages[0].to)
		assert.Equal(t, "text/plain", r.messages[0].contentType)
		assert.Equal(t, "room@example.org", r.messages[0].room)
		assert.Zero(t, r.messages[0].id)
	}
	assert.Equal(t, 3, a.counter(CounterTexts))

	r = b.handle(user(2), room, "#join") // changes the room: a's snapshot is out of date
	assert.Equal(t, 1, r.code)
	r = a.handle(user(0), room, "again")
	require.Len(t, r.messages, 1)
	assert.ElementsMatch(t, []string{user(1), user(2)}, r.messages[0].to)

	r = a.handle(user(9), room, "I am no member")
	assert.Equal(t, -200, r.code)
	assert.Empty(t, r.messages)
	assert.Equal(t, 3, s.host.counter(CounterMembers))
	assert.Equal(t, 1, s.host.counter(CounterRooms))
}
