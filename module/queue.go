package module

import (
	"bytes"
	"sync"
	"time"

	"kamailio-imc/engine"
)

const (
	// queueBatch is how many recipients of one text the main thread gets at a
	// time, so that rooms take turns: a room of two waits for at most this
	// many sends per room with a queue.
	queueBatch = 32

	// giveUp is how long a recipient stays first in its room's queue although
	// tm has no memory. Transactions that nobody answers hold their memory
	// for half a minute, so it takes more than that to be sure that waiting
	// does not help.
	giveUp = 2 * time.Minute
)

// queue holds the MESSAGEs that the main thread of the host is to send: those
// with many recipients, those that tm had no memory for, and whatever follows
// them in the same room. It is first in, first out per room, and takes the
// rooms in turn, a batch of recipients each. Safe for concurrent use.
type queue struct {
	size    int               // recipients held at most
	started func(room string) // a room gets a queue; called with mu held
	gauge   func(depth int)   // the depth changed; called with mu held

	mu    sync.Mutex // held for short times only, no other lock is taken under it
	rooms map[string]*roomQueue
	first *roomQueue // the rooms that wait for their turn, linked by next
	last  *roomQueue
	out   map[uint64]*roomQueue // batches that the main thread has
	id    uint64                // of the last batch
	depth int                   // recipients waiting or in a batch
}

// roomQueue is a room's part. It is either waiting for its turn or has a
// batch out, never both: so a room's MESSAGEs keep their order.
type roomQueue struct {
	room  string
	items []*item
	batch int // recipients of items[0] in the batch that is out
	next  *roomQueue
}

// item is a MESSAGE and those of its recipients that are left.
type item struct {
	head  head
	to    [][]string // none empty; the parts are shared with others, never changed
	since time.Time  // when tm had no memory for the first of them for the first time
}

func newQueue(size int, started func(string), gauge func(int)) *queue {
	return &queue{
		size:    size,
		started: started,
		gauge:   gauge,
		rooms:   make(map[string]*roomQueue),
		out:     make(map[uint64]*roomQueue),
	}
}

// push appends a MESSAGE to the queue of its room, its body copied. It reports
// false if it does not fit: it is taken with all recipients or not at all. One
// with more recipients than the whole queue holds is taken when the queue is
// empty, since it would never fit otherwise.
func (q *queue) push(h head, to [][]string) bool {
	it := &item{head: h}
	n := 0
	for _, part := range to {
		if len(part) > 0 {
			it.to = append(it.to, part)
			n += len(part)
		}
	}
	if n == 0 {
		return true
	}
	it.head.body = bytes.Clone(h.body)
	room := h.room
	q.mu.Lock()
	if q.depth > 0 && q.depth+n > q.size {
		q.mu.Unlock()
		return false
	}
	r := q.rooms[room]
	if r == nil {
		r = &roomQueue{room: room}
		q.rooms[room] = r
		q.started(room)
		q.line(r)
	}
	r.items = append(r.items, it)
	q.setDepth(q.depth + n)
	q.mu.Unlock()
	return true
}

// busy reports whether the room has MESSAGEs in the queue or in a batch.
func (q *queue) busy(room engine.Key) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rooms[string(room)] != nil
}

// ready reports whether there is something to take.
func (q *queue) ready() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first != nil
}

// waiting returns the number of MESSAGEs in the queue and in batches.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.depth
}

// take appends the MESSAGE record of the next batch to dst, nothing if there
// is none. dropped counts recipients that fit into no record.
func (q *queue) take(dst []byte) (_ []byte, dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.first != nil {
		r := q.first
		q.first, r.next = r.next, nil
		if q.first == nil {
			q.last = nil
		}
		it := r.items[0]
		n, bytes := fit(it.head.size(), it.to[0], queueBatch)
		if n == 0 {
			dropped++
			q.advance(r, 1)
			continue
		}
		q.id++
		h := it.head
		h.id = q.id
		r.batch = n
		q.out[q.id] = r
		return appendMessage(dst, &h, it.to[0][:n], bytes), dropped
	}
	return dst, dropped
}

// sent ends the batch: all its recipients were handed to tm. It reports false
// if there is no such batch.
func (q *queue) sent(id uint64) bool {
	q.mu.Lock()
	r := q.out[id]
	if r != nil {
		delete(q.out, id)
		r.items[0].since = time.Time{}
		q.advance(r, r.batch)
	}
	q.mu.Unlock()
	return r != nil
}

// unsent ends the batch: there was no memory for the recipients from first
// on. They go back to the front of their room's queue, but for one that has
// been waiting for giveUp, which is dropped. ok is false if there is no such
// batch.
func (q *queue) unsent(id uint64, first int, now time.Time) (retried, dropped int, ok bool) {
	q.mu.Lock()
	r := q.out[id]
	if r == nil || first < 0 || first > r.batch {
		q.mu.Unlock()
		return 0, 0, false
	}
	delete(q.out, id)
	retried = r.batch - first
	it := r.items[0]
	switch {
	case retried == 0:
	case first > 0 || it.since.IsZero():
		it.since = now
	case now.Sub(it.since) >= giveUp:
		it.since = time.Time{}
		first, retried, dropped = 1, retried-1, 1
	}
	q.advance(r, first)
	q.mu.Unlock()
	return retried, dropped, true
}

// advance takes the first n recipients of r's first MESSAGE as done and lets
// the room wait for its next turn. With mu held, r not in the line.
func (q *queue) advance(r *roomQueue, n int) {
	r.batch = 0
	it := r.items[0]
	if it.to[0] = it.to[0][n:]; len(it.to[0]) == 0 {
		it.to = it.to[1:]
	}
	if len(it.to) == 0 {
		r.items[0] = nil
		r.items = r.items[1:]
	}
	if len(r.items) > 0 {
		q.line(r)
	} else {
		// Workers have no snapshot of the room by now: nobody got one while
		// the room was busy. So its version needs no bump.
		delete(q.rooms, r.room)
	}
	q.setDepth(q.depth - n)
}

// line puts r at the end of the line. With mu held.
func (q *queue) line(r *roomQueue) {
	if q.last == nil {
		q.first = r
	} else {
		q.last.next = r
	}
	q.last = r
}

func (q *queue) setDepth(n int) {
	q.depth = n
	q.gauge(n)
}
