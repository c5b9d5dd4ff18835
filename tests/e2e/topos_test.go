package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/testdb"
)

// TestTopos has topos hide what a worker and the engine process send: it
// arrives, and tm gets the answers.
func TestTopos(t *testing.T) {
	t.Parallel()
	m := testdb.StartMariaDB(t)
	require.NoError(t, m.CreateDatabase("kamailio", "", testdb.FilesOf("topos")...))
	c := newChat(t, kamailio.Options{Case: "topos", NoTCP: true, Params: map[string]any{"fanout_inline": 1},
		Defines: map[string]string{"TOPOS_DB": kamailio.Quote(m.URL("kamailio"))}})
	ctx := bounded(t, 30*time.Second)
	c.must(ctx, "1", "alice", "room", "#create")
	c.must(ctx, "1", "bob", "room", "#join")
	c.must(ctx, "1", "carol", "room", "#join")
	c.must(ctx, "1", "alice", "room", "hello")
	c.farm.Answer(uri("dave"), 480)
	c.must(ctx, "1", "alice", "room", "#invite dave")
	got, err := c.farm.Await(ctx, 0, 1+2+3+2+2)
	require.NoError(t, err)
	var bodies []string
	for _, r := range got {
		bodies = append(bodies, r.URI+" "+string(r.Body))
		assert.Len(t, r.All("Via"), 1, "of topos")
	}
	assert.Contains(t, bodies, uri("bob")+" [alice]: hello")
	assert.Contains(t, bodies, uri("carol")+" [alice]: hello")
	assert.Contains(t, bodies, uri("alice")+" *** [dave] is not registered")
	require.Eventually(t, func() bool {
		n, err := c.Statistic("tmx:2xx_transactions")
		return assert.NoError(t, err) && n >= 5+1+2+3+2+1 // five requests, and all MESSAGEs but one
	}, 10*time.Second, 10*time.Millisecond, "tm has the answers")
	assert.Empty(t, c.LogLines(`ERROR|CRITICAL|BUG:`))
}
