package main

import (
	"context"
	"slices"
	"time"

	"kamailio-imc/tests/bench/load"
	"kamailio-imc/tests/bench/rig"
)

// A run makes at most so many deliveries: what tm holds of them for 5 s fits
// into the shared memory of these servers, since 64 MB would stop the stock
// module after 7,000.
const (
	runDeliveries = 30000
	headlineShmMB = 512
	warmUps       = 4               // at least: each process maps the shared memory page by page
	warmUpVisits  = 8               // to each room: each worker shall know nearly all
	warmUpTime    = 5 * time.Second // at most, of one run
	manyRooms     = 5000            // from which on making them takes more memory than the runs
)

// entrant is one server in the rotation.
type entrant struct {
	*rig.Server
	allocator string
	next      int     // number of the next text: a run goes on where the last one ended
	idle      float64 // processor time at rest, per second of time
	before    rig.CPU
	began     time.Time
	ended     time.Time
	pending   *Sample // its processor time is not known yet
}

func headline(ctx context.Context, b *bench) error {
	b.results.Headline, b.results.Footprints = nil, nil
	for _, w := range b.works {
		if err := b.headlineOf(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) headlineOf(ctx context.Context, w Workload) error {
	r := rig.New()
	defer r.Close()
	fleet, err := b.fleet(ctx, r, w)
	if err != nil {
		return err
	}
	// runs that do not count, then rest, and the price of rest
	if err := b.warmUp(ctx, fleet, w); err != nil {
		return err
	}
	for _, e := range fleet {
		e.began, e.before = time.Now(), e.CPU()
	}
	sleep(ctx, 3*time.Second)
	for _, e := range fleet {
		e.idle = float64(e.CPU().Sub(e.before).Total()) / float64(time.Since(e.began))
	}
	for round := range b.pairs {
		b.progress("%v: round %d of %d", w, round+1, b.pairs)
		order := slices.Clone(fleet)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, e := range order {
			if err := b.turn(ctx, e, w, round); err != nil {
				return err
			}
		}
	}
	for _, e := range fleet {
		b.finish(ctx, e)
		m, err := memoryOf(e.Server)
		if err != nil {
			return err
		}
		b.results.Footprints = append(b.results.Footprints,
			Footprint{Workload: w, Kind: e.Spec.Kind, Allocator: e.allocator, Memory: m})
	}
	return nil
}

// warmUp lets each process touch its memory for the first time, and each
// worker know the rooms.
func (b *bench) warmUp(ctx context.Context, fleet []*entrant, w Workload) error {
	requests := max(runDeliveries/(w.Size-1), w.Rooms)
	for range max(warmUps, warmUpVisits*w.Rooms/requests) {
		for _, e := range fleet {
			p := b.headlinePlan(e, w)
			p.Requests, p.For = requests, warmUpTime
			if _, err := b.play(ctx, e.Server, p); err != nil {
				return err
			}
		}
		sleep(ctx, settle)
	}
	return nil
}

// fleet starts the servers of a workload: every kind with every allocator.
func (b *bench) fleet(ctx context.Context, r *rig.Rig, w Workload) ([]*entrant, error) {
	var fleet []*entrant
	for _, allocator := range b.allocators {
		for _, kind := range []rig.Kind{rig.Ours, rig.Stock, rig.Floor} {
			sp := rig.Spec{Kind: kind, Allocator: allocator, ShmMB: headlineShmMB, RoomSize: w.Size}
			if w.Rooms > manyRooms {
				sp.ShmMB = 2 * ampleMB
			}
			byRows := w.Rooms > b.byCommand && kind != rig.Floor
			if byRows {
				var err error
				if sp.DBURL, err = b.db.Fill(w.Rooms, w.Size); err != nil {
					return nil, err
				}
				sp.Rooms, sp.Wait = w.Rooms, 5*time.Minute
			}
			s, err := b.start(r, sp)
			if err != nil {
				return nil, err
			}
			if !byRows && kind != rig.Floor {
				if err := b.makeRooms(ctx, s, 0, w.Rooms, w.Size); err != nil {
					return nil, err
				}
			}
			fleet = append(fleet, &entrant{Server: s, allocator: allocator})
		}
	}
	return fleet, nil
}

func (b *bench) headlinePlan(e *entrant, w Workload) load.Plan {
	first := e.next
	return load.Plan{
		Requests: runDeliveries / (w.Size - 1),
		For:      b.length,
		Window:   b.window,
		Request:  func(i int) load.Request { return text(first+i, w.Rooms, w.Size) },
	}
}

// turn is one run of one server.
func (b *bench) turn(ctx context.Context, e *entrant, w Workload, round int) error {
	b.finish(ctx, e)
	e.began, e.before = time.Now(), e.CPU()
	own := load.CPU()
	res, err := b.play(ctx, e.Server, b.headlinePlan(e, w))
	if err != nil {
		return err
	}
	e.next += len(res.Items)
	own = load.CPU() - own
	e.ended = time.Now()
	t := res.Totals()
	e.pending = &Sample{
		Workload: w, Kind: e.Spec.Kind, Allocator: e.allocator, Round: round,
		Texts: t.Accepted, Refused: t.Requests - t.Accepted, Due: t.Due, Arrived: t.Arrived,
		Duplicates: t.Duplicates, Retransmitted: t.Retransmitted,
		Seconds: t.Elapsed.Seconds(), GeneratorCPU: own.Seconds(),
		ReplyP50: t.ReplyP50, ReplyP99: t.ReplyP99,
	}
	return nil
}

// finish waits until a server is at rest after its run and books the processor
// time since its start, which includes what tm's timers did afterwards, less
// that of rest.
func (b *bench) finish(ctx context.Context, e *entrant) {
	if e.pending == nil {
		return
	}
	sleep(ctx, time.Until(e.ended.Add(settle)))
	used := e.CPU().Sub(e.before)
	rest := time.Duration(e.idle * float64(time.Since(e.began)))
	e.pending.CPU = (used.Total() - rest).Seconds()
	e.pending.EngineCPU = used[rig.RoleEngine].Seconds()
	b.results.Headline = append(b.results.Headline, *e.pending)
	e.pending = nil
}
