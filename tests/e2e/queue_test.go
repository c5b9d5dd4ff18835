package e2e

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// silentRoom starts a server with a room of user0, user1, ..., none of whom
// answers: what is sent to them holds shared memory for half a minute.
func silentRoom(t *testing.T, members int, o kamailio.Options) *chat {
	t.Helper()
	o.Workers, o.NoTCP = 2, true
	params := map[string]any{"db_mode": 1}
	maps.Copy(params, o.Params)
	if params["db_url"] == nil {
		params["db_url"] = bigRoom(t, members)
	}
	o.Params = params
	c := newChat(t, o)
	for i := range members {
		c.farm.Answer(uri(fmt.Sprintf("user%d", i)), sipua.Silence)
	}
	return c
}

// statistic gives a statistic of the module.
func (c *chat) statistic(name string) int {
	c.t.Helper()
	v, err := c.Statistic("imc:" + name)
	require.NoError(c.t, err)
	return int(v)
}

// TestBigRoomThatNeverAnswers bounds how many MESSAGEs are unanswered: who does
// not keep up is waited for a little.
func TestBigRoomThatNeverAnswers(t *testing.T) {
	t.Parallel()
	const members = 2500
	c := silentRoom(t, members, kamailio.Options{ShmMB: 96}) // one room's share is enough for all
	ctx := bounded(t, 30*time.Second)
	first := c.farm.Count()
	begin := time.Now()
	c.must(ctx, "1", "user0", "big", "anybody there?")
	_, err := c.farm.Await(ctx, first, members-1)
	require.NoError(t, err)
	assert.Greater(t, time.Since(begin), (members/64-1)*5*time.Millisecond, "5 ms for each 64 of them")
}

// TestFullQueue has the queue refuse a text: its sender is told, by the code and
// by a MESSAGE, and nobody gets it.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	const members = 2500
	c := silentRoom(t, members, kamailio.Options{ShmMB: 16, LogLevel: 3, Params: map[string]any{"queue_size": members}})
	ctx := bounded(t, 30*time.Second)
	c.farm.Answer(uri("user1"), 200)
	first := c.farm.Count()
	c.must(ctx, "1", "user0", "big", "taken")
	c.must(ctx, "-200", "user1", "big", "not taken")
	busy := "*** The server is busy, your message was not delivered"
	await.Until(t, 10*time.Second, func() error {
		got := c.farm.Received(first)
		for _, m := range got {
			if string(m.Body) == busy {
				assert.Equal(t, uri("user1"), m.URI)
				return nil
			}
		}
		return fmt.Errorf("nobody is told, after %d MESSAGEs", len(got))
	})
	for _, m := range c.farm.Received(first) {
		assert.Contains(t, []string{"[user0]: taken", busy}, string(m.Body))
	}
	assert.NotEmpty(t, c.LogLines(`WARNING: .* imc .*text of `+uri("user1")+` refused`))
	assert.Zero(t, c.statistic("dropped"), "a text that is refused is not lost")

	// an invitation is not stored if it cannot be sent, so that the second one
	// is not refused for the first
	for range 2 {
		c.farm.Answer(uri("user0"), 200)
		before := c.farm.Count()
		c.must(ctx, "-50", "user0", "big", "#invite bob")
		require.Eventually(t, func() bool {
			for _, m := range c.farm.Received(before) {
				if m.URI == uri("user0") && string(m.Body) == "*** The server is busy, the invitation was not sent" {
					return true
				}
			}
			return false
		}, 10*time.Second, 5*time.Millisecond)
		_, err := c.AwaitLog(`invitation of `+uri("bob")+` failed and is withdrawn`, 5*time.Second)
		require.NoError(t, err)
	}
}

// TestStopWithAQueue stops the server while most of a text waits for shared
// memory: what is not sent, or not answered, is logged, to the last one, and the
// end is in time. An invitation that waited too is not stored any more.
func TestStopWithAQueue(t *testing.T) {
	t.Parallel()
	const members = 2500
	url := bigRoom(t, members)
	c := silentRoom(t, members, kamailio.Options{ShmMB: 16, Params: map[string]any{"db_url": url}})
	ctx := bounded(t, 30*time.Second)
	first := c.farm.Count()
	c.must(ctx, "1", "user0", "big", "goodbye")
	_, err := c.farm.Await(ctx, first, 100)
	require.NoError(t, err)
	c.must(ctx, "1", "user0", "big", "#invite bob")
	assert.Less(t, c.Stop(), 3*time.Second)
	count := func(pattern string) int {
		lines := c.LogLines(`WARNING: .*imc .*stopped with ` + pattern)
		require.Len(t, lines, 1)
		n, err := strconv.Atoi(regexp.MustCompile(`with (\d+) MESSAGEs`).FindStringSubmatch(lines[0])[1])
		require.NoError(t, err)
		return n
	}
	left := count(`\d+ MESSAGEs not sent`)
	arrived := len(c.farm.Received(first))
	assert.Equal(t, members, left+arrived, "the text, and the notice that the invitation failed")
	assert.Equal(t, arrived, count(`\d+ MESSAGEs sent and not answered`))

	again := newChat(t, kamailio.Options{NoTCP: true, Params: map[string]any{"db_url": url, "db_mode": 1}})
	again.must(ctx, "1", "user0", "big", "#invite bob")
}

// TestStopOverTCP: what was sent over TCP and not answered is told at a stop,
// though Kamailio's process for TCP ends before.
func TestStopOverTCP(t *testing.T) {
	t.Parallel()
	for _, inline := range []int{0, 128} {
		t.Run(fmt.Sprintf("fanout_inline=%d", inline), func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers there
			require.NoError(t, err)
			t.Cleanup(func() { _ = l.Close() })
			c := newChat(t, kamailio.Options{Params: map[string]any{
				"fanout_inline": inline, "outbound_proxy": "sip:" + l.Addr().String() + ";transport=tcp",
			}})
			ctx := bounded(t, 20*time.Second)
			for i := range 10 {
				c.must(ctx, "1", fmt.Sprintf("user%d", i), "room", "#join")
			}
			await.Until(t, 5*time.Second, await.True(func() bool { return c.statistic("sent") == 10*11/2 }, "some are not sent"))
			assert.Less(t, c.Stop(), 3*time.Second)
			assert.Len(t, c.LogLines(`WARNING: .*imc .*stopped with 55 MESSAGEs sent and not answered`), 1)
		})
	}
}

// TestNoMemoryIsRetried has workers send more than shared memory holds: what tm
// refuses is sent later, each text once and those of a room in order.
func TestNoMemoryIsRetried(t *testing.T) {
	t.Parallel()
	const members, texts = 100, 30
	c := newChat(t, kamailio.Options{Workers: 2, ShmMB: 8, NoTCP: true,
		Params:  map[string]any{"db_url": bigRoom(t, members), "db_mode": 1},
		Defines: map[string]string{"FAST_TM": "", "STATELESS": ""}})
	ctx := bounded(t, 60*time.Second)
	first := c.farm.Count()
	for i := range texts {
		c.must(ctx, "1", "user0", "big", fmt.Sprintf("text %d", i))
	}
	_, err := c.farm.Await(ctx, first, texts*(members-1))
	require.NoError(t, err)
	next := map[string]int{}
	for _, m := range c.farm.Received(first) {
		assert.Equal(t, fmt.Sprintf("[user0]: text %d", next[m.URI]), string(m.Body), "to %s", m.URI)
		next[m.URI]++
	}
	assert.Len(t, next, members-1)
	assert.Positive(t, c.statistic("retried"), "memory was short")
	assert.Zero(t, c.statistic("dropped"))
	assert.Zero(t, c.statistic("send_failed"))
}

// TestSendFailed has tm refuse MESSAGEs for another reason than memory: that is
// counted, and logged with the recipients at DEBUG and with their number in one
// line, whoever sends them.
func TestSendFailed(t *testing.T) {
	t.Parallel()
	for _, inline := range []int{0, 128} {
		t.Run(fmt.Sprintf("fanout_inline=%d", inline), func(t *testing.T) {
			t.Parallel()
			c := newChat(t, kamailio.Options{NoTCP: true, LogLevel: 3, Params: map[string]any{
				"fanout_inline": inline, "outbound_proxy": "sip:127.0.0.1:9;transport=tcp",
			}})
			ctx := bounded(t, 20*time.Second)
			for _, user := range []string{"alice", "bob", "carol"} {
				c.must(ctx, "1", user, "room", "#join")
			}
			await.Until(t, 5*time.Second, await.True(func() bool { return c.statistic("send_failed") == 1+2+3 }, "some are not tried"))
			assert.Zero(t, c.statistic("queued"))
			c.Stop()
			assert.Len(t, c.LogLines(`DEBUG: .*imc .*room `+uri("room")+`: no MESSAGE could be sent to `+uri("alice")), 3)
			assert.Len(t, c.LogLines(`WARNING: .*imc .*could`), 1)
			assert.Len(t, c.LogLines(`WARNING: .*imc .*room `+uri("room")+`: 6 MESSAGEs could not be sent`), 1)
		})
	}
}
