package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/engine/storage/storagetest"
)

// fault is what goes wrong with one use of a faultyStore.
type fault struct {
	name    string
	err     error
	applied bool // the write takes effect all the same
	read    bool // a reading of rooms fails, not a write
}

var errFull = errors.New("the table is full")

// writeFaults are what may become of a write. A conflict is no failure: the
// command is decided again.
var writeFaults = []fault{
	{name: "not written, no answer", err: storage.ErrUnavailable},
	{name: "not committed, no answer to the commit", err: storage.ErrDoubtful},
	{name: "committed, no answer to the commit", err: storage.ErrDoubtful, applied: true},
	{name: "refused", err: errFull},
	{name: "a value refused", err: storage.ErrValue},
	{name: "another node was first", err: storage.ErrConflict},
	{name: "a reading refused", err: errFull, read: true},
}

// faultyStore lets one use of a Store fail, and tells whether it did.
type faultyStore struct {
	*storagetest.Store
	mu    sync.Mutex
	next  *fault // of the next write or read
	fired *fault
}

// arm lets the next use of the fault's kind meet it.
func (s *faultyStore) arm(f *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = f
}

// disarm takes a fault back that nobody met, and gives the one that was met.
func (s *faultyStore) disarm() *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	fired := s.fired
	s.next, s.fired = nil, nil
	return fired
}

// meet gives the fault that is waiting for a use of this kind.
func (s *faultyStore) meet(read bool) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.next
	if f == nil || f.read != read {
		return nil
	}
	s.next, s.fired = nil, f
	return f
}

// waits gives the fault that the next write will meet, nil if there is none.
func (s *faultyStore) waits() *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil || s.next.read {
		return nil
	}
	return s.next
}

func (f *fault) wrapped() error { return fmt.Errorf("%w (%s)", f.err, f.name) }

// Commit implements storage.Store.
func (s *faultyStore) Commit(ctx context.Context, c *room.Change) error {
	f := s.meet(false)
	if f == nil {
		return s.Store.Commit(ctx, c)
	}
	if f.applied {
		if err := s.Store.Commit(ctx, c); err != nil {
			return err
		}
	}
	return f.wrapped()
}

// Update implements storage.Store.
func (s *faultyStore) Update(ctx context.Context, k sip.Key, decide func(*room.Record) *room.Change) error {
	f := s.waits()
	if f == nil {
		return s.Store.Update(ctx, k, decide)
	}
	var made *room.Change
	err := s.Store.Update(ctx, k, func(rec *room.Record) *room.Change {
		made = decide(rec)
		if !f.applied {
			return nil
		}
		return made
	})
	if err != nil {
		return err
	}
	// what commits nothing cannot be in doubt
	if errors.Is(f.err, storage.ErrDoubtful) && (made == nil || made.Empty()) {
		return nil
	}
	return s.meet(false).wrapped()
}

// Fetch implements storage.Store.
func (s *faultyStore) Fetch(ctx context.Context, keys []sip.Key) (map[sip.Key]*room.Record, error) {
	if f := s.meet(true); f != nil {
		return nil, f.wrapped()
	}
	return s.Store.Fetch(ctx, keys)
}
