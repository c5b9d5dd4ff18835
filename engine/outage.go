package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// Bounds of waiting for the store.
const (
	// storeTimeout bounds one use of the store where the caller's context
	// has no earlier deadline, and reads, which many callers share.
	storeTimeout = 3 * time.Second
	// shortestWrite is what a command has to have left of its time to begin
	// writing: a write that is cut short may or may not be in force.
	shortestWrite = 250 * time.Millisecond
	// probeEvery is how often a database that is away is tried, and probeTime
	// how long it may take to answer.
	probeEvery = 250 * time.Millisecond
	probeTime  = 2 * time.Second
	// maxStackLines bounds the log of a panic.
	maxStackLines = 64
)

// health is what is known of the database.
type health uint8

const (
	healthy    health = iota
	unwritable        // it answers, but takes no changes: read-only, full, no rights
	gone              // it does not answer
)

// outage knows whether the database answers and takes changes. While it does
// not, nothing waits for it: one goroutine tries it until it does again. One
// room's failure is none of the database: whatever looks like more is tried
// with Store.Probe first.
type outage struct {
	mu    sync.Mutex // a leaf
	state health
	since time.Time // of the state
	why   error     // of unwritable
	// suspects are rooms of which a change that was refused here may be in the
	// database, or still on its way, because the answer to its commit got lost
	// (ModeDurable). They are settled before they are used again.
	suspects map[sip.Key]struct{}
	closed   bool
	stop     context.CancelFunc // of the goroutine, nil while there is none
	stopped  chan struct{}      // closed when it has ended
}

// away reports whether the database is known not to answer.
func (c *Conference) away() bool { return c.health() == gone }

func (c *Conference) health() health {
	c.outage.mu.Lock()
	defer c.outage.mu.Unlock()
	return c.outage.state
}

// failed is called with each error of the store.
func (c *Conference) failed(err error) {
	switch {
	case errors.Is(err, storage.ErrUnavailable):
		c.became(gone, err)
	case errors.Is(err, storage.ErrTimeout), errors.Is(err, storage.ErrDoubtful), errors.Is(err, storage.ErrReadOnly),
		errors.Is(err, storage.ErrFull), errors.Is(err, storage.ErrDenied):
	default:
		return
	}
	c.watch()
}

// suspect is called when a change of a room may be in the database that was
// refused here.
func (c *Conference) suspect(k sip.Key) {
	o := &c.outage
	o.mu.Lock()
	if o.suspects == nil {
		o.suspects = make(map[sip.Key]struct{})
	}
	o.suspects[k] = struct{}{}
	o.mu.Unlock()
	c.watch()
}

func (o *outage) isSuspect(k sip.Key) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, is := o.suspects[k]
	return is
}

func (o *outage) settled(k sip.Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.suspects, k)
}

// watch begins to try the database, if that is not done already.
func (c *Conference) watch() {
	o := &c.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.stop != nil {
		return
	}
	var ctx context.Context
	ctx, o.stop = context.WithCancel(context.Background())
	o.stopped = make(chan struct{})
	go c.watching(ctx, o.stopped)
}

// watching tries the database until nothing is wrong any more.
func (c *Conference) watching(ctx context.Context, stopped chan<- struct{}) {
	defer close(stopped)
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for !c.looked(ctx) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// looked tries the database once, settles what can be settled, and reports
// whether that was the end of it.
func (c *Conference) looked(ctx context.Context) (over bool) {
	err := c.guarded(func() error {
		ctx, cancel := context.WithTimeout(ctx, probeTime)
		defer cancel()
		return c.store.Probe(ctx)
	})
	if ctx.Err() != nil {
		return false // at the end; the error says nothing
	}
	switch {
	case err == nil, errors.Is(err, storage.ErrLocked), errors.Is(err, storage.ErrConflict):
	case errors.Is(err, storage.ErrUnavailable), errors.Is(err, storage.ErrTimeout), errors.Is(err, storage.ErrDoubtful):
		c.became(gone, err)
		return false
	default:
		c.became(unwritable, err)
		return false
	}
	for _, k := range c.outage.someSuspects() {
		if err := c.settle(ctx, k); err != nil && !errors.Is(err, storage.ErrLocked) && !errors.Is(err, storage.ErrConflict) {
			c.failedToSettle(k, err)
		}
	}
	c.became(healthy, nil)
	o := &c.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.suspects) > 0 || o.state != healthy {
		return false
	}
	o.stop()
	o.stop = nil
	return true
}

// someSuspects returns the rooms to settle in one go.
func (o *outage) someSuspects() []sip.Key {
	o.mu.Lock()
	defer o.mu.Unlock()
	var keys []sip.Key
	for k := range o.suspects {
		keys = append(keys, k)
	}
	return keys
}

// became takes over what is now known of the database, and says so if it is
// news.
func (c *Conference) became(state health, err error) {
	o := &c.outage
	o.mu.Lock()
	was, length := o.state, time.Since(o.since).Round(time.Millisecond)
	news := was != state && !o.closed
	if news {
		o.state, o.since, o.why = state, time.Now(), err
	}
	o.mu.Unlock()
	if !news {
		return
	}
	switch state {
	case gone:
		c.note(log.Notef(log.Error, "database does not answer: texts go on with the members known here, commands are refused: %v", err))
	case unwritable:
		after := ""
		if was == gone {
			after = fmt.Sprintf(", which answers again after %s", length)
		}
		c.note(log.Notef(log.Error, "no change can be written to the database%s: texts go on, commands are refused: %v", after, err))
	case healthy:
		if was == gone {
			c.note(log.Notef(log.Notice, "database answers again after %s", length))
		} else {
			c.note(log.Notef(log.Notice, "database takes changes again after %s", length))
		}
	}
}

// guarded runs what a goroutine of the engine does; a panic is logged with its
// stack and becomes an error.
func (c *Conference) guarded(run func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			c.note(log.Notef(log.Error, "panic: %v", v))
			lines := strings.Split(strings.TrimSpace(string(debug.Stack())), "\n")
			for _, line := range lines[:min(len(lines), maxStackLines)] {
				c.note(log.Notef(log.Error, "%s", strings.ReplaceAll(line, "\t", "    ")))
			}
			err = fmt.Errorf("%w: panic: %v", storage.ErrRefused, v)
		}
	}()
	return run()
}

// settle makes the rows of a room what the room is here, where a change that
// was refused may have reached them, or may still.
func (c *Conference) settle(ctx context.Context, k sip.Key) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	release, err := c.turnstile.take(ctx, k)
	if err != nil {
		return storage.ErrLocked
	}
	defer release()
	return c.settleHeld(ctx, k)
}

// settleHeld is settle for who has the room's turn.
func (c *Conference) settleHeld(ctx context.Context, k sip.Key) error {
	err := c.guarded(func() error {
		return c.store.Settle(ctx, k, func(rows *room.Record) *room.Change { return difference(rows, c.lookup(k)) })
	})
	if err == nil {
		c.outage.settled(k)
	}
	return err
}

// failedToSettle takes an error of settle. What the database refuses will not
// be better the next time.
func (c *Conference) failedToSettle(k sip.Key, err error) {
	c.failed(err)
	switch {
	case errors.Is(err, storage.ErrUnavailable), errors.Is(err, storage.ErrTimeout), errors.Is(err, storage.ErrDoubtful),
		errors.Is(err, storage.ErrReadOnly), errors.Is(err, storage.ErrFull), errors.Is(err, storage.ErrDenied):
		return
	}
	c.note(log.Notef(log.Error, "room %s: the database may hold a change that was refused: %v", k, err))
	c.outage.settled(k)
}

// difference returns the change that makes rows what the room is; either may
// be nil. The room is written anew, so that its members keep their order.
func difference(rows *room.Record, r *room.Room) *room.Change {
	switch {
	case r == nil && rows == nil:
		return &room.Change{}
	case r == nil:
		return &room.Change{Room: rows.Address, Destroy: true}
	}
	change := &room.Change{Room: r.Address(), Create: true, Private: r.Private(), Destroy: rows != nil, Put: r.Members()}
	if rows != nil && rows.Private == r.Private() && slices.Equal(rows.Members, change.Put) {
		return &room.Change{}
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
