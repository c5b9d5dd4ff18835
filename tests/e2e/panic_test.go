package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// debugDir is where `make debug` leaves the library with the panic trigger:
// IMC_DEBUG_BUILD of the environment, or build/debug.
func debugDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("IMC_DEBUG_BUILD")
	if dir == "" {
		dir = filepath.Join(kamailio.RepoDir(), "build", "debug")
	}
	_, err := os.Stat(filepath.Join(dir, "imc_engine.so"))
	require.NoError(t, err, "run `make debug` first (or set IMC_DEBUG_BUILD)")
	return dir
}

func requestFrom(user, room, body string) sipua.Request {
	return sipua.Request{
		URI: uri(room), From: "<" + uri(user) + ">", Body: []byte(body),
		Headers: []sipua.Header{{Name: "Content-Type", Value: "text/plain"}},
	}
}

// TestPanic makes the Go code panic in a live server, in the engine (a
// command) and in a worker (a text): that request is refused, the stack is in
// the log, nothing else suffers.
func TestPanic(t *testing.T) {
	t.Parallel()
	for name, trigger := range map[string]string{"engine": "#panic!", "worker": "panic!"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChat(t, kamailio.Options{ModuleDir: debugDir(t), Workers: 1, NoTCP: true})
			ctx := bounded(t, 20*time.Second)
			c.must(ctx, "1", "alice", "room", "#create")
			c.must(ctx, "1", "bob", "room", "#join")
			before, err := c.Processes()
			require.NoError(t, err)
			for range 3 {
				res, err := c.send(ctx, "alice", "room", trigger)
				require.NoError(t, err)
				assert.Regexp(t, `^-\d+$`, res.Get("X-RC"))
				assert.Equal(t, 403, res.Code)
			}
			first := c.farm.Count()
			c.must(ctx, "1", "alice", "room", "hello")
			got, err := c.farm.Await(ctx, first, 1)
			require.NoError(t, err)
			assert.Equal(t, "[alice]: hello", string(got[0].Body))
			after, err := c.Processes()
			require.NoError(t, err)
			assert.Equal(t, before, after, "no process was replaced")
			assert.Len(t, c.LogLines(`ERROR:.* imc .*panic asked for by a MESSAGE`), 3, "the panics")
			assert.NotEmpty(t, c.LogLines(`debug_on\.go:\d+`), "their stacks")
		})
	}
}
