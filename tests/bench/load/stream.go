package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// Request is one MESSAGE to a room.
type Request struct {
	Room int    // number of the room
	From int    // number of the sender
	Host string // host of the sender; "" is Host
	Body string // a command, or "" for a text
	Size int    // members of the room: due are numbers Room*Size and following
	// Due is the number of deliveries that the request causes; -1 for a text
	// means all members but the sender.
	Due int
}

// Plan says what a stream sends. Window or Every is set, or both: then one
// request in a time, and later if too many are unfinished.
type Plan struct {
	Server   netip.AddrPort
	Requests int           // how many at most
	For      time.Duration // no request is started later; 0: no limit
	Window   int           // closed loop: unfinished requests at any time
	Every    time.Duration // open loop: one request in this time
	// Patience is how long the end waits for what has not come yet.
	Patience time.Duration
	Request  func(i int) Request
}

// Item is the account of one request. Times count from the generator's start;
// 0 means that it did not happen.
type Item struct {
	Sent, Replied, First, Last time.Duration
	Code                       int // final response, 0: none
	Due, Arrived               int
	Retransmitted              int // the same MESSAGE again
	Duplicates                 int // another MESSAGE for the same member
	Foreign                    int // to somebody who is no member of the room

	base int
	seen []uint32 // by member: hash of the Call-ID that arrived first
}

// Missing is how many deliveries did not arrive.
func (it *Item) Missing() int { return max(0, it.Due-it.Arrived) }

// Reached tells whether a MESSAGE arrived for the member of this number.
func (it *Item) Reached(member int) bool {
	pos := member - it.base
	return pos >= 0 && pos < len(it.seen) && it.seen[pos] != 0
}

func (it *Item) finished() bool {
	return it.Code >= 300 || it.Code >= 200 && it.Arrived >= it.Due
}

// Result is what became of a stream.
type Result struct {
	Items      []Item
	Begin, End time.Duration // first request sent, last event
}

type stream struct {
	plan  Plan
	id    int
	nonce int
	until time.Duration // no request is sent later, 0: no limit

	// guarded by Generator.mu
	items []Item
	open  int
	last  time.Duration
	ended bool // no further request will be sent
	done  chan struct{}
}

var errTooMany = errors.New("load: too many streams")

// Run sends what the plan says and waits for the end. It gives the account
// also of what is missing at the end; a cancelled context ends it early.
func (g *Generator) Run(ctx context.Context, p Plan) (*Result, error) {
	s := &stream{plan: p, nonce: rand.IntN(1 << 16), done: make(chan struct{})}
	if p.Requests <= 0 || p.Requests > 1<<24 {
		return nil, errors.New("load: number of requests out of range")
	}
	if err := g.register(s); err != nil {
		return nil, err
	}
	defer g.unregister(s)
	begin := g.now()
	if p.For > 0 {
		s.until = begin + p.For
	}
	if p.Every > 0 {
		s.tick(ctx, g)
	} else {
		for range max(1, p.Window) {
			s.send(g)
		}
	}
	s.wait(ctx, g)
	g.mu.Lock()
	defer g.mu.Unlock()
	return &Result{Items: s.items, Begin: begin, End: s.last}, nil
}

func (g *Generator) register(s *stream) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for range maxStreams {
		g.next = (g.next + 1) % maxStreams
		if g.streams[g.next] == nil {
			s.id = g.next
			g.streams[s.id] = s
			return nil
		}
	}
	return errTooMany
}

func (g *Generator) unregister(s *stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams[s.id] = nil
}

// tick sends at fixed times, and late rather than never.
func (s *stream) tick(ctx context.Context, g *Generator) {
	next := g.now()
	for i := 0; i < s.plan.Requests && ctx.Err() == nil; i++ {
		if wait := next - g.now(); wait > 0 {
			time.Sleep(wait)
		}
		s.mayOpen(ctx, g)
		if !s.send(g) {
			return
		}
		next += s.plan.Every
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s.end()
}

// mayOpen waits, with the plan's patience, until fewer requests are unfinished
// than its window has room for.
func (s *stream) mayOpen(ctx context.Context, g *Generator) {
	if s.plan.Window == 0 {
		return
	}
	for patience := g.now() + s.plan.Patience; ctx.Err() == nil && g.now() < patience; time.Sleep(time.Millisecond) {
		g.mu.Lock()
		open := s.open
		g.mu.Unlock()
		if open < s.plan.Window {
			return
		}
	}
}

// wait returns when all is finished, or nothing has happened for as long as
// the plan has patience.
func (s *stream) wait(ctx context.Context, g *Generator) {
	for {
		timer := time.NewTimer(s.plan.Patience/4 + time.Millisecond)
		select {
		case <-s.done:
			timer.Stop()
			return
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		g.mu.Lock()
		quiet := g.now() - s.last
		g.mu.Unlock()
		if quiet > s.plan.Patience {
			return
		}
	}
}

// end marks that nothing more will be sent. Called with Generator.mu held.
func (s *stream) end() {
	s.ended = true
	if s.open == 0 {
		select {
		case <-s.done:
		default:
			close(s.done)
		}
	}
}

// send sends the next request; false if there is none.
func (s *stream) send(g *Generator) bool {
	g.mu.Lock()
	i := len(s.items)
	if s.ended || i >= s.plan.Requests || s.until > 0 && g.now() >= s.until {
		s.end()
		g.mu.Unlock()
		return false
	}
	r := s.plan.Request(i)
	it := Item{Due: r.Due, base: r.Room * r.Size, seen: make([]uint32, r.Size)}
	if it.Due < 0 {
		it.Due = r.Size - 1
	}
	it.Sent = g.now()
	s.last = it.Sent
	s.items = append(s.items, it)
	s.open++
	g.mu.Unlock()

	buf := g.appendRequest(make([]byte, 0, 1024), token{stream: s.id, nonce: s.nonce, index: i}, r)
	_, _ = g.source.WriteToUDPAddrPort(buf, s.plan.Server) // a loss shows in the account
	return true
}

// item finds the item of a token. Called with mu held.
func (g *Generator) item(t token) (*stream, *Item) {
	s := g.streams[t.stream&(maxStreams-1)]
	if s == nil || s.nonce != t.nonce || t.index >= len(s.items) {
		return nil, nil
	}
	return s, &s.items[t.index]
}

// arrived counts a delivery. It gives the stream if that finished a request
// and the stream is a closed loop. Called with mu held.
func (g *Generator) arrived(d delivery, now time.Duration) *stream {
	if !d.known {
		g.strays++
		return nil
	}
	s, it := g.item(d.token)
	if s == nil {
		g.strays++
		return nil
	}
	s.last = now
	pos := d.member - it.base
	switch {
	case pos < 0 || pos >= len(it.seen):
		it.Foreign++
		return nil
	case it.seen[pos] == d.callID:
		it.Retransmitted++
		return nil
	case it.seen[pos] != 0:
		it.Duplicates++
		return nil
	}
	it.seen[pos] = d.callID
	it.Arrived++
	if it.First == 0 {
		it.First = now
	}
	it.Last = now
	if it.Arrived == it.Due && it.Code >= 200 && it.Code < 300 {
		return s.finish()
	}
	return nil
}

// replied takes the final response of a request, as arrived does a delivery.
func (g *Generator) replied(t token, code int, now time.Duration) *stream {
	s, it := g.item(t)
	if s == nil || it.Code != 0 {
		return nil
	}
	s.last = now
	it.Code, it.Replied = code, now
	if it.finished() {
		return s.finish()
	}
	return nil
}

func (s *stream) finish() *stream {
	s.open--
	if s.ended {
		s.end()
		return nil
	}
	if s.plan.Every > 0 {
		return nil
	}
	return s
}

// Totals sums up a result.
type Totals struct {
	Requests, Accepted, Unanswered           int
	Due, Arrived                             int
	Retransmitted, Duplicates, Foreign       int
	Elapsed                                  time.Duration
	ReplyP50, ReplyP99, ReplyMax             time.Duration
	DeliveredP50, DeliveredP99, DeliveredMax time.Duration // request sent to last delivery
}

// Totals sums the items up.
func (r *Result) Totals() Totals { return Sum(r.Items, r.End-r.Begin) }

// Sum sums up some items.
func Sum(items []Item, elapsed time.Duration) Totals {
	t := Totals{Requests: len(items), Elapsed: elapsed}
	var replies, last []time.Duration
	for i := range items {
		it := &items[i]
		switch {
		case it.Code == 0:
			t.Unanswered++
		case it.Code < 300:
			t.Accepted++
			t.Due += it.Due
		}
		t.Arrived += it.Arrived
		t.Retransmitted += it.Retransmitted
		t.Duplicates += it.Duplicates
		t.Foreign += it.Foreign
		if it.Code != 0 {
			replies = append(replies, it.Replied-it.Sent)
		}
		if it.Arrived > 0 {
			last = append(last, it.Last-it.Sent)
		}
	}
	t.ReplyP50, t.ReplyP99, t.ReplyMax = quantiles(replies)
	t.DeliveredP50, t.DeliveredP99, t.DeliveredMax = quantiles(last)
	return t
}

func quantiles(d []time.Duration) (p50, p99, highest time.Duration) {
	if len(d) == 0 {
		return 0, 0, 0
	}
	slices.Sort(d)
	return d[(len(d)-1)/2], d[(len(d)-1)*99/100], d[len(d)-1]
}
