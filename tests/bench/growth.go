package main

import (
	"context"
	"time"

	"kamailio-imc/tests/bench/load"
	"kamailio-imc/tests/bench/rig"
)

// growth measures the processor time of a text over the number of rooms.
func growth(ctx context.Context, b *bench) error {
	b.results.Growth = nil
	for rooms := 10; rooms <= b.maxRooms; rooms *= 10 {
		kinds := []rig.Kind{rig.Ours}
		if rooms <= b.stockRooms {
			kinds = append(kinds, rig.Stock)
		}
		if err := b.growthAt(ctx, Workload{rooms, 2}, kinds); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) growthAt(ctx context.Context, w Workload, kinds []rig.Kind) error {
	r := rig.New()
	defer r.Close()
	var servers []*entrant
	for _, kind := range kinds {
		url, err := b.db.Fill(w.Rooms, w.Size)
		if err != nil {
			return err
		}
		begin := time.Now()
		s, err := b.start(r, rig.Spec{Kind: kind, Allocator: "tlsf", ShmMB: 2 * ampleMB, DBURL: url, Rooms: w.Rooms, Wait: 30 * time.Minute})
		if err != nil {
			return err
		}
		b.progress("%s started with %v in %v", kind, w, time.Since(begin).Round(10*time.Millisecond))
		servers = append(servers, &entrant{Server: s})
	}
	// each worker sees every room, as far as that ends in reasonable time
	for _, s := range servers {
		p := b.headlinePlan(s, w)
		p.Requests, p.For = min(4*w.Rooms, 200000), 10*time.Second
		if _, err := b.play(ctx, s.Server, p); err != nil {
			return err
		}
	}
	sleep(ctx, settle)
	for round := range b.repeats {
		for _, s := range servers {
			sleep(ctx, settle/time.Duration(len(servers)))
			before := s.CPU()
			res, err := b.play(ctx, s.Server, b.headlinePlan(s, w))
			if err != nil {
				return err
			}
			s.next += len(res.Items)
			// what tm's timers do later is the same for both and left out
			used := s.CPU().Sub(before).Total()
			t := res.Totals()
			b.results.Growth = append(b.results.Growth, Point{
				Series: string(s.Spec.Kind), X: w.Rooms, Round: round, Due: t.Due, Lost: t.Due - t.Arrived,
				Y: float64(used.Nanoseconds()) / 1000 / float64(max(1, t.Accepted)),
			})
		}
	}
	return nil
}

// fanout measures the time from a text to its last recipient over the size of
// the room.
func fanout(ctx context.Context, b *bench) error {
	b.results.Fanout = nil
	for size := 10; size <= b.maxSize; size *= 10 {
		for _, sp := range []rig.Spec{
			{Kind: rig.Ours, ShmMB: 2 * ampleMB}, {Kind: rig.Stock, ShmMB: 2 * ampleMB},
			{Kind: rig.Ours, ShmMB: defaultMB}, {Kind: rig.Stock, ShmMB: defaultMB},
		} {
			// with 64 MB a room of 100,000 takes more than a minute
			repeats := b.repeats
			if size > bigSize {
				repeats = 1
			}
			if err := b.fanoutOf(ctx, sp, size, repeats); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) fanoutOf(ctx context.Context, sp rig.Spec, size, repeats int) error {
	series := string(sp.Kind)
	if sp.ShmMB == defaultMB {
		series += ", 64 MB"
	}
	b.progress("%s: time to the last of %d", series, size)
	r := rig.New()
	defer r.Close()
	s, err := b.withBigRoom(r, sp.Kind, "tlsf", sp.ShmMB, size)
	if err != nil {
		return err
	}
	for round := range repeats {
		res, err := b.play(ctx, s, load.Plan{Requests: 1, Window: 1, Patience: 12 * time.Second, Request: bigText(size)})
		if err != nil {
			return err
		}
		it := res.Items[0]
		b.results.Fanout = append(b.results.Fanout, Point{
			Series: series, X: size, Round: round, Y: (it.Last - it.Sent).Seconds(), Due: it.Due, Lost: it.Missing(),
		})
		sleep(ctx, settle)
	}
	return nil
}
