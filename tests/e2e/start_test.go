package e2e

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// silentDatabase accepts connections and never answers.
func silentDatabase(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return l.Addr().String()
}

// TestDatabaseSilentAtStart starts with a database that accepts connections
// and never answers. Workers refuse at once until the rooms are there, and
// Kamailio ends when it is told to, or by itself.
func TestDatabaseSilentAtStart(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"mysql", "postgres"} {
		for _, how := range []string{"TERM", "by itself"} {
			t.Run(scheme+" "+how, func(t *testing.T) {
				t.Parallel()
				c := newChat(t, kamailio.Options{NoTCP: true, ReadyRPC: "-", Params: map[string]any{
					"db_mode": 1, "db_url": scheme + "://user:secret@" + silentDatabase(t) + "/kamailio"}})
				ctx := bounded(t, 30*time.Second)
				// the sockets of workers are there before the engine
				require.Eventually(t, func() bool {
					began := time.Now()
					res, err := c.send(ctx, "alice", "room", "hello")
					return err == nil && res.Get("X-RC") == "-200" && time.Since(began) < 500*time.Millisecond
				}, 5*time.Second, 10*time.Millisecond)
				for body, rc := range map[string]string{"hello": "-200", "#join": "-40", "#rooms": "-100"} {
					began := time.Now()
					c.must(ctx, rc, "alice", "room", body)
					assert.Less(t, time.Since(began), time.Second, body)
				}
				told, err := c.farm.Await(ctx, 0, 2)
				require.NoError(t, err, "who sends a command is told")
				for _, m := range told {
					assert.Equal(t, "*** The server cannot do that now, please try again later", string(m.Body))
				}
				assert.NotEmpty(t, c.LogLines(`INFO: .*imc .*refused: the engine has not loaded its rooms yet`))
				if how == "TERM" {
					assert.Less(t, c.Stop(), 3*time.Second)
					assert.NotEmpty(t, c.LogLines(`NOTICE: imc .*signal 15 ends the start`))
				} else {
					assert.NoError(t, c.Wait(15*time.Second))
					assert.NotEmpty(t, c.LogLines(`ERROR: imc .*the engine cannot start: .*connect to `+scheme))
				}
				assert.NotZero(t, c.ExitCode())
				assert.Empty(t, c.LogLines(`shutdown timeout|secret`))
			})
		}
	}
}
