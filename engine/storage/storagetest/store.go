// Package storagetest is for tests. Contract tries what every storage.Store
// promises; Store is one of them, which keeps rooms in memory and fails on
// demand.
//
// It knows packages storage, room, sip and log.
package storagetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// Store is an storage.Store in memory. Its methods may be called from any
// goroutine.
type Store struct {
	mu      sync.Mutex
	rooms   map[sip.Key]*room.Record
	order   []sip.Key
	err     error
	lose    int
	gate    chan struct{}
	before  func()
	waiting atomic.Int64
	counts  Counts
}

// Counts says how often a Store was used.
type Counts struct {
	Fetches, Keys, Commits, Updates, Lists int
}

var _ storage.Store = (*Store)(nil)

// NewStore makes a Store that holds rooms.
func NewStore(rooms ...*room.Record) *Store {
	s := &Store{rooms: make(map[sip.Key]*room.Record)}
	for _, r := range rooms {
		s.rooms[r.Key()] = clone(r)
		s.order = append(s.order, r.Key())
	}
	return s
}

// Fail makes every use of the store fail with err, nil to end that.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// LoseAnswers makes the next n writes take effect and yet fail with
// storage.ErrUnavailable, and everything after that until Fail(nil).
func (s *Store) LoseAnswers(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose = n
}

// Block makes every use of the store wait until release is called or its
// context is done.
func (s *Store) Block() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.gate = gate
	return sync.OnceFunc(func() {
		s.mu.Lock()
		s.gate = nil
		s.mu.Unlock()
		close(gate)
	})
}

// Waiting returns how many wait since Block.
func (s *Store) Waiting() int { return int(s.waiting.Load()) }

// BeforeWrite has f called once, before the next write decides or commits: as
// if another node had been first.
func (s *Store) BeforeWrite(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// Counts returns how often the store was used so far.
func (s *Store) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Room returns a copy of a stored room, nil if there is none.
func (s *Store) Room(k sip.Key) *room.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return clone(s.rooms[k])
}

// Put stores a room as another node would.
func (s *Store) Put(r *room.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms[r.Key()] == nil {
		s.order = append(s.order, r.Key())
	}
	s.rooms[r.Key()] = clone(r)
}

// Drop deletes a room as another node would.
func (s *Store) Drop(k sip.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(k)
}

// Load implements storage.Store.
func (s *Store) Load(ctx context.Context, addRoom func(sip.Address, bool), addMember func(sip.Key, room.Member), _ func(log.Note)) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.order {
		addRoom(s.rooms[k].Address, s.rooms[k].Private)
	}
	for _, k := range s.order {
		for _, m := range s.rooms[k].Members {
			addMember(k, m)
		}
	}
	return nil
}

// Commit implements storage.Store.
func (s *Store) Commit(ctx context.Context, c *room.Change) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.hook()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Commits++
	if c.Empty() || c.Destroy && !c.Create && s.rooms[c.Room.Key()] == nil {
		return nil
	}
	return s.write(c)
}

// Update implements storage.Store.
func (s *Store) Update(ctx context.Context, k sip.Key, decide func(*room.Record) *room.Change) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.hook()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Updates++
	if c := decide(clone(s.rooms[k])); c != nil && !c.Empty() {
		return s.write(c)
	}
	return nil
}

// Settle implements storage.Store.
func (s *Store) Settle(ctx context.Context, k sip.Key, decide func(*room.Record) *room.Change) error {
	return s.Update(ctx, k, decide)
}

// Probe implements storage.Store.
func (s *Store) Probe(ctx context.Context) error { return s.enter(ctx) }

// RoomsOf implements storage.Store.
func (s *Store) RoomsOf(ctx context.Context, user sip.Key) ([]sip.Key, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []sip.Key
	for k, r := range s.rooms {
		if slices.ContainsFunc(r.Members, func(m room.Member) bool { return m.Key() == user && m.Role&room.RoleInvited == 0 }) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Fetch implements storage.Store.
func (s *Store) Fetch(ctx context.Context, keys []sip.Key) (map[sip.Key]*room.Record, error) {
	s.mu.Lock()
	s.counts.Fetches++
	s.counts.Keys += len(keys)
	found := make(map[sip.Key]*room.Record, len(keys))
	for _, k := range keys {
		if r := s.rooms[k]; r != nil {
			found[k] = clone(r)
		}
	}
	s.mu.Unlock()
	// The rows are read before the wait: what comes late is old.
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	return found, nil
}

// List implements storage.Store.
func (s *Store) List(ctx context.Context) ([]room.Info, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Lists++
	infos := make([]room.Info, 0, len(s.order))
	for _, k := range s.order {
		infos = append(infos, room.Info{Address: s.rooms[k].Address, Private: s.rooms[k].Private})
	}
	return infos, nil
}

// Close implements storage.Store.
func (s *Store) Close() error { return nil }

// enter begins a use of the store: it waits while the store is blocked.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", storage.ErrTimeout, err)
	}
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		s.waiting.Add(1)
		defer s.waiting.Add(-1)
		select {
		case <-gate:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", storage.ErrTimeout, ctx.Err())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *Store) hook() {
	s.mu.Lock()
	f := s.before
	s.before = nil
	s.mu.Unlock()
	if f != nil {
		f()
	}
}

func (s *Store) write(c *room.Change) error {
	k := c.Room.Key()
	if c.Create && c.Destroy {
		s.drop(k)
	}
	r := s.rooms[k]
	switch {
	case c.Create && r != nil, !c.Create && r == nil:
		return storage.ErrConflict
	case c.Create:
		r = &room.Record{Address: c.Room, Private: c.Private}
		s.rooms[k] = r
		s.order = append(s.order, k)
	}
	for _, a := range c.Delete {
		r.Members = slices.DeleteFunc(r.Members, func(m room.Member) bool { return m.Key() == a.Key() })
	}
	for _, p := range c.Put {
		i := slices.IndexFunc(r.Members, func(m room.Member) bool { return m.Key() == p.Key() })
		if i < 0 {
			r.Members = append(r.Members, p)
		} else {
			r.Members[i].Role = p.Role
		}
	}
	if c.Destroy && !c.Create {
		s.drop(k)
	}
	if s.lose > 0 {
		s.lose--
		s.err = storage.ErrUnavailable
		return s.err
	}
	return nil
}

func (s *Store) drop(k sip.Key) {
	delete(s.rooms, k)
	s.order = slices.DeleteFunc(s.order, func(o sip.Key) bool { return o == k })
}

func clone(r *room.Record) *room.Record {
	if r == nil {
		return nil
	}
	c := *r
	c.Members = slices.Clone(r.Members)
	return &c
}
