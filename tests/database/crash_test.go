package database

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
)

// TestKamailioKilled kills all processes of Kamailio at random moments of a
// storm of commands. After each start every change that its sender heard of is
// in force, and none that was refused is.
func TestKamailioKilled(t *testing.T) {
	t.Parallel()
	killKamailio(t, 3)
}

// TestSoakKamailioKilled is TestKamailioKilled in full.
func TestSoakKamailioKilled(t *testing.T) {
	soak(t)
	t.Parallel()
	killKamailio(t, 50)
}

func killKamailio(t *testing.T, rounds int) {
	t.Helper()
	for _, b := range backends {
		for _, mode := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, db_mode %d", b.name, mode), func(t *testing.T) {
				t.Parallel()
				d := b.fresh(t)
				o := kamailio.Options{Params: d.params(mode), Workers: 4, LogLevel: 1,
					Defines: map[string]string{"FAST_TM": ""}}
				n := startNode(t, o)
				seed := rand.Uint64() //nolint:gosec // which moments does not matter
				s := newStorm(n, seed, 8)
				moments := rand.New(rand.NewPCG(seed, 1000)) //nolint:gosec // repeatable
				for round := range rounds {
					before := s.confirmed.Load()
					ctx, cancel := context.WithCancel(t.Context())
					done := make(chan struct{})
					go func() {
						defer close(done)
						s.run(ctx, ctx)
					}()
					// at a moment that no response marks
					enough := before + int64(moments.IntN(60))
					await.Until(t, 30*time.Second, s.atLeast(&s.confirmed, enough))
					time.Sleep(time.Duration(moments.IntN(5000)) * time.Microsecond)
					n.Kill()
					cancel()
					<-done
					d.unused(t)
					n.start(o)
					s.check(d)
					require.False(t, t.Failed(), "round %d", round)
				}
				assert.Positive(t, s.confirmed.Load())
				t.Logf("%d rounds: %d commands confirmed, %d refused, %d without an answer",
					rounds, s.confirmed.Load(), s.refused.Load(), s.silent.Load())
			})
		}
	}
}
