package host

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/sip"
	"kamailio-imc/module/moduletest"
	"kamailio-imc/module/wire"
)

// queueTest is a queue with what it told.
type queueTest struct {
	*queue
	t       *testing.T
	started []sip.Key
	gauge   int
}

func testQueue(t *testing.T, size int) *queueTest {
	t.Helper()
	q := &queueTest{t: t}
	q.queue = newQueue(load{size, 1 << 30},
		func(room sip.Key) { q.started = append(q.started, room) },
		func(n int) { q.gauge = n })
	return q
}

func text(room sip.Key, body string, to ...[]string) *engine.Message {
	return &engine.Message{Room: room, From: "sip:" + string(room), Body: []byte(body), To: to}
}

// next takes a batch; nil: there is none.
func (q *queueTest) next() *moduletest.Sent {
	q.t.Helper()
	record, _ := q.take(nil)
	if len(record) == 0 {
		return nil
	}
	require.LessOrEqual(q.t, len(record), wire.RecordMax)
	m := moduletest.Parse(q.t, record)
	return &m
}

func TestQueueTakesRoomsInTurn(t *testing.T) {
	q := testQueue(t, 10000)
	big := moduletest.URIs("b", 3*queueBatch+1)
	require.True(t, q.push(text("big@h", "1", big), false))
	require.True(t, q.push(text("small@h", "2", moduletest.URIs("s", 2)), false))
	require.True(t, q.push(text("small@h", "3", moduletest.URIs("s", 2)), false))
	assert.Equal(t, []sip.Key{"big@h", "small@h"}, q.started)

	var rooms []sip.Key
	got := map[string][]string{}
	for m := q.next(); m != nil; m = q.next() {
		rooms = append(rooms, m.Room)
		got[string(m.Body)] = append(got[string(m.Body)], m.To...)
		require.True(t, q.sent(m.ID))
		assert.False(t, q.sent(m.ID), "reported twice")
	}
	assert.Equal(t, []sip.Key{"big@h", "small@h", "big@h", "small@h", "big@h", "big@h"}, rooms)
	assert.Equal(t, big, got["1"])
	assert.Equal(t, moduletest.URIs("s", 2), got["3"])
	assert.Zero(t, q.gauge)
	assert.False(t, q.busy("big@h"))
}

func TestQueueTakesThePartsInOrder(t *testing.T) {
	q := testQueue(t, 1000)
	parts := [][]string{moduletest.URIs("a", 3), nil, moduletest.URIs("b", queueBatch+1), moduletest.URIs("c", 1)}
	require.True(t, q.push(text("a@h", "1", parts...), false))
	assert.Equal(t, queueBatch+5, q.gauge)
	var got []string
	for m := q.next(); m != nil; m = q.next() {
		got = append(got, m.To...)
		require.True(t, q.sent(m.ID))
	}
	assert.Equal(t, slices.Concat(parts...), got)
	assert.Len(t, parts[0], 3, "the parts are others' too")
	assert.False(t, q.busy("a@h"))
}

func TestQueueHasOneBatchOfARoomOut(t *testing.T) {
	q := testQueue(t, 1000)
	q.push(text("a@h", "1", moduletest.URIs("u", 100)), false)
	q.push(text("a@h", "2", moduletest.URIs("u", 1)), false)
	m := q.next()
	require.NotNil(t, m)
	assert.Nil(t, q.next(), "order would be lost")
	assert.True(t, q.busy("a@h"))
	q.sent(m.ID)
	require.NotNil(t, q.next())
}

func TestQueueIsBounded(t *testing.T) {
	q := testQueue(t, 100)
	require.True(t, q.push(text("a@h", "1", moduletest.URIs("u", 60)), false))
	assert.False(t, q.push(text("b@h", "2", moduletest.URIs("u", 30), moduletest.URIs("v", 30)), false))
	assert.False(t, q.busy("b@h"), "all or nothing")
	assert.True(t, q.push(text("b@h", "3", moduletest.URIs("u", 40)), false))
	assert.Equal(t, 100, q.gauge)
	m := q.next()
	assert.False(t, q.push(text("c@h", "4", moduletest.URIs("u", 1)), false), "what is out counts too")
	q.sent(m.ID)
	assert.True(t, q.push(text("c@h", "4", moduletest.URIs("u", 1)), false))
}

func TestQueueTakesATextThatIsLargerThanItself(t *testing.T) {
	q := testQueue(t, 10)
	require.True(t, q.push(text("a@h", "1", moduletest.URIs("u", 50)), false))
	assert.False(t, q.push(text("b@h", "2", moduletest.URIs("u", 1)), false))
}

func TestQueueSendsTheRestFirst(t *testing.T) {
	q := testQueue(t, 1000)
	now := time.Now()
	q.push(text("a@h", "1", moduletest.URIs("u", 10)), false)
	q.push(text("a@h", "2", moduletest.URIs("u", 1)), false)
	m := q.next()
	back, ok := q.unsent(m.ID, 4, true, now)
	assert.True(t, ok)
	assert.Equal(t, returned{retried: 6}, back)
	assert.Equal(t, 7, q.waiting())
	_, ok = q.unsent(m.ID, 4, true, now)
	assert.False(t, ok, "reported twice")

	m = q.next()
	assert.Equal(t, "1", string(m.Body))
	assert.Equal(t, moduletest.URIs("u", 10)[4:], m.To)
	_, ok = q.unsent(m.ID, len(m.To)+1, true, now)
	assert.False(t, ok, "more than there are")
	q.sent(m.ID)
	assert.Equal(t, "2", string(q.next().Body))
}

func TestQueueGivesARecipientUpInTheEnd(t *testing.T) {
	q := testQueue(t, 1000)
	now := time.Now()
	q.push(text("a@h", "1", moduletest.URIs("u", 3)), false)
	for waited := time.Duration(0); waited < giveUp; waited += time.Second {
		m := q.next()
		require.Len(t, m.To, 3)
		back, ok := q.unsent(m.ID, 0, true, now.Add(waited))
		require.True(t, ok)
		require.Empty(t, back.dropped)
	}
	back, ok := q.unsent(q.next().ID, 0, true, now.Add(giveUp))
	assert.True(t, ok)
	assert.Equal(t, moduletest.URIs("u", 3)[0], back.dropped)
	assert.EqualValues(t, "a@h", back.message.Room)
	assert.Equal(t, 2, back.retried)
	assert.Equal(t, moduletest.URIs("u", 3)[1:], q.next().To)
	assert.Equal(t, 2, q.gauge)
}

// TestQueueGivesNobodyUpForTheReserve: who waits for the reserve, or for a
// room's share, waits as long as it takes.
func TestQueueGivesNobodyUpForTheReserve(t *testing.T) {
	q := testQueue(t, 1000)
	now := time.Now()
	q.push(text("a@h", "1", moduletest.URIs("u", 3)), false)
	for waited := time.Duration(0); waited <= 3*giveUp; waited += giveUp / 2 {
		back, ok := q.unsent(q.next().ID, 0, false, now.Add(waited))
		require.True(t, ok)
		require.Equal(t, returned{retried: 3}, back)
	}
}

func TestQueueForgetsAShortageThatIsOver(t *testing.T) {
	q := testQueue(t, 1000)
	now := time.Now()
	q.push(text("a@h", "1", moduletest.URIs("u", 2*queueBatch)), false)
	_, ok := q.unsent(q.next().ID, 0, true, now)
	require.True(t, ok)
	q.sent(q.next().ID)
	back, ok := q.unsent(q.next().ID, 0, true, now.Add(2*giveUp))
	assert.True(t, ok)
	assert.Empty(t, back.dropped, "this one has not been waiting")
}

func TestQueueDropsWhatNoRecordHolds(t *testing.T) {
	q := testQueue(t, 1000)
	q.push(text("a@h", strings.Repeat("x", wire.RecordMax), moduletest.URIs("u", 1), moduletest.URIs("v", 2)), false)
	q.push(text("a@h", "2", moduletest.URIs("u", 1)), false)
	record, dropped := q.take(nil)
	assert.Equal(t, 3, dropped)
	m := moduletest.Parse(t, record)
	assert.Equal(t, "2", string(m.Body))
	q.sent(m.ID)
	assert.Zero(t, q.gauge)
}

// TestQueueIsBoundedInBytes: bodies of any number of recipients fill it.
func TestQueueIsBoundedInBytes(t *testing.T) {
	const most = 1 << 20
	q := testQueue(t, 1<<30)
	q.most.bytes = most
	big := func(room sip.Key, i int) bool {
		return q.push(text(room, fmt.Sprintf("%032768d", i), moduletest.URIs("u", 1)), false)
	}
	n := 0
	for big("a@h", n) {
		n++
	}
	assert.InDelta(t, most/2, q.held.bytes, 40000, "half is the others'")
	for room := range 10 {
		for i := 0; big(sip.Key(fmt.Sprintf("b%d@h", room)), i); i++ {
			n++
		}
	}
	assert.LessOrEqual(t, q.held.bytes, most)
	assert.Greater(t, q.held.bytes, most-40000)
	for range n {
		require.True(t, q.sent(q.next().ID))
	}
	assert.Zero(t, q.held)
	require.True(t, q.push(text("a@h", strings.Repeat("x", 2*most), moduletest.URIs("u", 1)), false), "one of any size when it is empty")
}

// TestQueueSharesARecipientsListAndABody: what others hold, or the room's last
// MESSAGE, costs nothing again.
func TestQueueSharesARecipientsListAndABody(t *testing.T) {
	q := testQueue(t, 1<<30)
	shared := moduletest.URIs("u", 1000)
	q.push(text("a@h", "1", shared), false)
	assert.Less(t, q.held.bytes, 1000)
	q.push(text("b@h", "1", shared), true)
	assert.Greater(t, q.held.bytes, 40000)

	list := strings.Repeat("[member]\n", 3000)
	before := q.held.bytes
	for range 1000 {
		require.True(t, q.push(text("c@h", list, moduletest.URIs("u", 1)), false))
	}
	assert.Less(t, q.held.bytes-before, len(list)+1000*1000)
	for m := q.next(); m != nil; m = q.next() {
		if m.Room == "c@h" {
			require.Equal(t, list, string(m.Body))
		}
		q.sent(m.ID)
	}
	assert.Zero(t, q.held)
}

// TestQueueTakesInvitationsOut leaves everything else where it is.
func TestQueueTakesInvitationsOut(t *testing.T) {
	q := testQueue(t, 1000)
	invitation := func(to string) {
		q.pushOver(&engine.Message{
			Room: "a@h", From: "sip:a@h", Inviter: "sip:i@h", InReplyTo: "c", Socket: "s", To: [][]string{{to}},
		})
	}
	invitation("sip:out@h")
	invitation("sip:1@h")
	q.push(text("a@h", "text", moduletest.URIs("u", 1)), false)
	invitation("sip:2@h")
	q.push(&engine.Message{Room: "b@h", From: "sip:b@h", Inviter: "sip:i@h", To: [][]string{{"sip:3@h"}}}, false)
	out := q.next()
	list := q.takeInvitations()
	require.Len(t, list, 3)
	assert.Contains(t, list, failure{room: "sip:a@h", user: "sip:2@h", inviter: "sip:i@h", callID: "c", socket: "s"})
	q.sent(out.ID)
	m := q.next()
	assert.Equal(t, "text", string(m.Body))
	q.sent(m.ID)
	assert.Nil(t, q.next())
	assert.Zero(t, q.held)
	assert.False(t, q.busy("b@h"))
}
