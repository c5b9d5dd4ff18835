package main

import (
	"context"
	"time"

	"kamailio-imc/tests/bench/load"
	"kamailio-imc/tests/bench/rig"
)

// The big room, the shared memory of servers that shall not be short of it,
// and Kamailio's default.
const (
	bigSize   = 10000
	ampleMB   = 1024
	defaultMB = 64
)

// A room of 2 beside the big one; its number leaves 7 digits for its members.
const probeRoom = 4000000

// How often a probe is sent, and for how long at rest or beside the big room.
const (
	probeEvery = 5 * time.Millisecond
	probeTime  = 5 * time.Second
)

// What tm, the core and the module log when memory is short.
const shortage = `(?i)short of|no more (shared|shm|share)|out of (shared )?mem|could not allocate|ERROR:`

// bursts sends five texts at once to a room of 10,000 of either module.
func bursts(ctx context.Context, b *bench) error {
	b.results.Bursts = nil
	for _, allocator := range b.allocators {
		for _, kind := range []rig.Kind{rig.Ours, rig.Stock} {
			if err := b.burst(ctx, kind, allocator); err != nil {
				return err
			}
		}
	}
	return nil
}

// withBigRoom starts a server that knows one room of the given size.
func (b *bench) withBigRoom(r *rig.Rig, kind rig.Kind, allocator string, shmMB, size int) (*rig.Server, error) {
	url, err := b.db.Fill(1, size)
	if err != nil {
		return nil, err
	}
	return b.start(r, rig.Spec{Kind: kind, Allocator: allocator, ShmMB: shmMB, DBURL: url, Rooms: 1, Wait: 2 * time.Minute})
}

// bigText is a text to the big room, each from another member.
func bigText(size int) func(i int) load.Request {
	return func(i int) load.Request { return load.Request{From: i * 13 % size, Size: size, Due: -1} }
}

// bigRoom measures what the sender of a text to a big room waits for, and what
// others wait for meanwhile.
func bigRoom(ctx context.Context, b *bench) error {
	b.results.BigReplies, b.results.Probes = nil, nil
	r := rig.New()
	defer r.Close()
	var servers []*rig.Server
	for _, sp := range []rig.Spec{
		{Kind: rig.Ours, ShmMB: ampleMB}, {Kind: rig.Stock, ShmMB: ampleMB}, {Kind: rig.Ours, ShmMB: defaultMB},
	} {
		s, err := b.withBigRoom(r, sp.Kind, "tlsf", sp.ShmMB, bigSize)
		if err != nil {
			return err
		}
		if err := b.makeRooms(ctx, s, probeRoom, 1, 2); err != nil {
			return err
		}
		servers = append(servers, s)
	}
	for round := range b.repeats {
		for _, s := range servers {
			b.progress("%s, %d MB, a room of %d: round %d of %d", s.Spec.Kind, s.Spec.ShmMB, bigSize, round+1, b.repeats)
			if s.Spec.ShmMB == ampleMB {
				if err := b.bigReply(ctx, s); err != nil {
					return err
				}
			}
			for _, busy := range []bool{false, true} {
				sleep(ctx, settle)
				if err := b.probe(ctx, s, round, busy); err != nil {
					return err
				}
			}
			sleep(ctx, settle)
		}
	}
	return nil
}

func (b *bench) bigReply(ctx context.Context, s *rig.Server) error {
	for range 5 {
		res, err := b.play(ctx, s, load.Plan{Requests: 1, Window: 1, Request: bigText(bigSize)})
		if err != nil {
			return err
		}
		it := res.Items[0]
		b.results.BigReplies = append(b.results.BigReplies, BigReply{
			Kind: s.Spec.Kind, Size: bigSize, Answered: it.Code != 0, Reply: it.Replied - it.Sent,
			Last: it.Last - it.Sent, Due: it.Due, Arrived: it.Arrived,
		})
		// until the members' answers are read: a text that comes while they
		// fill Kamailio's receive buffer would be dropped by the system
		sleep(ctx, time.Second)
	}
	return nil
}

// probe sends texts to a room of 2 at a fixed rate. If it is to be busy, only
// those count that were sent while a text to the big room was under way.
func (b *bench) probe(ctx context.Context, s *rig.Server, round int, busy bool) error {
	var big *load.Result
	done := make(chan error, 1)
	if busy {
		go func() {
			var err error
			big, err = b.play(ctx, s, load.Plan{
				Requests: 1000, For: probeTime * 4 / 5, Window: 1, Request: bigText(bigSize),
			})
			done <- err
		}()
	}
	res, err := b.play(ctx, s, load.Plan{
		Requests: int(probeTime / probeEvery),
		Every:    probeEvery,
		Request: func(i int) load.Request {
			return load.Request{Room: probeRoom, From: probeRoom*2 + i%2, Size: 2, Due: -1}
		},
	})
	if err != nil {
		return err
	}
	items := res.Items
	p := Probe{Kind: s.Spec.Kind, Round: round, ShmMB: s.Spec.ShmMB, Busy: busy}
	if busy {
		if err := <-done; err != nil {
			return err
		}
		items = during(res.Items, big)
		p.BigTexts = len(big.Items)
	}
	t := load.Sum(items, 0)
	p.Texts, p.Unanswered = t.Requests, t.Unanswered
	p.ReplyP50, p.ReplyP99 = t.ReplyP50, t.ReplyP99
	p.DeliveredP50, p.DeliveredP99 = t.DeliveredP50, t.DeliveredP99
	b.results.Probes = append(b.results.Probes, p)
	return nil
}

// during picks the items that were sent while a request of the other stream
// was under way.
func during(items []load.Item, other *load.Result) []load.Item {
	var in []load.Item
	for _, it := range items {
		for _, o := range other.Items {
			if it.Sent >= o.Sent && it.Sent <= max(o.Last, o.Replied) {
				in = append(in, it)
				break
			}
		}
	}
	return in
}

// burst sends five texts at once to a big room of a server with Kamailio's
// default shared memory.
func (b *bench) burst(ctx context.Context, kind rig.Kind, allocator string) error {
	b.progress("%s, %s: five texts at once to a room of %d", kind, allocator, bigSize)
	r := rig.New()
	defer r.Close()
	s, err := b.withBigRoom(r, kind, allocator, defaultMB, bigSize)
	if err != nil {
		return err
	}
	res, err := b.play(ctx, s, load.Plan{
		Requests: 5, Window: 5, Patience: 40 * time.Second, Request: bigText(bigSize),
	})
	if err != nil {
		return err
	}
	t := res.Totals()
	m, err := s.SharedMemory()
	if err != nil {
		return err
	}
	bu := Burst{
		Kind: kind, Allocator: allocator, Size: bigSize, ShmMB: defaultMB, Accepted: t.Accepted,
		Due: t.Due, Arrived: t.Arrived, Duplicates: t.Duplicates, Last: t.DeliveredMax,
		LowestFree: m.Total - m.MaxUsed, ShortageLines: len(s.LogLines(shortage)),
	}
	if kind == rig.Ours {
		if bu.Statistics, err = s.Statistics("imc"); err != nil {
			return err
		}
	}
	b.results.Bursts = append(b.results.Bursts, bu)
	return nil
}
