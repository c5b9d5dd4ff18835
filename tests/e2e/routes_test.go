package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// TestAnyRoute asks about rooms in routes of every kind, with variables as
// arguments. In tm:local-request the module itself is about to send.
func TestAnyRoute(t *testing.T) {
	t.Parallel()
	farm := sipua.NewFarm(t, "")
	s := kamailio.Start(t, kamailio.Options{Case: "any-route", NoTCP: true,
		Params:  map[string]any{"outbound_proxy": "sip:" + farm.Addr()},
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
}
