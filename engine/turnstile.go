package engine

import (
	"context"
	"slices"
	"sync"

	"kamailio-imc/engine/sip"
)

// turnstile lets the commands on one room pass one after the other, in the
// order in which they came, and those on other rooms past them. A turn is
// held across I/O, so no one waits for it but with a context, and nothing
// that only reads rooms takes one.
type turnstile struct {
	mu    sync.Mutex // a leaf
	turns map[sip.Key]*turn
}

// turn is there while somebody has it.
type turn struct {
	// waiting are those who come next, in order: each channel is closed when
	// the turn is its owner's. Guarded by turnstile.mu.
	waiting []chan struct{}
}

// take waits for the turn of a room. The error is that of ctx. release gives
// the turn to the next one.
func (t *turnstile) take(ctx context.Context, k sip.Key) (release func(), err error) {
	t.mu.Lock()
	tn := t.turns[k]
	if tn == nil {
		if t.turns == nil {
			t.turns = make(map[sip.Key]*turn)
		}
		t.turns[k] = &turn{}
		t.mu.Unlock()
		return func() { t.pass(k) }, nil
	}
	mine := make(chan struct{})
	tn.waiting = append(tn.waiting, mine)
	t.mu.Unlock()

	select {
	case <-mine:
		return func() { t.pass(k) }, nil
	case <-ctx.Done():
		if !t.leave(tn, mine) {
			t.pass(k) // it came at the same moment
		}
		return nil, ctx.Err()
	}
}

// leave gives a place in the line up. It reports false if there is none any
// more, because the turn has come.
func (t *turnstile) leave(tn *turn, mine chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(tn.waiting, mine)
	if at < 0 {
		return false
	}
	tn.waiting = slices.Delete(tn.waiting, at, at+1)
	return true
}

// pass ends a turn and gives it to the next one.
func (t *turnstile) pass(k sip.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tn := t.turns[k]
	if len(tn.waiting) == 0 {
		delete(t.turns, k)
		return
	}
	close(tn.waiting[0])
	tn.waiting = tn.waiting[1:]
}
