package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// TestLocalRequest calls imc_manager() while imc sends, in a worker or in the
// engine process: the text of one room becomes one of another room.
func TestLocalRequest(t *testing.T) {
	t.Parallel()
	for _, inline := range []int{128, 1} {
		t.Run(fmt.Sprintf("fanout_inline=%d", inline), func(t *testing.T) {
			t.Parallel()
			c := newChat(t, kamailio.Options{Case: "local-request", NoTCP: true, Params: map[string]any{"fanout_inline": inline}})
			ctx := bounded(t, 30*time.Second)
			c.must(ctx, "1", "alice", "hall", "#create")
			c.must(ctx, "1", "alice", "hall", "#add room")
			c.must(ctx, "1", "erin", "hall", "#join")
			c.must(ctx, "1", "alice", "room", "#create")
			c.must(ctx, "1", "yves", "room", "#join")
			c.must(ctx, "1", "alice", "room", "#add hall")
			c.must(ctx, "1", "bob", "room", "#join")
			c.must(ctx, "1", "zoe", "room", "#join")
			first := c.farm.Count()
			c.must(ctx, "1", "bob", "room", "hello, all")
			require.Eventually(t, func() bool {
				for _, m := range c.farm.Received(first) {
					if m.URI == uri("erin") && string(m.Body) == "[room]: [bob]: hello, all" {
						return true
					}
				}
				return false
			}, 10*time.Second, 5*time.Millisecond, "the other room has the text as well")
			// those who come after the other room have the same headers as before it
			replyTo := map[string]string{}
			require.Eventually(t, func() bool {
				for _, m := range c.farm.Received(first) {
					if string(m.Body) == "[bob]: hello, all" {
						replyTo[m.URI] = m.Get("In-Reply-To")
					}
				}
				return len(replyTo) == 3
			}, 10*time.Second, 5*time.Millisecond, "alice, yves and zoe")
			assert.NotEmpty(t, replyTo[uri("alice")])
			assert.Equal(t, replyTo[uri("alice")], replyTo[uri("yves")])
			assert.Equal(t, replyTo[uri("alice")], replyTo[uri("zoe")])
			engine, err := c.Process("imc engine")
			require.NoError(t, err)
			where := c.LogLines(fmt.Sprintf(`returned 1 in process %d$`, engine.Pid))
			assert.Equal(t, inline == 1, len(where) > 0, "who called it")
			c.alive(ctx)
		})
	}
}
