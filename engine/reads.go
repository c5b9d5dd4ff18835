package engine

import (
	"context"
	"sync"
	"time"
)

// reads lets concurrent readers of rooms share queries: while one query runs,
// who comes waits for the next one, which reads all rooms asked for meanwhile.
// A reader never gets the result of a query that began before it asked.
type reads struct {
	mu      sync.Mutex // taken before Conference.mu
	next    *batch     // not begun yet, nil if nobody waits for it
	running *batch     // nil if no query runs
	idle    sync.WaitGroup
}

// batch is one query.
type batch struct {
	keys []Key
	want map[Key]struct{}
	// touched are rooms that this node changed while the query ran: what it
	// read of them may be older than that change.
	touched map[Key]struct{}
	done    chan struct{}
	err     error // valid when done is closed
}

// wait returns when no query runs.
func (q *reads) wait() { q.idle.Wait() }

// fresh returns a room as the database has it, or had it at most CacheTTL ago,
// nil if there is none (ModeDatabase). If the database does not answer or ctx
// ends, it returns what is known of the room, nil if nothing is, and an error
// that wraps ErrUnavailable or that of ctx.
func (c *Conference) fresh(ctx context.Context, k Key) (*room, error) {
	if r, readAt := c.known(k); r != nil && c.settings.CacheTTL > 0 && time.Since(readAt) < c.settings.CacheTTL {
		return r, nil
	}
	for {
		if c.away() {
			return c.lookup(k), ErrUnavailable
		}
		b := c.ask(k)
		select {
		case <-b.done:
		case <-ctx.Done():
			return c.lookup(k), ctx.Err()
		}
		if b.err != nil {
			return c.lookup(k), b.err
		}
		if _, again := b.touched[k]; !again {
			return c.lookup(k), nil
		}
	}
}

// known returns a room as it was last read and when that was, nil if it was
// not.
func (c *Conference) known(k Key) (*room, time.Time) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r := c.rooms[k]
	if r == nil {
		return nil, time.Time{}
	}
	return r, r.readAt
}

// ask adds a room to the next query and begins it if none runs.
func (c *Conference) ask(k Key) *batch {
	q := &c.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil {
		q.next = &batch{want: make(map[Key]struct{}), done: make(chan struct{})}
	}
	b := q.next
	if _, there := b.want[k]; !there {
		b.want[k] = struct{}{}
		b.keys = append(b.keys, k)
	}
	if q.running == nil {
		q.running, q.next = b, nil
		q.idle.Add(1)
		go c.run(b)
	}
	return b
}

// run reads a batch, then the next one, until nobody waits.
func (c *Conference) run(b *batch) {
	q := &c.reads
	defer q.idle.Done()
	for b != nil {
		ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
		asked := time.Now()
		found, err := c.store.Fetch(ctx, b.keys)
		cancel()
		if err != nil {
			b.err = err
			if isAway(err) {
				c.lost(err)
			} else {
				c.note(notef(LevelError, "database refuses to read rooms: %v", err))
			}
		}
		b = c.finish(b, found, asked)
	}
}

// finish takes over what a batch read, wakes its readers, and returns the next
// one, nil if nobody waits.
func (c *Conference) finish(b *batch, found map[Key]*RoomRecord, asked time.Time) *batch {
	rooms := make(map[Key]*room, len(found))
	for k, rec := range found {
		if old := c.lookup(k); old != nil && old.matches(rec) {
			rooms[k] = old
		} else if rec.sendable() {
			rooms[k] = newRoomFrom(rec, c.noteOnce)
		}
	}
	q := &c.reads
	var changed []Key
	q.mu.Lock()
	if b.err == nil {
		c.mu.Lock()
		for _, k := range b.keys {
			if _, own := b.touched[k]; !own && c.adoptLocked(k, rooms[k], asked) {
				changed = append(changed, k)
			}
		}
		c.mu.Unlock()
	}
	next := q.next
	q.running, q.next = next, nil
	q.mu.Unlock()
	if c.settings.Changed != nil {
		for _, k := range changed {
			c.settings.Changed(k)
		}
	}
	close(b.done)
	return next
}

// adoptLocked puts a room that was read, nil for none, in the place of what is
// known of it, and reports whether that was another state.
func (c *Conference) adoptLocked(k Key, r *room, asked time.Time) bool {
	old := c.rooms[k]
	switch {
	case r == nil:
		c.forgetLocked(k)
		return old != nil
	case old != nil && (old == r || old.equal(r)):
		old.readAt = asked
		return false
	}
	r.readAt = asked
	c.installLocked(k, r)
	return old != nil
}

// adoptOwn takes over a room, nil for none, as this node has just written it.
func (c *Conference) adoptOwn(k Key, r *room, written time.Time) {
	q := &c.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	if b := q.running; b != nil {
		if b.touched == nil {
			b.touched = make(map[Key]struct{})
		}
		b.touched[k] = struct{}{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.adoptLocked(k, r, written)
}
