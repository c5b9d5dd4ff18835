package engine

import (
	"context"
	"sync"
)

// turnstile lets the commands on one room pass one after the other, in the
// order in which they came, and those on other rooms past them. A turn is
// held across I/O, so no one waits for it but with a context, and nothing
// that only reads rooms takes one.
type turnstile struct {
	mu    sync.Mutex // a leaf
	turns map[Key]*turn
}

type turn struct {
	free  chan struct{} // holds one token while nobody has the turn
	users int           // who has it and who waits; guarded by turnstile.mu
}

// take waits for the turn of a room. The error is that of ctx. release gives
// the turn to the next one.
func (t *turnstile) take(ctx context.Context, k Key) (release func(), err error) {
	t.mu.Lock()
	tn := t.turns[k]
	if tn == nil {
		tn = &turn{free: make(chan struct{}, 1)}
		tn.free <- struct{}{}
		if t.turns == nil {
			t.turns = make(map[Key]*turn)
		}
		t.turns[k] = tn
	}
	tn.users++
	t.mu.Unlock()

	select {
	case <-tn.free:
		return func() {
			tn.free <- struct{}{}
			t.leave(k, tn)
		}, nil
	case <-ctx.Done():
		t.leave(k, tn)
		return nil, ctx.Err()
	}
}

func (t *turnstile) leave(k Key, tn *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tn.users--
	if tn.users == 0 {
		delete(t.turns, k)
	}
}
