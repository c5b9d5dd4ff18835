package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Bounds of waiting for the store.
const (
	// storeTimeout bounds one use of the store where the caller's context
	// has no earlier deadline, and reads, which many callers share.
	storeTimeout = 3 * time.Second
	// shortestWrite is what a command has to have left of its time to begin
	// writing: a write that is cut short may or may not be in force.
	shortestWrite = 100 * time.Millisecond
	// probeEvery is how often a database that is away is tried.
	probeEvery = 250 * time.Millisecond
	// probeKey is the room that is asked for then. There is no such host.
	probeKey Key = "probe@imc.invalid"
)

// outage knows whether the database answers. While it does not, nothing waits
// for it: one goroutine tries it until it answers again.
type outage struct {
	mu    sync.Mutex // a leaf
	since time.Time  // zero while the database answers
	// suspects are rooms of which a change may be in the database that was
	// refused here, because the answer to its commit got lost (ModeDurable).
	suspects map[Key]struct{}
	closed   bool
	stop     context.CancelFunc // of the goroutine, nil while there is none
	stopped  chan struct{}      // closed when it has ended
}

// isAway reports whether an error of the store means that the database does
// not answer, as opposed to refusing what it was asked.
func isAway(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrDoubtful) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// away reports whether the database is known not to answer.
func (c *Conference) away() bool {
	c.outage.mu.Lock()
	defer c.outage.mu.Unlock()
	return !c.outage.since.IsZero()
}

// lostWrite is called when the database did not answer a change of the room k.
func (c *Conference) lostWrite(k Key, err error) {
	if c.settings.Mode == ModeDurable {
		c.outage.suspect(k)
	}
	c.lost(err)
}

func (o *outage) suspect(k Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.suspects == nil {
		o.suspects = make(map[Key]struct{})
	}
	o.suspects[k] = struct{}{}
}

// lost is called when the database did not answer.
func (c *Conference) lost(err error) {
	o := &c.outage
	o.mu.Lock()
	begins := o.since.IsZero() && !o.closed
	if begins {
		o.since = time.Now()
		o.stopped = make(chan struct{})
		var ctx context.Context
		ctx, o.stop = context.WithCancel(context.Background())
		go c.probe(ctx, o.stopped)
	}
	o.mu.Unlock()
	if begins {
		c.note(notef(LevelError, "database does not answer: texts go on with the members known here, commands are refused: %v", err))
	}
}

// probe tries the database until it answers, settles the suspects, and ends
// the outage.
func (c *Conference) probe(ctx context.Context, stopped chan<- struct{}) {
	defer close(stopped)
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if c.recovered(ctx) {
			return
		}
	}
}

// recovered ends the outage if the database answers.
func (c *Conference) recovered(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if _, err := c.store.Fetch(ctx, []Key{probeKey}); isAway(err) {
		return false
	}
	o := &c.outage
	for {
		o.mu.Lock()
		if len(o.suspects) == 0 {
			length := time.Since(o.since).Round(time.Millisecond)
			o.since = time.Time{}
			o.stop()
			o.mu.Unlock()
			c.note(notef(LevelNotice, "database answers again after %s", length))
			return true
		}
		var suspect Key
		for suspect = range o.suspects {
			break
		}
		o.mu.Unlock()
		if err := c.settle(ctx, suspect); isAway(err) {
			return false
		} else if err != nil {
			c.note(notef(LevelError, "room %s: the database may hold a change that was refused: %v", suspect, err))
		}
		o.mu.Lock()
		delete(o.suspects, suspect)
		o.mu.Unlock()
	}
}

// settle makes the rows of a room what the room is here, where a change that
// was refused may have reached them.
func (c *Conference) settle(ctx context.Context, k Key) error {
	release, err := c.turnstile.take(ctx, k)
	if err != nil {
		return err
	}
	defer release()
	found, err := c.store.Fetch(ctx, []Key{k})
	if err != nil {
		return err
	}
	change := difference(found[k], c.lookup(k))
	if change.Empty() {
		return nil
	}
	return c.store.Commit(ctx, change)
}

// difference returns the change that makes rows what the room is; either may
// be nil. The room is written anew, so that its members keep their order.
func difference(rows *RoomRecord, r *room) *Change {
	switch {
	case r == nil && rows == nil:
		return &Change{}
	case r == nil:
		return &Change{Room: rows.Address, Destroy: true}
	}
	change := &Change{Room: r.address(), Create: true, Private: r.private, Destroy: rows != nil, Put: r.roster.members()}
	if rows != nil && rows.Private == r.private && slices.Equal(rows.Members, change.Put) {
		return &Change{}
	}
	return change
}

// Close ends what the conference does by itself, the trying of a database
// that is away. It does not close the store. It may be called again.
func (c *Conference) Close() {
	o := &c.outage
	o.mu.Lock()
	o.closed = true
	stop, stopped := o.stop, o.stopped
	o.mu.Unlock()
	if stop != nil {
		stop()
		<-stopped
	}
	c.reads.wait()
}
