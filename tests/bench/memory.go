package main

import (
	"context"
	"time"

	"kamailio-imc/tests/bench/load"
	"kamailio-imc/tests/bench/rig"
)

// memory measures what a server holds before and after one text to each of
// 100,000 rooms: rooms of 2, and rooms of 10, which are 1,000,000 memberships.
func memory(ctx context.Context, b *bench) error {
	b.results.Resident = nil
	for _, w := range []Workload{{100000, 2}, {100000, 10}} {
		for _, kind := range []rig.Kind{rig.Ours, rig.Stock} {
			b.progress("memory of %s with %v", kind, w)
			if err := b.resident(ctx, kind, w); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) resident(ctx context.Context, kind rig.Kind, w Workload) error {
	r := rig.New()
	defer r.Close()
	url, err := b.db.Fill(w.Rooms, w.Size)
	if err != nil {
		return err
	}
	begin := time.Now()
	s, err := b.start(r, rig.Spec{Kind: kind, Allocator: "tlsf", ShmMB: 2 * ampleMB, DBURL: url, Rooms: w.Rooms, Wait: 10 * time.Minute})
	if err != nil {
		return err
	}
	res := Resident{Kind: kind, Workload: w, Start: time.Since(begin)}
	sleep(ctx, 2*time.Second)
	if res.Idle, err = memoryOf(s); err != nil {
		return err
	}
	// the stock module takes more than a millisecond for each
	played, err := b.play(ctx, s, load.Plan{
		Requests: w.Rooms, For: time.Minute, Window: b.window,
		Request: func(i int) load.Request { return text(i, w.Rooms, w.Size) },
	})
	if err != nil {
		return err
	}
	res.Texts = played.Totals().Accepted
	sleep(ctx, settle)
	if res.Loaded, err = memoryOf(s); err != nil {
		return err
	}
	b.results.Resident = append(b.results.Resident, res)
	return nil
}
