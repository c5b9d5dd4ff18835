package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// TestUndelivered: the log names each MESSAGE that was not delivered at DEBUG,
// and says at INFO, once a minute and at a stop, how many they were by room
// and code.
func TestUndelivered(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{NoTCP: true, LogLevel: 3})
	ctx := bounded(t, 30*time.Second)
	for _, user := range []string{"alice", "bob", "carol", "dave"} {
		c.must(ctx, "1", user, "room", "#join")
	}
	c.must(ctx, "1", "erin", "other", "#join")
	c.must(ctx, "1", "bob", "other", "#join")
	_, err := c.farm.Await(ctx, 0, 1+2+3+4+1+2)
	require.NoError(t, err)
	c.drain(ctx)
	c.farm.Answer(uri("bob"), 480)
	c.farm.Answer(uri("carol"), 404)
	for range 2 {
		c.must(ctx, "1", "alice", "room", "hello")
	}
	c.must(ctx, "1", "erin", "other", "hello")
	c.refused(ctx, 5)
	undelivered, err := c.Statistic("imc:undelivered")
	require.NoError(t, err)
	assert.Equal(t, int64(5), undelivered)
	c.Stop()
	assert.Len(t, c.LogLines(`DEBUG: .*room sip:room@chat.test: MESSAGE to sip:carol@chat.test not delivered: 404`), 2)
	assert.Len(t, c.LogLines(`DEBUG: .*room sip:other@chat.test: MESSAGE to sip:bob@chat.test not delivered: 480`), 1)
	assert.Len(t, c.LogLines(`INFO: .*room sip:room@chat.test: 4 MESSAGEs not delivered \((404: 2, 480: 2|480: 2, 404: 2)\)`), 1)
	assert.Len(t, c.LogLines(`INFO: .*room sip:other@chat.test: 1 MESSAGEs not delivered \(480: 1\)`), 1)
}

// TestUndeliveredEachMinute: a server that runs says so each minute, the first
// time a minute after its start.
func TestUndeliveredEachMinute(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{NoTCP: true})
	ctx := bounded(t, 90*time.Second)
	c.farm.Answer(uri("bob"), 480)
	c.must(ctx, "1", "alice", "room", "#join")
	c.must(ctx, "1", "bob", "room", "#join")
	c.refused(ctx, 1)
	const line = `INFO: .*room sip:room@chat.test: 1 MESSAGEs not delivered \(480: 1\)`
	assert.Empty(t, c.LogLines(line))
	_, err := c.AwaitLog(line, 70*time.Second)
	require.NoError(t, err)
	c.Stop()
	assert.Len(t, c.LogLines(`MESSAGEs not delivered`), 1, "each is told once")
}
