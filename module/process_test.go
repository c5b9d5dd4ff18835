package module

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
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

// TestWorkerDecidesAsTheHost: a text comes to the same whether the worker has
// the room's snapshot, is sent one, or the host handles the text.
func TestWorkerDecidesAsTheHost(t *testing.T) {
	s := start(t, 2, nil).ready()
	big := start(t, 1, func(s *Settings) { s.FanoutInline = 0 }).ready()
	known, told, none := s.workers[0], s.workers[1], big.workers[0]
	for _, members := range []int{3, 20} {
		uri := fmt.Sprintf("sip:Room%d@example.org", members)
		known.room(uri, members)
		none.room(uri, members)
		big.host.drain()
		for _, r := range []engine.Request{
			{From: user(0), Body: []byte("text")},
			{From: "sip:USER1@Example.org:5070;transport=tcp", ContentType: "text/html", Body: []byte("<b>text</b>")},
			{From: user(members - 1), ContentType: "application/json", CallID: "call", Body: []byte("{}")},
			{From: user(0), ContentType: "message/imdn+xml", Body: []byte("<imdn/>")},
			{From: user(0)},
			{From: user(0), CallID: "a\r\nb", Body: []byte("text")},
			{From: user(members), Body: []byte("no member")},
			{From: "tel:+49", Body: []byte("no member")},
			{From: "sip:a<b", Body: []byte("no URI")},
		} {
			r.RequestURI = uri
			require.Equal(t, 1, known.handle(user(0), uri, "so that it has a snapshot").code)
			a := known.handleRequest(&r)
			s.versions[hash(keyOf([]byte(uri)))&uint64(len(s.versions)-1)].Add(1)
			b := told.handleRequest(&r)
			c := none.handleRequest(&r)
			queued := big.host.drain()
			assert.Equal(t, a.code, b.code, "%+v", r)
			assert.Equal(t, a.code, c.code, "%+v", r)
			assert.Equal(t, received(a.messages), received(b.messages), "%+v", r)
			assert.Equal(t, received(a.messages), received(queued), "%+v", r)
		}
	}
}

// received returns what each recipient gets.
func received(messages []sent) map[string]string {
	out := make(map[string]string)
	for _, m := range messages {
		for _, to := range m.to {
			out[to] = fmt.Sprintf("%s %s %s %q %s", m.room, m.from, m.callID, m.contentType, m.body)
		}
	}
	return out
}

// TestOtherVersion: the library works for an imc.so of its own version only.
func TestOtherVersion(t *testing.T) {
	s := testSettings(make([]atomic.Uint64, 2), make([]atomic.Uint64, CounterRow))
	s.Roles = RoleHost
	s.Version = "0.9"
	_, err := Start(s)
	require.ErrorIs(t, err, ErrSettings)
	assert.Contains(t, err.Error(), "imc.so is version 0.9, imc_engine.so version ")
}
