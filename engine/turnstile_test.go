package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTurnstile(t *testing.T) {
	var ts turnstile
	waiting := func(n int) func() bool {
		return func() bool {
			ts.mu.Lock()
			defer ts.mu.Unlock()
			return len(ts.turns["a"].waiting) == n
		}
	}
	release, err := ts.take(t.Context(), "a")
	require.NoError(t, err)

	other, err := ts.take(t.Context(), "b") // another room is free
	require.NoError(t, err)
	other()

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = ts.take(ctx, "a")
	require.ErrorIs(t, err, context.DeadlineExceeded)

	// Three pass in the order in which they came; one between them gave up.
	gone, giveUp := context.WithCancel(t.Context())
	passed := make(chan int, 4)
	for i := range 4 {
		go func() {
			ctx := context.Background()
			if i == 1 {
				ctx = gone
			}
			if done, err := ts.take(ctx, "a"); err == nil {
				passed <- i
				done()
			}
		}()
		require.Eventually(t, waiting(i+1), 10*time.Second, time.Millisecond)
	}
	giveUp()
	require.Eventually(t, waiting(3), 10*time.Second, time.Millisecond)
	assert.Empty(t, passed)
	release()
	for _, i := range []int{0, 2, 3} {
		assert.Equal(t, i, <-passed)
	}
	assert.Eventually(t, func() bool {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		return len(ts.turns) == 0
	}, 10*time.Second, time.Millisecond)
}

// TestTurnstileGivenUp has the turn come at the moment at which its next owner
// gives up: it is never lost.
func TestTurnstileGivenUp(t *testing.T) {
	var ts turnstile
	for range 2000 {
		release, err := ts.take(t.Context(), "a")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if mine, err := ts.take(ctx, "a"); err == nil {
				mine()
			}
		}()
		go cancel()
		release()
		<-done
		cancel()
		require.Empty(t, ts.turns)
	}
}
