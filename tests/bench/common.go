package main

import (
	"context"
	"fmt"
	"time"

	"kamailio-imc/tests/bench/load"
	"kamailio-imc/tests/bench/rig"
)

// How long tm holds a finished transaction, with a margin: after this time a
// server that was loaded is at rest.
const settle = 6 * time.Second

// How long a run waits for deliveries that do not come. tm sends what was lost
// on a socket again after 0.5, 1, 2 and 4 s.
const patience = 8 * time.Second

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// start starts a server with the benchmark's sink and workers.
func (b *bench) start(r *rig.Rig, sp rig.Spec) (*rig.Server, error) {
	sp.Sink, sp.Workers = b.gen.Sink(), b.workers
	if sp.Allocator == "default" {
		sp.Allocator = ""
	}
	return r.Start(sp)
}

// play runs a plan on a server.
func (b *bench) play(ctx context.Context, s *rig.Server, p load.Plan) (*load.Result, error) {
	addr, err := load.Server(s.Addr)
	if err != nil {
		return nil, err
	}
	p.Server = addr
	if p.Patience == 0 {
		p.Patience = patience
	}
	res, err := b.gen.Run(ctx, p)
	if err != nil {
		return nil, err
	}
	return res, ctx.Err()
}

// text is the i-th text to so many rooms of one size, every room and every
// member in turn, neighbours far apart.
func text(i, rooms, size int) load.Request {
	const stride = 7919 // a prime: meets every room of a power of ten
	room := i % rooms * stride % rooms
	return load.Request{Room: room, From: room*size + i/rooms%size, Size: size, Due: -1}
}

// makeRooms makes rooms by the commands that users send.
func (b *bench) makeRooms(ctx context.Context, s *rig.Server, first, rooms, size int) error {
	res, err := b.play(ctx, s, load.Plan{
		Requests: rooms * size,
		Window:   min(rooms, 4),
		Request: func(i int) load.Request {
			room, n := first+i%rooms, i/rooms
			r := load.Request{Room: room, From: room*size + n, Size: size, Body: "#join", Due: n + 1}
			if n == 0 {
				r.Body = "#create"
			}
			return r
		},
	})
	if err != nil {
		return err
	}
	t := res.Totals()
	if t.Accepted != rooms*size || t.Arrived != t.Due {
		return fmt.Errorf("%s: of %d commands to make %d rooms of %d %d were accepted, %d of %d notices came\n%s",
			s.Spec.Kind, rooms*size, rooms, size, t.Accepted, t.Arrived, t.Due, s.LogTail(10))
	}
	return nil
}

// memoryOf is a reading of a server's memory.
func memoryOf(s *rig.Server) (Memory, error) {
	m, err := s.SharedMemory()
	if err != nil {
		return Memory{}, err
	}
	ps, err := s.Usage()
	if err != nil {
		return Memory{}, err
	}
	out := Memory{ShmTotal: m.Total, ShmUsed: m.RealUsed, ShmLowestFree: m.Total - m.MaxUsed}
	out.WorkerPrivate, out.WorkerRSS = rig.Largest(ps, rig.RoleWorker)
	out.EnginePrivate, out.EngineRSS = rig.Largest(ps, rig.RoleEngine)
	return out, nil
}
