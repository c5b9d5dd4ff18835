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
	release, err := ts.take(t.Context(), "a")
	require.NoError(t, err)

	other, err := ts.take(t.Context(), "b") // another room is free
	require.NoError(t, err)
	other()

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = ts.take(ctx, "a")
	require.ErrorIs(t, err, context.DeadlineExceeded)

	passed := make(chan int, 3)
	for i := range 3 {
		go func() {
			done, err := ts.take(context.Background(), "a")
			if assert.NoError(t, err) {
				passed <- i
				done()
			}
		}()
		assert.Eventually(t, func() bool {
			ts.mu.Lock()
			defer ts.mu.Unlock()
			return ts.turns["a"].users == i+2
		}, time.Second, time.Millisecond)
		time.Sleep(time.Millisecond) // from being counted to waiting
	}
	assert.Empty(t, passed)
	release()
	for i := range 3 {
		assert.Equal(t, i, <-passed)
	}
	assert.Eventually(t, func() bool {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		return len(ts.turns) == 0
	}, time.Second, time.Millisecond)
}
