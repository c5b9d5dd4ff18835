package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kamailio-imc/tests/bench/load"
	"kamailio-imc/tests/bench/rig"
	"kamailio-imc/tests/testdb"
)

// Rooms of the runs with a database.
const (
	joinRooms = 2000 // of a run, which is over before all are full
	joinSize  = 4
	hotRooms  = 10
	hotSize   = 10
)

// What a run with a database does.
const (
	runJoins = "joins"
	runTexts = "texts"
)

// DatabaseRun is one run of a server with rooms in a database, or of plain
// INSERTs.
type DatabaseRun struct {
	What, Series       string
	Workers, Window    int
	Round, Count       int
	Lost               int // MESSAGEs due and not arrived
	Seconds            float64
	ReplyP50, ReplyP99 time.Duration
	// Processor time in seconds: of Kamailio, of MariaDB (for plain INSERTs of
	// MariaDB alone).
	CPU, DatabaseCPU float64
}

// DatabaseLoad is a start in db_mode 1.
type DatabaseLoad struct {
	Rooms, Members int
	Ready          time.Duration // from the start of Kamailio until it has all rooms
}

// shape is how many requests can be under way.
type shape struct{ workers, window int }

// contender is a server of the suite database.
type contender struct {
	*rig.Server
	series string
	shape
}

// store is the MariaDB of the suite database, which keeps everything safe: a
// commit is on disk when it is confirmed.
type store struct {
	*testdb.MariaDB
	count int
}

// tables makes our tables in a new database and gives its name.
func (st *store) tables() (name string, err error) {
	st.count++
	name = fmt.Sprintf("safe%d", st.count)
	return name, st.CreateDatabase(name, "", testdb.ProjectFile("sql/imc-create.sql"))
}

// database compares the modes with each other, with the stock module (whose
// joins are in memory only, 5.6 writes when it stops), and with what its later
// releases do at the least for each join: an INSERT over one connection.
func database(ctx context.Context, b *bench) error {
	b.results.Database, b.results.Loads = nil, nil
	m, err := testdb.NewMariaDB()
	if err != nil {
		return err
	}
	st := &store{MariaDB: m}
	err = b.withStore(ctx, st)
	return errors.Join(err, m.Close())
}

func (b *bench) withStore(ctx context.Context, st *store) error {
	for _, rooms := range []int{10000, 100000} {
		if err := b.loadRooms(rooms); err != nil {
			return err
		}
	}
	for _, s := range []shape{{b.workers, b.window}, {8, 32}} {
		if err := b.shaped(ctx, st, s); err != nil {
			return err
		}
	}
	return nil
}

// shaped runs joins and texts of all servers in turns.
func (b *bench) shaped(ctx context.Context, st *store, s shape) error {
	r := rig.New()
	defer r.Close()
	var all []*contender
	for _, c := range []struct {
		series string
		kind   rig.Kind
		params map[string]any
	}{
		{"db_mode 0", rig.Ours, map[string]any{"db_mode": 0}},
		{"db_mode 1", rig.Ours, map[string]any{"db_mode": 1}},
		{"db_mode 2, ttl 1000", rig.Ours, map[string]any{"db_mode": 2, "db_cache_ttl": 1000}},
		{"db_mode 2, ttl 0", rig.Ours, map[string]any{"db_mode": 2}},
		{"stock", rig.Stock, nil},
	} {
		sp := rig.Spec{Kind: c.kind, Case: "bench", Allocator: "tlsf", ShmMB: ampleMB, Workers: s.workers,
			Sink: b.gen.Sink(), Params: c.params}
		if mode, _ := c.params["db_mode"].(int); mode > 0 {
			name, err := st.tables()
			if err != nil {
				return err
			}
			sp.DBURL = st.URL(name)
		}
		server, err := r.Start(sp)
		if err != nil {
			return err
		}
		e := &contender{Server: server, series: c.series, shape: s}
		if err := b.makeRooms(ctx, e.Server, 0, hotRooms, hotSize); err != nil {
			return err
		}
		all = append(all, e)
	}
	for round := range b.repeats + 1 { // the first one warms up
		b.progress("%d workers, window %d: round %d of %d", s.workers, s.window, round, b.repeats)
		for _, e := range all {
			if err := b.joins(ctx, st, e, round); err != nil {
				return err
			}
			sleep(ctx, settle/time.Duration(len(all)))
		}
		for _, e := range all {
			err := b.measured(ctx, st, e, round, runTexts, load.Plan{
				Requests: runDeliveries, For: b.length, Window: s.window,
				Request: func(i int) load.Request { return text(i, hotRooms, hotSize) },
			})
			if err != nil {
				return err
			}
			sleep(ctx, settle/time.Duration(len(all)))
		}
		if err := b.inserts(ctx, st, s, round); err != nil {
			return err
		}
	}
	return nil
}

// joins makes rooms and then measures how fast users join them.
func (b *bench) joins(ctx context.Context, st *store, e *contender, round int) error {
	first := 1000 + round*joinRooms
	plan := load.Plan{Requests: joinRooms, For: 2 * b.length, Window: e.window, Request: func(i int) load.Request {
		return load.Request{Room: first + i, From: (first + i) * joinSize, Size: joinSize, Body: "#create", Due: 1}
	}}
	made, err := b.play(ctx, e.Server, plan)
	if err != nil {
		return err
	}
	rooms := made.Totals().Accepted
	if rooms == 0 {
		return fmt.Errorf("%s: no room could be made\n%s", e.series, e.LogTail(10))
	}
	plan.Requests = rooms * (joinSize - 1)
	plan.Request = func(i int) load.Request {
		room, n := first+i%rooms, 1+i/rooms
		return load.Request{Room: room, From: room*joinSize + n, Size: joinSize, Body: "#join", Due: n + 1}
	}
	return b.measured(ctx, st, e, round, runJoins, plan)
}

// measured plays a plan and notes what it cost.
func (b *bench) measured(ctx context.Context, st *store, e *contender, round int, what string, p load.Plan) error {
	before, db := e.CPU(), rig.ProcessCPU(st.Pid())
	res, err := b.play(ctx, e.Server, p)
	if err != nil {
		return err
	}
	t := res.Totals()
	if t.Accepted == 0 {
		return fmt.Errorf("%s: no %s were accepted\n%s", e.series, what, e.LogTail(10))
	}
	if round > 0 {
		b.results.Database = append(b.results.Database, DatabaseRun{
			What: what, Series: e.series, Workers: e.workers, Window: e.window, Round: round, Count: t.Accepted,
			Lost: t.Due - t.Arrived, Seconds: t.Elapsed.Seconds(), ReplyP50: t.ReplyP50, ReplyP99: t.ReplyP99,
			CPU: e.CPU().Sub(before).Total().Seconds(), DatabaseCPU: (rig.ProcessCPU(st.Pid()) - db).Seconds(),
		})
	}
	return nil
}

// inserts writes a row a command, each in a transaction of its own, over one
// connection.
func (b *bench) inserts(ctx context.Context, st *store, s shape, round int) error {
	name, err := st.tables()
	if err != nil {
		return err
	}
	db := st.Open(name)
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	before, began, n := rig.ProcessCPU(st.Pid()), time.Now(), 0
	for ; time.Since(began) < 2*b.length && ctx.Err() == nil; n++ {
		_, err := conn.ExecContext(ctx, "INSERT INTO imc_members (username, domain, room, flag) VALUES (?, ?, ?, 0)",
			fmt.Sprintf("m%07d", n), load.Host, load.RoomURI(n/joinSize))
		if err != nil {
			return err
		}
	}
	if round > 0 {
		b.results.Database = append(b.results.Database, DatabaseRun{
			What: runJoins, Series: "plain INSERTs", Workers: s.workers, Window: s.window, Round: round, Count: n,
			Seconds: time.Since(began).Seconds(), DatabaseCPU: (rig.ProcessCPU(st.Pid()) - before).Seconds(),
		})
	}
	return ctx.Err()
}

// loadRooms measures a start with many rooms of 10.
func (b *bench) loadRooms(rooms int) error {
	const size = 10
	url, err := b.db.Fill(rooms, size)
	if err != nil {
		return err
	}
	for range b.repeats {
		r := rig.New()
		began := time.Now()
		_, err := b.start(r, rig.Spec{Kind: rig.Ours, DBURL: url, Rooms: rooms, Wait: 5 * time.Minute})
		took := time.Since(began)
		r.Close()
		if err != nil {
			return err
		}
		b.progress("%s rooms of %d: ready after %v", thousands(rooms), size, took.Round(time.Millisecond))
		b.results.Loads = append(b.results.Loads, DatabaseLoad{Rooms: rooms, Members: rooms * size, Ready: took})
	}
	return nil
}
