package module

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// queueTest is a queue with what it told.
type queueTest struct {
	*queue
	t       *testing.T
	started []string
	gauge   int
}

func testQueue(t *testing.T, size int) *queueTest {
	t.Helper()
	q := &queueTest{t: t}
	q.queue = newQueue(load{size, 1 << 30},
		func(room string) { q.started = append(q.started, room) },
		func(n int) { q.gauge = n })
	return q
}

func uris(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("sip:%s%d@h", prefix, i)
	}
	return out
}

func text(room, body string, to ...[]string) (_ head, _ [][]string, owned bool) {
	return head{room: room, from: "sip:" + room, body: []byte(body)}, to, false
}

// next takes a batch; nil: there is none.
func (q *queueTest) next() *sent {
	q.t.Helper()
	record, _ := q.take(nil)
	if len(record) == 0 {
		return nil
	}
	require.LessOrEqual(q.t, len(record), RecordMax)
	h, to, ok := parseMessage(record)
	require.True(q.t, ok)
	return &sent{h, to}
}

func TestQueueTakesRoomsInTurn(t *testing.T) {
	q := testQueue(t, 10000)
	big := uris("b", 3*queueBatch+1)
	require.True(t, q.push(text("big@h", "1", big)))
	require.True(t, q.push(text("small@h", "2", uris("s", 2))))
	require.True(t, q.push(text("small@h", "3", uris("s", 2))))
	assert.Equal(t, []string{"big@h", "small@h"}, q.started)

	var rooms []string
	got := map[string][]string{}
	for m := q.next(); m != nil; m = q.next() {
		rooms = append(rooms, m.room)
		got[string(m.body)] = append(got[string(m.body)], m.to...)
		require.True(t, q.sent(m.id))
		assert.False(t, q.sent(m.id), "reported twice")
	}
	assert.Equal(t, []string{"big@h", "small@h", "big@h", "small@h", "big@h", "big@h"}, rooms)
	assert.Equal(t, big, got["1"])
	assert.Equal(t, uris("s", 2), got["3"])
	assert.Zero(t, q.gauge)
	assert.False(t, q.busy("big@h"))
}

func TestQueueTakesThePartsInOrder(t *testing.T) {
	q := testQueue(t, 1000)
	parts := [][]string{uris("a", 3), nil, uris("b", queueBatch+1), uris("c", 1)}
	require.True(t, q.push(text("a@h", "1", parts...)))
	assert.Equal(t, queueBatch+5, q.gauge)
	var got []string
	for m := q.next(); m != nil; m = q.next() {
		got = append(got, m.to...)
		require.True(t, q.sent(m.id))
	}
	assert.Equal(t, slices.Concat(parts...), got)
	assert.Len(t, parts[0], 3, "the parts are others' too")
	assert.False(t, q.busy("a@h"))
}

func TestQueueHasOneBatchOfARoomOut(t *testing.T) {
	q := testQueue(t, 1000)
	q.push(text("a@h", "1", uris("u", 100)))
	q.push(text("a@h", "2", uris("u", 1)))
	m := q.next()
	require.NotNil(t, m)
	assert.Nil(t, q.next(), "order would be lost")
	assert.True(t, q.busy("a@h"))
	q.sent(m.id)
	require.NotNil(t, q.next())
}

func TestQueueIsBounded(t *testing.T) {
	q := testQueue(t, 100)
	require.True(t, q.push(text("a@h", "1", uris("u", 60))))
	assert.False(t, q.push(text("b@h", "2", uris("u", 30), uris("v", 30))))
	assert.False(t, q.busy("b@h"), "all or nothing")
	assert.True(t, q.push(text("b@h", "3", uris("u", 40))))
	assert.Equal(t, 100, q.gauge)
	m := q.next()
	assert.False(t, q.push(text("c@h", "4", uris("u", 1))), "what is out counts too")
	q.sent(m.id)
	assert.True(t, q.push(text("c@h", "4", uris("u", 1))))
}

func TestQueueTakesATextThatIsLargerThanItself(t *testing.T) {
	q := testQueue(t, 10)
	require.True(t, q.push(text("a@h", "1", uris("u", 50))))
	assert.False(t, q.push(text("b@h", "2", uris("u", 1))))
}

func TestQueueSendsTheRestFirst(t *testing.T) {
	q := testQueue(t, 1000)
	now := time.Now()
	q.push(text("a@h", "1", uris("u", 10)))
	q.push(text("a@h", "2", uris("u", 1)))
	m := q.next()
	back, ok := q.unsent(m.id, 4, true, now)
	assert.True(t, ok)
	assert.Equal(t, returned{retried: 6}, back)
	assert.Equal(t, 7, q.waiting())
	_, ok = q.unsent(m.id, 4, true, now)
	assert.False(t, ok, "reported twice")

	m = q.next()
	assert.Equal(t, "1", string(m.body))
	assert.Equal(t, uris("u", 10)[4:], m.to)
	_, ok = q.unsent(m.id, len(m.to)+1, true, now)
	assert.False(t, ok, "more than there are")
	q.sent(m.id)
	assert.Equal(t, "2", string(q.next().body))
}

func TestQueueGivesARecipientUpInTheEnd(t *testing.T) {
	q := testQueue(t, 1000)
	now := time.Now()
	q.push(text("a@h", "1", uris("u", 3)))
	for waited := time.Duration(0); waited < giveUp; waited += time.Second {
		m := q.next()
		require.Len(t, m.to, 3)
		back, ok := q.unsent(m.id, 0, true, now.Add(waited))
		require.True(t, ok)
		require.Empty(t, back.dropped)
	}
	back, ok := q.unsent(q.next().id, 0, true, now.Add(giveUp))
	assert.True(t, ok)
	assert.Equal(t, uris("u", 3)[0], back.dropped)
	assert.Equal(t, "a@h", back.head.room)
	assert.Equal(t, 2, back.retried)
	assert.Equal(t, uris("u", 3)[1:], q.next().to)
	assert.Equal(t, 2, q.gauge)
}

// TestQueueGivesNobodyUpForTheReserve: who waits for the reserve, or for a
// room's share, waits as long as it takes.
func TestQueueGivesNobodyUpForTheReserve(t *testing.T) {
	q := testQueue(t, 1000)
	now := time.Now()
	q.push(text("a@h", "1", uris("u", 3)))
	for waited := time.Duration(0); waited <= 3*giveUp; waited += giveUp / 2 {
		back, ok := q.unsent(q.next().id, 0, false, now.Add(waited))
		require.True(t, ok)
		require.Equal(t, returned{retried: 3}, back)
	}
}

func TestQueueForgetsAShortageThatIsOver(t *testing.T) {
	q := testQueue(t, 1000)
	now := time.Now()
	q.push(text("a@h", "1", uris("u", 2*queueBatch)))
	_, ok := q.unsent(q.next().id, 0, true, now)
	require.True(t, ok)
	q.sent(q.next().id)
	back, ok := q.unsent(q.next().id, 0, true, now.Add(2*giveUp))
	assert.True(t, ok)
	assert.Empty(t, back.dropped, "this one has not been waiting")
}

func TestQueueDropsWhatNoRecordHolds(t *testing.T) {
	q := testQueue(t, 1000)
	q.push(text("a@h", strings.Repeat("x", RecordMax), uris("u", 1), uris("v", 2)))
	q.push(text("a@h", "2", uris("u", 1)))
	record, dropped := q.take(nil)
	assert.Equal(t, 3, dropped)
	h, _, ok := parseMessage(record)
	require.True(t, ok)
	assert.Equal(t, "2", string(h.body))
	q.sent(h.id)
	assert.Zero(t, q.gauge)
}

// TestQueueIsBoundedInBytes: bodies of any number of recipients fill it.
func TestQueueIsBoundedInBytes(t *testing.T) {
	const most = 1 << 20
	q := testQueue(t, 1<<30)
	q.most.bytes = most
	big := func(room string, i int) bool {
		return q.push(text(room, fmt.Sprintf("%032768d", i), uris("u", 1)))
	}
	n := 0
	for big("a@h", n) {
		n++
	}
	assert.InDelta(t, most/2, q.held.bytes, 40000, "half is the others'")
	for room := range 10 {
		for i := 0; big(fmt.Sprintf("b%d@h", room), i); i++ {
			n++
		}
	}
	assert.LessOrEqual(t, q.held.bytes, most)
	assert.Greater(t, q.held.bytes, most-40000)
	for range n {
		require.True(t, q.sent(q.next().id))
	}
	assert.Zero(t, q.held)
	require.True(t, q.push(text("a@h", strings.Repeat("x", 2*most), uris("u", 1))), "one of any size when it is empty")
}

// TestQueueSharesARecipientsListAndABody: what others hold, or the room's last
// MESSAGE, costs nothing again.
func TestQueueSharesARecipientsListAndABody(t *testing.T) {
	q := testQueue(t, 1<<30)
	shared := uris("u", 1000)
	q.push(text("a@h", "1", shared))
	assert.Less(t, q.held.bytes, 1000)
	h, to, _ := text("b@h", "1", shared)
	q.push(h, to, true)
	assert.Greater(t, q.held.bytes, 40000)

	list := strings.Repeat("[member]\n", 3000)
	before := q.held.bytes
	for range 1000 {
		require.True(t, q.push(text("c@h", list, uris("u", 1))))
	}
	assert.Less(t, q.held.bytes-before, len(list)+1000*1000)
	for m := q.next(); m != nil; m = q.next() {
		if m.room == "c@h" {
			require.Equal(t, list, string(m.body))
		}
		q.sent(m.id)
	}
	assert.Zero(t, q.held)
}

// TestQueueTakesInvitationsOut leaves everything else where it is.
func TestQueueTakesInvitationsOut(t *testing.T) {
	q := testQueue(t, 1000)
	invitation := func(to string) {
		q.pushOver(head{room: "a@h", from: "sip:a@h", inviter: "sip:i@h", callID: "c", socket: "s", flags: FlagInvitation}, [][]string{{to}})
	}
	invitation("sip:out@h")
	invitation("sip:1@h")
	q.push(text("a@h", "text", uris("u", 1)))
	invitation("sip:2@h")
	q.push(head{room: "b@h", from: "sip:b@h", inviter: "sip:i@h", flags: FlagInvitation}, [][]string{{"sip:3@h"}}, false)
	out := q.next()
	list := q.takeInvitations()
	require.Len(t, list, 3)
	assert.Contains(t, list, Event{Kind: EventInvitationFailed, Room: "sip:a@h", User: "sip:2@h", Inviter: "sip:i@h", CallID: "c", Socket: "s"})
	q.sent(out.id)
	m := q.next()
	assert.Equal(t, "text", string(m.body))
	q.sent(m.id)
	assert.Nil(t, q.next())
	assert.Zero(t, q.held)
	assert.False(t, q.busy("b@h"))
}
