package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
)

// examples are the configurations that are shipped for a first try.
var examples = []string{"demo", "minimal"}

func startExample(t *testing.T, name string) *kamailio.Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "imc-example-") //nolint:usetesting // a Unix socket's path has 107 bytes at most
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if name == "minimal" { // it leaves ctl's socket where it is by default
		require.NoError(t, os.Symlink(filepath.Join(dir, "kamailio_ctl"), filepath.Join(dir, "ctl")))
	}
	return kamailio.Start(t, kamailio.Options{Case: name, Dir: dir})
}

// TestExamples plays the conversation that `make demo` shows.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, name := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startExample(t, name)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			require.NoError(t, converse(ctx, s.Addr, func(line string) { t.Log(line) }))
		})
	}
}

// TestExamplesKeepRoomsApart: nobody registers or writes as a room, and a room
// that is a member of another hears nothing: three in a circle stay silent.
func TestExamplesKeepRoomsApart(t *testing.T) {
	t.Parallel()
	for _, name := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startExample(t, name)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			phone := func(name string) *user {
				u, err := newUser(ctx, name, s.Addr)
				require.NoError(t, err)
				t.Cleanup(u.close)
				return u
			}
			alice, evil := phone("alice"), phone("chat-1")
			require.NoError(t, alice.register(ctx))
			require.ErrorContains(t, evil.register(ctx), "403")

			rooms := []string{"chat-1", "chat-2", "chat-3"}
			for i, room := range rooms {
				next := rooms[(i+1)%len(rooms)]
				for _, command := range []string{"#create", "#add " + next} {
					code, err := alice.write(ctx, room, command)
					require.NoError(t, err)
					require.Equal(t, 200, code, "%s: %s", room, command)
				}
			}
			for _, to := range append([]string{"alice"}, rooms...) {
				code, err := evil.write(ctx, to, "I am a room")
				require.NoError(t, err)
				assert.Equal(t, 403, code, to)
			}

			code, err := alice.write(ctx, "chat-1", "once around?")
			require.NoError(t, err)
			assert.Equal(t, 200, code)
			// every MESSAGE to a room has ended with 404 when all are answered:
			// the notices of three #add to two members each, and the text
			undelivered := func() int64 {
				n, err := s.Statistic("imc:undelivered")
				require.NoError(t, err)
				return n
			}
			await.Until(t, 10*time.Second, await.True(func() bool { return undelivered() >= 4 }, "a MESSAGE to a room is on its way"))
			texts, err := s.Statistic("imc:texts")
			require.NoError(t, err)
			assert.EqualValues(t, 1, texts, "alice's")
			assert.EqualValues(t, 4, undelivered())
		})
	}
}
