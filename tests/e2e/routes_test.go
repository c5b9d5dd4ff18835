package e2e

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// TestAnyRoute asks about rooms in routes of every kind, with variables as
// arguments. In tm:local-request the module itself is about to send: a worker,
// or, with fanout_inline 0, the engine process.
func TestAnyRoute(t *testing.T) {
	t.Parallel()
	for _, inline := range []int{128, 0} {
		t.Run(fmt.Sprintf("fanout_inline=%d", inline), func(t *testing.T) {
			t.Parallel()
			testAnyRoute(t, inline)
		})
	}
}

func testAnyRoute(t *testing.T, inline int) {
	farm := sipua.NewFarm(t, "")
	s := kamailio.Start(t, kamailio.Options{Case: "any-route", NoTCP: true,
		Params:  map[string]any{"outbound_proxy": "sip:" + farm.Addr(), "fanout_inline": inline},
		Defines: map[string]string{"DESTINATION": kamailio.Quote("sip:" + farm.Addr())}})
	require.NoError(t, farm.Connect(s.Addr))
	c := &chat{Server: s, farm: farm, t: t}
	ctx := bounded(t, 20*time.Second)
	c.must(ctx, "1", "alice", "room", "#create")
	c.must(ctx, "1", "bob", "room", "#join")
	farm.Answer(uri("elsewhere"), 486)
	res, err := c.send(ctx, "alice", "elsewhere", "hello")
	require.NoError(t, err)
	assert.Equal(t, 486, res.Code)
	for _, route := range []string{"request_route", "branch_route", "onreply_route", "failure_route", "event_route"} {
		_, err := s.AwaitLog(route+": yes", 5*time.Second)
		assert.NoError(t, err)
	}
	engine, err := s.Process("imc engine")
	require.NoError(t, err)
	if inline == 0 {
		_, err := s.AwaitLog("event_route: yes in process "+strconv.Itoa(engine.Pid)+"$", 5*time.Second)
		assert.NoError(t, err, "the engine process answers as well")
	}
	first := farm.Count()
	c.must(ctx, "1", "alice", "room", "hello")
	_, err = farm.Await(ctx, first, 1)
	require.NoError(t, err)
	got := farm.Received(first)[0]
	assert.Equal(t, "[alice]: hello", string(got.Body))
	assert.Equal(t, "text/plain", got.Get("Content-Type"))
	assert.Empty(t, s.LogLines(`BUG:|CRITICAL`))
}
