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
