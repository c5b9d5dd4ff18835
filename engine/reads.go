package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// reads lets concurrent readers of rooms share queries, in two lanes: one for
// rooms that are known to be small, one for big rooms and those that are not
// known yet, so that a big room holds up no small one. In each lane a few
// queries run at once; while they do, who comes waits for the next one, which
// reads all rooms asked for meanwhile. No room is read by two queries at once,
// and a reader never gets the result of one that began before it asked.
type reads struct {
	mu      sync.Mutex // taken before Conference.mu
	waiting map[sip.Key]*read
	running map[sip.Key]*read
	lanes   [2]lane
	idle    sync.WaitGroup
}

// lane is the queries for some kind of rooms.
type lane struct {
	queue   []*read // not begun, in the order in which they were asked for
	running int     // queries
}

const (
	smallRooms = iota // lanes
	otherRooms

	// bigRoom is the number of members from which a room is big.
	bigRoom = 500
	// laneWidth is how many queries of a lane run at once.
	laneWidth = 3
)

// laneKeys is how many rooms one query of a lane reads.
var laneKeys = [2]int{smallRooms: 400, otherRooms: 40}

// read is one reading of a room, for all who asked before it began.
type read struct {
	key  sip.Key
	lane int
	// touched is when this node decided on a change of the room that it made
	// while the query ran: what that read may be older. Guarded by reads.mu.
	touched time.Time
	done    chan struct{}
	err     error // valid when done is closed
}

// wait returns when no query runs.
func (q *reads) wait() { q.idle.Wait() }

// fresh returns a room as the database has it, or had it at most CacheTTL ago,
// nil if there is none (ModeDatabase). If the database does not let it be read
// or ctx ends, it returns what is known of the room, nil if nothing is, and
// the store's error or that of ctx.
func (c *Conference) fresh(ctx context.Context, k sip.Key) (*room.Room, error) {
	asked := time.Now()
	if r, readAt := c.known(k); r != nil && c.settings.CacheTTL > 0 && asked.Sub(readAt) < c.settings.CacheTTL {
		return r, nil
	}
	for {
		if c.away() {
			return c.lookup(k), storage.ErrUnavailable
		}
		rd := c.ask(k)
		select {
		case <-rd.done:
		case <-ctx.Done():
			return c.lookup(k), ctx.Err()
		}
		if rd.err != nil {
			return c.lookup(k), rd.err
		}
		if rd.touched.IsZero() || rd.touched.After(asked) {
			return c.lookup(k), nil
		}
	}
}

// known returns a room as it was last read and when that was, nil if it was
// not.
func (c *Conference) known(k sip.Key) (*room.Room, time.Time) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r := c.rooms[k]
	if r == nil {
		return nil, time.Time{}
	}
	return r.Room, r.readAt
}

// ask has a room read by the next query of its lane.
func (c *Conference) ask(k sip.Key) *read {
	lane := otherRooms
	if size := c.Size(k); size > 0 && size < bigRoom {
		lane = smallRooms
	}
	q := &c.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	if rd := q.waiting[k]; rd != nil {
		return rd
	}
	rd := &read{key: k, lane: lane, done: make(chan struct{})}
	if q.waiting == nil {
		q.waiting, q.running = make(map[sip.Key]*read), make(map[sip.Key]*read)
	}
	q.waiting[k] = rd
	q.lanes[lane].queue = append(q.lanes[lane].queue, rd)
	c.beginLocked(lane)
	return rd
}

// beginLocked begins the queries that a lane may begin.
func (c *Conference) beginLocked(lane int) {
	q := &c.reads
	l := &q.lanes[lane]
	for l.running < laneWidth {
		var batch, later []*read
		for _, rd := range l.queue {
			if len(batch) == laneKeys[lane] || q.running[rd.key] != nil {
				later = append(later, rd)
				continue
			}
			batch = append(batch, rd)
			delete(q.waiting, rd.key)
			q.running[rd.key] = rd
		}
		l.queue = later
		if len(batch) == 0 {
			return
		}
		l.running++
		q.idle.Add(1)
		go c.run(lane, batch)
	}
}

// run reads the rooms of a batch with one query and wakes their readers.
func (c *Conference) run(lane int, batch []*read) {
	q := &c.reads
	defer q.idle.Done()
	asked := time.Now()
	var rooms map[sip.Key]*room.Room
	err := c.guarded(func() (err error) {
		rooms, err = c.readBatch(batch)
		return err
	})
	changed := c.finish(lane, batch, rooms, asked, err)
	if err != nil {
		c.readFailed(err)
	}
	if c.settings.Changed != nil {
		for _, k := range changed {
			c.settings.Changed(k)
		}
	}
	for _, rd := range batch {
		close(rd.done)
	}
}

// readBatch reads rooms. One that is as it is known stays the same object.
func (c *Conference) readBatch(batch []*read) (map[sip.Key]*room.Room, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	keys := make([]sip.Key, len(batch))
	for i, rd := range batch {
		keys[i] = rd.key
	}
	found, err := c.store.Fetch(ctx, keys)
	if err != nil {
		return nil, err
	}
	rooms := make(map[sip.Key]*room.Room, len(found))
	for k, rec := range found {
		if old := c.lookup(k); old != nil && old.Matches(rec) {
			rooms[k] = old
		} else {
			rooms[k] = room.From(rec)
		}
	}
	return rooms, nil
}

// readFailed takes note of a query that failed.
func (c *Conference) readFailed(err error) {
	c.failed(err)
	switch {
	case errors.Is(err, storage.ErrUnavailable): // told as an outage
	case errors.Is(err, storage.ErrTimeout), errors.Is(err, storage.ErrLocked):
		c.noteRarely("read slowly", log.Notef(log.Warning, "rooms could not be read in time, texts go to the members known last: %v", err))
	default:
		c.noteRarely("read", log.Notef(log.Error, "database refuses to read rooms: %v", err))
	}
}

// finish takes over what a batch read and begins the next one. It returns the
// rooms that others have changed.
func (c *Conference) finish(lane int, batch []*read, rooms map[sip.Key]*room.Room, asked time.Time, err error) (changed []sip.Key) {
	q := &c.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	c.mu.Lock()
	for _, rd := range batch {
		rd.err = err
		delete(q.running, rd.key)
		old := c.rooms[rd.key]
		if err != nil || !rd.touched.IsZero() || old != nil && old.readAt.After(asked) {
			continue // what is known is newer
		}
		if c.adoptLocked(rd.key, rooms[rd.key], asked) {
			changed = append(changed, rd.key)
		}
	}
	c.mu.Unlock()
	q.lanes[lane].running--
	for lane := range q.lanes { // a room may have waited in the other one
		c.beginLocked(lane)
	}
	return changed
}

// adoptLocked puts a room that was read, nil for none, in the place of what is
// known of it, and reports whether that was another state.
func (c *Conference) adoptLocked(k sip.Key, r *room.Room, asked time.Time) bool {
	old := c.rooms[k]
	switch {
	case r == nil:
		c.forgetLocked(k)
		return old != nil
	case old != nil && (old.Room == r || old.Equal(r)):
		old.readAt = asked
		return false
	}
	c.installLocked(k, r).readAt = asked
	c.shrinkLocked(asked)
	return old != nil
}

// adoptOwn takes over a room, nil for none, as this node has read it under its
// lock when it decided, or has just written it: what was asked for before then
// may be older.
func (c *Conference) adoptOwn(k sip.Key, r *room.Room, decided time.Time, written bool) {
	q := &c.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	if rd := q.running[k]; rd != nil && written {
		rd.touched = decided
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.adoptLocked(k, r, decided)
}
