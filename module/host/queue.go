package host

import (
	"bytes"
	"sync"
	"time"

	"kamailio-imc/engine"
	"kamailio-imc/engine/sip"
	"kamailio-imc/module/wire"
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

// itemOverhead is about what an item and its place in a room's list take
// beside the texts, ownedOverhead what a recipient takes that the item holds
// alone, and partOverhead a part of the recipients that it shares.
const (
	itemOverhead  = 512
	ownedOverhead = 32
	partOverhead  = 24
)

// queue holds the MESSAGEs that the main thread of the host is to send: those
// with many recipients, those that had to wait for memory, and whatever follows
// them in the same room. It is first in, first out per room, and takes the
// rooms in turn, a batch of recipients each. Safe for concurrent use.
type queue struct {
	most    load            // what it holds at most
	started func(sip.Key)   // a room gets a queue; called with mu held
	gauge   func(depth int) // the number of recipients changed; called with mu held

	mu    sync.Mutex // held for short times only, no other lock is taken under it
	rooms map[sip.Key]*roomQueue
	first *roomQueue // the rooms that wait for their turn, linked by next
	last  *roomQueue
	out   map[uint64]*roomQueue // batches that the main thread has
	id    uint64                // of the last batch
	held  load                  // waiting or in a batch
}

// load is how much a queue, a room's part of it or an item holds.
type load struct {
	recipients int
	bytes      int // of memory, about; what others share is not counted
}

func (l *load) add(o load) {
	l.recipients += o.recipients
	l.bytes += o.bytes
}

// fits reports whether o more is within most.
func (l load) fits(o, most load) bool {
	return l.recipients+o.recipients <= most.recipients && l.bytes+o.bytes <= most.bytes
}

// roomQueue is a room's part. It is either waiting for its turn or has a
// batch out, never both: so a room's MESSAGEs keep their order.
type roomQueue struct {
	room  sip.Key
	items []*item
	held  load
	batch int // recipients of items[0] in the batch that is out
	next  *roomQueue
}

// item is a MESSAGE and those of its recipients that are left.
type item struct {
	message engine.Message // without body and recipients, which are in:
	body    *body
	to      [][]string // none empty; the parts are shared with others, never changed
	bytes   int        // what it holds but for the body
	since   time.Time  // when tm had no memory for the first of them for the first time
}

// body is a body that items of a room share: the lists of members that many
// ask for at a time are the same, as are the parts of a text to many.
type body struct {
	bytes []byte
	items int
}

func newQueue(most load, started func(sip.Key), gauge func(int)) *queue {
	return &queue{
		most:    most,
		started: started,
		gauge:   gauge,
		rooms:   make(map[sip.Key]*roomQueue),
		out:     make(map[uint64]*roomQueue),
	}
}

// newItem returns an item without its body, and the number of its recipients.
// owned says that nobody else holds the recipients.
func newItem(m *engine.Message, owned bool) (*item, int) {
	it := &item{message: *m}
	it.message.Body, it.message.To = nil, nil
	record := wire.MessageOf(&it.message)
	it.bytes = itemOverhead + record.Size()
	n := 0
	for _, part := range m.To {
		if len(part) == 0 {
			continue
		}
		it.to = append(it.to, part)
		it.bytes += partOverhead
		n += len(part)
		for i := 0; owned && i < len(part); i++ {
			it.bytes += ownedOverhead + len(part[i])
		}
	}
	return it, n
}

// push appends m to the queue of its room, and takes its texts and body over. It
// reports false if it does not fit: it is taken with all recipients or not at
// all. A room that has some waiting may take no more in all than is free then,
// so that one room leaves half to the others. When the queue is empty it takes
// one of any size, which would never fit otherwise.
func (q *queue) push(m *engine.Message, owned bool) bool {
	return q.append(m, owned, true)
}

// pushOver is push for what has to be sent even if the queue is full.
func (q *queue) pushOver(m *engine.Message) {
	q.append(m, false, false)
}

func (q *queue) append(m *engine.Message, owned, bounded bool) bool {
	it, n := newItem(m, owned)
	if n == 0 {
		return true
	}
	room := m.Room
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.rooms[room]
	more := load{n, it.bytes}
	if it.body = r.sameBody(m.Body); it.body == nil {
		it.body = &body{bytes: m.Body}
		more.bytes += len(m.Body)
	}
	if bounded && !q.admits(r, more) {
		return false
	}
	if r == nil {
		r = &roomQueue{room: room}
		q.rooms[room] = r
		q.started(room)
		q.line(r)
	}
	it.body.items++
	r.items = append(r.items, it)
	q.count(r, more)
	return true
}

// admits reports whether more fits, for the room r, nil if it has none waiting.
// With mu held.
func (q *queue) admits(r *roomQueue, more load) bool {
	switch {
	case q.held.recipients == 0:
		return true
	case !q.held.fits(more, q.most):
		return false
	case r == nil:
		return true
	}
	free := load{q.most.recipients - q.held.recipients, q.most.bytes - q.held.bytes}
	return r.held.fits(more, free)
}

// sameBody returns the body of the room's last MESSAGE if it is b, otherwise
// nil.
func (r *roomQueue) sameBody(b []byte) *body {
	if r == nil || len(r.items) == 0 {
		return nil
	}
	last := r.items[len(r.items)-1].body
	if !bytes.Equal(last.bytes, b) {
		return nil
	}
	return last
}

// busy reports whether the room has MESSAGEs in the queue or in a batch.
func (q *queue) busy(room sip.Key) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rooms[room] != nil
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
	return q.held.recipients
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
		if len(r.items) == 0 { // see takeInvitations
			delete(q.rooms, r.room)
			continue
		}
		it := r.items[0]
		record := wire.MessageOf(&it.message)
		record.Body = it.body.bytes
		n, length := record.Fit(it.to[0], queueBatch)
		if n == 0 {
			dropped++
			q.advance(r, 1)
			continue
		}
		q.id++
		record.ID = q.id
		r.batch = n
		q.out[q.id] = r
		return record.AppendTo(dst, it.to[0][:n], length), dropped
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

// returned is what became of a batch that was not sent to its end.
type returned struct {
	retried int            // recipients that go back to the front of their room's queue
	dropped string         // the first of them, if it has been waiting for giveUp, otherwise ""
	message engine.Message // that which is dropped, without the body
}

// unsent ends the batch: the recipients from first on have to wait, and go back
// to the front of their room's queue. exhausted says that tm had no memory for
// the first of them: if that has been so for giveUp, it is dropped. ok is false
// if there is no such batch.
func (q *queue) unsent(id uint64, first int, exhausted bool, now time.Time) (back returned, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.out[id]
	if r == nil || first < 0 || first > r.batch {
		return returned{}, false
	}
	delete(q.out, id)
	back.retried = r.batch - first
	it := r.items[0]
	switch {
	case back.retried == 0:
	case !exhausted:
		if first > 0 {
			it.since = time.Time{}
		}
	case first > 0 || it.since.IsZero():
		it.since = now
	case now.Sub(it.since) >= giveUp:
		it.since = time.Time{}
		back.dropped, back.message = it.to[0][first], it.message
		first++
		back.retried--
	}
	q.advance(r, first)
	return back, true
}

// advance takes the first n recipients of r's first MESSAGE as done and lets
// the room wait for its next turn. With mu held, r not in the line.
func (q *queue) advance(r *roomQueue, n int) {
	r.batch = 0
	it := r.items[0]
	if it.to[0] = it.to[0][n:]; len(it.to[0]) == 0 {
		it.to = it.to[1:]
	}
	done := load{recipients: -n}
	if len(it.to) == 0 {
		done.bytes = -it.end()
		r.items[0] = nil
		r.items = r.items[1:]
	}
	q.count(r, done)
	if len(r.items) > 0 {
		q.line(r)
	} else {
		// Workers have no snapshot of the room by now: nobody got one while
		// the room was busy. So its version needs no bump.
		delete(q.rooms, r.room)
	}
}

// end returns how many bytes are free when it leaves its queue.
func (it *item) end() int {
	free := it.bytes
	if it.body.items--; it.body.items == 0 {
		free += len(it.body.bytes)
	}
	return free
}

// takeInvitations takes all invitations out that the main thread does not have.
func (q *queue) takeInvitations() (list []failure) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.rooms {
		left := r.items[:0]
		for i, it := range r.items {
			if it.message.Inviter == "" || i == 0 && r.batch > 0 {
				left = append(left, it)
				continue
			}
			done := load{bytes: -it.end()}
			for _, part := range it.to {
				done.recipients -= len(part)
				for _, to := range part {
					list = append(list, failureTo(&it.message, to))
				}
			}
			q.count(r, done)
		}
		clear(r.items[len(left):])
		r.items = left
	}
	return list
}

// count adds to what the room and the queue hold. With mu held.
func (q *queue) count(r *roomQueue, more load) {
	r.held.add(more)
	q.held.add(more)
	q.gauge(q.held.recipients)
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
