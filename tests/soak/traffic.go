package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	"kamailio-imc/tests/bench/load"
	"kamailio-imc/tests/bench/rig"
)

// A name that nobody resolves (RFC 2606).
const unresolvable = "nowhere.invalid"

// room is a kind of rooms. Members have positions: the first ones talk, then
// come those that never answer, then those behind the name that does not
// resolve, and at last users who come and go.
type room struct {
	name          string
	first, count  int // numbers of the rooms
	talkers       int
	silent, dead  int
	guests        int
	perSecond     float64 // texts, as part of the rate
	commandsEvery float64 // joins and leaves, as part of the rate
}

func (k room) size() int   { return k.talkers + k.silent + k.dead + k.guests }
func (k room) static() int { return k.talkers + k.silent + k.dead }
func (k room) isSilent(pos int) bool {
	return pos >= k.talkers && pos < k.talkers+k.silent
}
func (k room) isDead(pos int) bool {
	return pos >= k.talkers+k.silent && pos < k.static()
}

// Numbers of rooms are such that no two kinds share a member.
var rooms = []room{
	{name: "rooms of 10", first: 1000, count: 15, talkers: 10, perSecond: 0.7},
	{name: "rooms with a silent member", first: 11000, count: 4, talkers: 9, silent: 1, perSecond: 0.2},
	{name: "rooms with an unresolvable member", first: 21000, count: 2, talkers: 9, dead: 1, perSecond: 0.1},
	{name: "rooms of 200", first: 2000, count: 2, talkers: 197, silent: 2, dead: 1, perSecond: 0.02},
	{name: "rooms with guests", first: 31000, count: 4, talkers: 8, guests: 4, perSecond: 0.2, commandsEvery: 0.4},
}

// Account is what became of all MESSAGEs of one kind of rooms.
type Account struct {
	Kind                     string
	Requests, Accepted       int
	Due, Arrived, Missing    int
	Duplicates, Foreign      int
	Retransmitted            int
	ToSilent, ToUnresolvable int
	DelayP50, DelayP99       time.Duration // text to its last recipient
	DelayMax                 time.Duration
}

type traffic struct {
	gen    *load.Generator
	server netip.AddrPort
	host   string
	rate   int

	mu       sync.Mutex // guards accounts; not held across I/O
	accounts map[string]*Account
	bad      int
}

func newTraffic(gen *load.Generator, s *rig.Server, rate int) (*traffic, error) {
	addr, err := load.Server(s.Addr)
	if err != nil {
		return nil, err
	}
	sink, err := netip.ParseAddrPort(gen.Sink())
	if err != nil {
		return nil, err
	}
	gen.Silence(func(member int) bool {
		k, pos := kindOf(member)
		return k != nil && k.isSilent(pos)
	})
	return &traffic{gen: gen, server: addr, host: sink.Addr().String(), rate: rate, accounts: map[string]*Account{}}, nil
}

// kindOf finds the kind of rooms that a member belongs to, and its position.
func kindOf(member int) (*room, int) {
	for i := range rooms {
		k := &rooms[i]
		if begin := k.first * k.size(); member >= begin && member < begin+k.count*k.size() {
			return k, (member - begin) % k.size()
		}
	}
	return nil, 0
}

// hostOf is where a member is.
func (t *traffic) hostOf(k *room, pos int) string {
	if k.isDead(pos) {
		return unresolvable
	}
	return t.host
}

// makeRooms lets the members join, one after the other.
func (t *traffic) makeRooms(ctx context.Context) error {
	for i := range rooms {
		k := &rooms[i]
		res, err := t.gen.Run(ctx, load.Plan{
			Server: t.server, Requests: k.count * k.static(), Window: 1, Patience: 40 * time.Second,
			Request: func(n int) load.Request {
				number, pos := k.first+n/k.static(), n%k.static()
				r := load.Request{Room: number, From: number*k.size() + pos, Host: t.hostOf(k, pos), Size: k.size(), Body: "#join"}
				if pos == 0 {
					r.Body = "#create"
				}
				return r
			},
		})
		if err != nil {
			return err
		}
		if got := res.Totals(); got.Accepted != got.Requests {
			return fmt.Errorf("%s: %d of %d commands were accepted", k.name, got.Accepted, got.Requests)
		}
	}
	return nil
}

// run sends everything at once for a time and waits for what is due.
func (t *traffic) run(ctx context.Context, length time.Duration) error {
	var wg sync.WaitGroup
	errs := make(chan error, 64)
	start := func(f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				errs <- err
			}
		})
	}
	for i := range rooms {
		k := &rooms[i]
		start(func() error { return t.texts(ctx, k, length) })
		for g := range k.guests {
			start(func() error { return t.guest(ctx, k, g, length) })
		}
	}
	start(func() error { return t.badInput(ctx, length) })
	wg.Wait()
	close(errs)
	for err := range errs {
		return err
	}
	return ctx.Err()
}

// texts talks in all rooms of a kind at its rate.
func (t *traffic) texts(ctx context.Context, k *room, length time.Duration) error {
	every := time.Duration(float64(time.Second) / (k.perSecond * float64(t.rate)))
	res, err := t.gen.Run(ctx, load.Plan{
		Server: t.server, Requests: max(1, int(length/every)), Every: every, Patience: 40 * time.Second,
		Request: func(i int) load.Request {
			number := k.first + i%k.count
			r := load.Request{Room: number, From: number*k.size() + i/k.count%k.talkers, Host: t.host, Size: k.size(),
				Due: k.talkers + k.silent - 1}
			if k.guests > 0 {
				r.Due = k.talkers - 1 // and the guests who are there
			}
			return r
		},
	})
	if err != nil {
		return err
	}
	t.book(k, res, true)
	return nil
}

// guest joins and leaves the rooms of a kind, one after the other. Like a user
// agent it waits for what comes of a command before it sends the next one: two
// that are under way at once may be handled in either order.
func (t *traffic) guest(ctx context.Context, k *room, g int, length time.Duration) error {
	every := time.Duration(float64(time.Second) * float64(k.guests) / (k.commandsEvery * float64(t.rate)))
	res, err := t.gen.Run(ctx, load.Plan{
		Server: t.server, Requests: max(1, int(length/every)), Every: every, Window: 1, Patience: 40 * time.Second,
		Request: func(i int) load.Request {
			number := k.first + i/2%k.count
			r := load.Request{Room: number, From: number*k.size() + k.static() + g, Host: t.host, Size: k.size(),
				Body: "#join", Due: k.talkers}
			if i%2 == 1 {
				r.Body = "#leave"
			}
			return r
		},
	})
	if err != nil {
		return err
	}
	t.book(k, res, false)
	return nil
}

// book adds the items of a stream to the account of its kind of rooms.
func (t *traffic) book(k *room, res *load.Result, texts bool) {
	sum := res.Totals()
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.accounts[k.name]
	if a == nil {
		a = &Account{Kind: k.name}
		t.accounts[k.name] = a
	}
	a.Requests += sum.Requests
	a.Accepted += sum.Accepted
	a.Due += sum.Due
	a.Arrived += sum.Arrived
	a.Duplicates += sum.Duplicates
	a.Foreign += sum.Foreign
	a.Retransmitted += sum.Retransmitted
	for i := range res.Items {
		it := &res.Items[i]
		if it.Code >= 300 || it.Code == 0 {
			continue
		}
		a.Missing += it.Missing()
		a.ToUnresolvable += k.dead
		for n := range k.count {
			base := (k.first + n) * k.size()
			for pos := k.talkers; pos < k.talkers+k.silent; pos++ {
				if it.Reached(base + pos) {
					a.ToSilent++
				}
			}
		}
	}
	if texts {
		a.DelayP50, a.DelayP99, a.DelayMax = sum.DeliveredP50, sum.DeliveredP99, sum.DeliveredMax
	}
}

func (t *traffic) account() []Account {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Account
	for _, k := range rooms {
		if a := t.accounts[k.name]; a != nil {
			all = append(all, *a)
		}
	}
	return append(all, Account{Kind: "bad input", Requests: t.bad})
}

// badInput sends what no user agent should.
func (t *traffic) badInput(ctx context.Context, length time.Duration) error {
	every := time.Duration(float64(time.Second) / (0.2 * float64(t.rate)))
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	end := time.After(length)
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return nil
		case <-ticker.C:
		}
		if err := t.gen.SendRaw(t.server, []byte(badPacket(i))); err != nil {
			return err
		}
		t.mu.Lock()
		t.bad++
		t.mu.Unlock()
	}
}

// badPacket is one of several kinds of input that is refused, and answered to
// nobody but its sender, by response only.
func badPacket(i int) string {
	id := fmt.Sprintf("bad%d-%x", i, rand.Uint32())
	packet := func(from, body string, length int, headers string) string {
		return "MESSAGE sip:r0001000@" + load.Host + " SIP/2.0\r\nVia: SIP/2.0/UDP 127.77.0.9:9;branch=z9hG4bK" + id +
			"\r\nMax-Forwards: 70\r\nFrom: " + from + ";tag=1\r\nTo: <sip:r0001000@" + load.Host + ">\r\nCall-ID: " + id +
			"\r\nCSeq: 1 MESSAGE\r\n" + headers + fmt.Sprintf("Content-Length: %d\r\n\r\n", length) + body
	}
	const stranger = "<sip:stranger@127.77.0.9>"
	switch i % 6 {
	case 0: // a text of somebody who is no member
		return packet(stranger, "let me in", 9, "Content-Type: text/plain\r\n")
	case 1: // no body
		return packet(stranger, "", 0, "")
	case 2: // a Content-Length that is not true
		return packet(stranger, "short", 5000, "Content-Type: text/plain\r\n")
	case 3: // a From without a user
		return packet("<sip:127.77.0.9>", "hello", 5, "Content-Type: text/plain\r\n")
	case 4: // no SIP at all
		return strings.Repeat("\x00\xff\r\n", 50)
	default: // a body of 60,000 bytes, from nobody
		return packet(stranger, strings.Repeat("%s", 30000), 60000, "Content-Type: text/plain\r\n")
	}
}
