package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// newRooms starts a server to which all that imc sends comes back, to rooms
// too; users are those of the farm.
func newRooms(t *testing.T, params map[string]any) *chat {
	t.Helper()
	farm := sipua.NewFarm(t, "")
	s := kamailio.Start(t, kamailio.Options{Case: "rooms-in-rooms", NoTCP: true, Params: params,
		Defines: map[string]string{"DESTINATION": kamailio.Quote("sip:" + farm.Addr())}})
	require.NoError(t, farm.Connect(s.Addr))
	return &chat{Server: s, farm: farm, t: t}
}

// rest waits until imc has not sent anything for half a second, and returns
// how many MESSAGEs it sent in all; at most until limit are.
func (c *chat) rest(limit int64) int64 {
	c.t.Helper()
	last, since := int64(-1), time.Now()
	await.Until(c.t, 20*time.Second, func() error {
		n, err := c.Statistic("imc:sent")
		if err != nil || n > limit {
			last = n
			return err
		}
		if n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) < 500*time.Millisecond {
			return fmt.Errorf("%d MESSAGEs so far", n)
		}
		return nil
	})
	return last
}

// TestRoomsInACircle has three rooms, each a member of the two others. Twelve
// commands and one text are some forty MESSAGEs; without a bound of hops they
// were thousands, in a few seconds.
func TestRoomsInACircle(t *testing.T) {
	t.Parallel()
	c := newRooms(t, nil)
	ctx := bounded(t, 60*time.Second)
	rooms := []string{"room-1", "room-2", "room-3"}
	for _, r := range rooms {
		c.must(ctx, "1", "alice", r, "#create")
	}
	for _, r := range rooms {
		for _, other := range rooms {
			if other != r {
				c.must(ctx, "1", "alice", r, "#add "+other)
			}
		}
	}
	for _, r := range rooms {
		c.must(ctx, "1", "bob", r, "#join")
	}
	before := c.rest(200)
	c.must(ctx, "1", "alice", "room-1", "hello")
	all := c.rest(200)
	t.Logf("12 commands are %d MESSAGEs, a text %d", before, all-before)
	// 3 created; each room tells its 2, 3 and 4 members of one more
	assert.Equal(t, int64(3+3*(2+3+4)), before, "MESSAGEs of 12 commands")
	// bob and two rooms from the first, then in each of these alice, bob and
	// the third room, which refuses
	assert.Equal(t, int64(3+2*3), all-before, "MESSAGEs of a text")
	looped, err := c.Statistic("imc:looped")
	require.NoError(t, err)
	assert.Equal(t, int64(2), looped)
	for _, m := range c.farm.Received(0) {
		assert.LessOrEqual(t, strings.Count(string(m.Body), "["), 2, "%s", m.Body)
	}
}

// TestBridge has two rooms that are members of each other: what is said in one
// is heard in both, once. Their notices stay at home.
func TestBridge(t *testing.T) {
	t.Parallel()
	c := newRooms(t, nil)
	ctx := bounded(t, 30*time.Second)
	c.must(ctx, "1", "alice", "room-1", "#create")
	c.must(ctx, "1", "bob", "room-2", "#create")
	c.must(ctx, "1", "alice", "room-1", "#add room-2")
	c.must(ctx, "1", "bob", "room-2", "#add room-1")
	c.rest(100)
	first := c.farm.Count()
	c.must(ctx, "1", "alice", "room-1", "hello")
	c.must(ctx, "1", "bob", "room-2", "hello, Alice")
	c.rest(100)
	var got []string
	for _, m := range c.farm.Received(first) {
		hops := m.Get("X-IMC-Hops")
		got = append(got, fmt.Sprintf("%s %s %s", m.URI, m.Body, hops))
	}
	assert.ElementsMatch(t, []string{
		uri("bob") + " [room-1]: [alice]: hello 2",
		uri("alice") + " [room-2]: [bob]: hello, Alice 2",
	}, got)
}
