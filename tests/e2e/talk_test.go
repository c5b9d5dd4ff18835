package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// TestTwoUsers has two registered users talk in a room, over UDP, over TCP and
// over one of each. The module sends to Kamailio itself, which knows where the
// users are.
func TestTwoUsers(t *testing.T) {
	t.Parallel()
	s := kamailio.Start(t, kamailio.Options{Case: "demo"})
	for _, tc := range []struct{ name, alice, bob string }{
		{"udp", "udp", "udp"}, {"tcp", "tcp", "tcp"}, {"mixed", "tcp", "udp"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ctx := bounded(t, 15*time.Second)
			room := "chat-" + tc.name
			alice := sipua.NewAgent(t, tc.alice, "alice-"+tc.name, s.Addr)
			bob := sipua.NewAgent(t, tc.bob, "bob-"+tc.name, s.Addr)
			require.NoError(t, alice.Register(ctx))
			require.NoError(t, bob.Register(ctx))

			say := func(who *sipua.Agent, text string) {
				t.Helper()
				res, err := who.Send(ctx, room, text)
				require.NoError(t, err)
				require.Equal(t, 200, res.StatusCode, "%s", text)
			}
			hears := func(who *sipua.Agent, text string) {
				t.Helper()
				req, err := who.Next(ctx)
				require.NoError(t, err)
				assert.Equal(t, text, string(req.Body()))
				assert.Equal(t, room, req.From().Address.User)
				assert.Equal(t, who.URI.User, req.To().Address.User)
				assert.Equal(t, "kamailio/imc", req.GetHeader("Supported").Value())
			}
			say(alice, "#create")
			hears(alice, "*** Room was created")
			say(bob, "#join")
			hears(alice, "*** ["+bob.URI.User+"] has joined the room")
			hears(bob, "*** ["+bob.URI.User+"] has joined the room")
			say(alice, "hello, Bob")
			hears(bob, "["+alice.URI.User+"]: hello, Bob")
			say(bob, "hello, Alice")
			hears(alice, "["+bob.URI.User+"]: hello, Alice")
			say(bob, "#leave")
			hears(alice, "*** ["+bob.URI.User+"] has left the room")
			hears(bob, "*** ["+bob.URI.User+"] has left the room")
			res, err := bob.Send(ctx, room, "anybody?")
			require.NoError(t, err)
			assert.Equal(t, 403, res.StatusCode)
			assert.Zero(t, alice.Unread())
			assert.Zero(t, bob.Unread())
		})
	}
}
