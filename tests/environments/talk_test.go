package environments

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// patience is how long a conversation may take on a busy machine.
const patience = 60 * time.Second

// inline is the fanout_inline of all environments: what goes to one recipient
// leaves a worker, what goes to two waits in the queue of the engine process.
const inline = 1

// chat is a server with three users of it.
type chat struct {
	*kamailio.Server
	t                 *testing.T
	ctx               context.Context
	alice, bob, carol *sipua.Agent
	enginePid         string
}

// meet registers three users over these transports.
func meet(t *testing.T, s *kamailio.Server, transports [3]string, g *gear) *chat {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c := &chat{Server: s, t: t, ctx: ctx}
	for i, who := range []**sipua.Agent{&c.alice, &c.bob, &c.carol} {
		addr := s.Addr
		if transports[i] == "tls" || transports[i] == "wss" {
			addr = s.TLSAddr
		}
		*who = sipua.NewSecureAgent(t, transports[i], []string{"alice", "bob", "carol"}[i], addr, g.trust)
		require.NoError(t, (*who).Register(ctx))
	}
	engine, err := s.Process("imc engine")
	require.NoError(t, err)
	c.enginePid = strconv.Itoa(engine.Pid)
	return c
}

// say sends a text or command that is accepted.
func (c *chat) say(who *sipua.Agent, room, text string) {
	c.t.Helper()
	res, err := who.Send(c.ctx, room, text)
	require.NoError(c.t, err, "%s: %s", who.URI.User, text)
	require.Equal(c.t, 200, res.StatusCode, "%s: %s", who.URI.User, text)
}

// hears waits for the next MESSAGE of a user, which has to be this one.
func (c *chat) hears(who *sipua.Agent, text string) *sip.Request {
	c.t.Helper()
	req, err := who.Next(c.ctx)
	require.NoError(c.t, err, "%s waits for: %s", who.URI.User, text)
	require.Equal(c.t, text, string(req.Body()), "%s", who.URI.User)
	assert.Equal(c.t, who.URI.User, req.To().Address.User)
	assert.Equal(c.t, "kamailio/imc", req.GetHeader("Supported").Value())
	return req
}

// fromEngine tells whether the engine process sent it: tm's Call-IDs hold the
// number of the process, or a header does.
func (c *chat) fromEngine(req *sip.Request) bool {
	if h := req.GetHeader("X-Process"); h != nil {
		return h.Value() == c.enginePid
	}
	return strings.Contains(string(*req.CallID()), "-"+c.enginePid+"@")
}

// talk is the conversation of all environments.
func (c *chat) talk(room string) {
	t := c.t
	c.say(c.alice, room, "#create")
	assert.False(t, c.fromEngine(c.hears(c.alice, "*** Room was created")), "a worker sends to one")
	c.say(c.bob, room, "#join")
	c.hears(c.alice, "*** [bob] has joined the room")
	c.hears(c.bob, "*** [bob] has joined the room")

	// while the queue holds something of a room, its texts go there as well, to
	// stay in order
	for fromEngine := true; fromEngine; {
		c.say(c.alice, room, "from a worker")
		fromEngine = c.fromEngine(c.hears(c.bob, "[alice]: from a worker"))
	}

	c.say(c.alice, room, "#invite carol")
	c.hears(c.carol, "*** [alice] invites you to join the room (send '#accept' or '#reject')")
	c.say(c.carol, room, "#accept")
	for _, who := range []*sipua.Agent{c.alice, c.bob, c.carol} {
		c.hears(who, "*** [carol] has joined the room")
	}

	c.say(c.bob, room, "from the engine process")
	assert.True(t, c.fromEngine(c.hears(c.alice, "[bob]: from the engine process")), "the engine process sends to two")
	c.hears(c.carol, "[bob]: from the engine process")
	c.say(c.carol, room, "übers ganze Netz")
	c.hears(c.alice, "[carol]: übers ganze Netz")
	c.hears(c.bob, "[carol]: übers ganze Netz")

	c.say(c.alice, room, "#invite nobody")
	c.hears(c.alice, "*** [nobody] is not registered")

	c.say(c.alice, room, "#destroy")
	for _, who := range []*sipua.Agent{c.alice, c.bob, c.carol} {
		c.hears(who, "*** Room has been destroyed")
		assert.Zero(t, who.Unread())
	}
}

// sound fails the test unless the server ends in order after what it did, with
// nothing lost and nothing in its log that speaks of a fault.
func (c *chat) sound() {
	c.t.Helper()
	for _, name := range []string{"queued", "dropped", "send_failed", "active_rooms"} {
		n, err := c.Statistic("imc:" + name)
		require.NoError(c.t, err)
		assert.Zero(c.t, n, name)
	}
	// of modules and the script; the core complains of connections that end
	assert.Empty(c.t, c.LogLines(`(ERROR|CRITICAL|ALERT|BUG): (\{[^}]*\} )?([a-z]|<script>)|WARNING: (\{[^}]*\} )?imc |panic`))
	c.Stop()
	assert.Empty(c.t, c.LogLines(`(WARNING|ERROR|CRITICAL|ALERT|BUG): (\{[^}]*\} )?imc |panic|core was not dumped|a crash`))
}
