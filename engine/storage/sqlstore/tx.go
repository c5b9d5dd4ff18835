package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jmoiron/sqlx"

	"kamailio-imc/engine/storage"
)

const (
	// maxLost bounds how often a lost connection is replaced for one request.
	maxLost = 2

	// maxDuplicates bounds how often in a row another's unique key may be met:
	// a room that was created meanwhile is seen the next time, so what keeps
	// coming back is a name that only the database takes for the same. It is
	// large because of rooms that several destroy and create all the time:
	// PostgreSQL, asked for the row of a room that is just being destroyed,
	// waits, and then does not see the one that came in its place.
	maxDuplicates = 10

	// undoTimeout bounds a rollback.
	undoTimeout = time.Second
)

// errInDoubt is joined to the error of a COMMIT whose answer was lost.
var errInDoubt = errors.New("the answer to the commit was lost")

// tx is a transaction on a connection of its own. It is not a sql.Tx, whose
// Commit does not end with the context.
type tx struct {
	s    *Store
	ctx  context.Context
	conn *sqlx.Conn
}

func (t *tx) exec(query string, args ...any) (sql.Result, error) {
	return t.conn.ExecContext(t.ctx, t.s.db.Rebind(query), args...)
}

// query hands each row of a SELECT to f.
func (t *tx) query(f func(*sqlx.Rows) error, query string, args ...any) error {
	return eachRow(t.ctx, t.conn, f, t.s.db.Rebind(query), args...)
}

func (t *tx) get(dest any, query string, args ...any) error {
	return t.conn.GetContext(t.ctx, dest, t.s.db.Rebind(query), args...)
}

// once runs body in one transaction and commits it, or rolls it back if body
// returns an error. Errors are the driver's; errInDoubt is joined if it is not
// known whether the transaction was committed.
func (s *Store) once(ctx context.Context, body func(*tx) error) error {
	leave, err := enter(ctx, s.writers)
	if err != nil {
		return err
	}
	defer leave()
	return s.transaction(ctx, body)
}

// transaction is once without waiting for a place.
func (s *Store) transaction(ctx context.Context, body func(*tx) error) error {
	conn, err := s.db.Connx(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it is the pool's again, or was bad
	return during(ctx, conn, func(ctx context.Context) error {
		t := &tx{s: s, ctx: ctx, conn: conn}
		err := t.run(body)
		if err != nil {
			t.undo(classOf(err) == classReadOnly)
		}
		return err
	})
}

// run begins the transaction, runs body and commits.
func (t *tx) run(body func(*tx) error) error {
	if _, err := t.exec(t.s.d.begin); err != nil {
		return err
	}
	if err := body(t); err != nil {
		return err
	}
	_, err := t.exec("COMMIT")
	if err != nil {
		switch classOf(err) {
		case classGone, classLocked, classUnknown:
			err = errors.Join(err, errInDoubt)
		}
	}
	return err
}

// enter waits for a place among those at work; leave gives it back.
func enter(ctx context.Context, places chan struct{}) (leave func(), err error) {
	leave = func() { <-places }
	select {
	case places <- struct{}{}:
		return leave, nil
	default:
	}
	select {
	case places <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, errQueued
	}
}

// undo rolls back, even if the context is over. A connection that does not
// even do that is thrown away, and so is one that is of no use; the server
// then rolls back by itself.
func (t *tx) undo(useless bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), undoTimeout)
	defer cancel()
	if _, err := t.conn.ExecContext(ctx, "ROLLBACK"); err != nil || useless {
		_ = t.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// transact runs body in a transaction, again and again while that can help:
// after a deadlock, when a lock was not had, when another was first with a
// unique key, when the connection was lost. inDoubt tells body that an earlier run may have been
// committed after all. The error is one of the engine's.
func (s *Store) transact(ctx context.Context, doing string, inDoubt bool,
	body func(t *tx, inDoubt bool) error,
) error {
	var duplicates, lost int
	var seen class
	for attempt := 0; ; attempt++ {
		err := s.once(ctx, func(t *tx) error { return body(t, inDoubt) })
		if err == nil || errors.Is(err, errNothing) {
			return nil
		}
		c := classOf(err)
		inDoubt = inDoubt || errors.Is(err, errInDoubt)
		if c == classDuplicate {
			duplicates++
		} else {
			duplicates = 0
		}
		again := false
		switch c {
		case classConflict, classLocked:
			seen = c
			again = attempt < s.d.retries
		case classDuplicate:
			again = duplicates < maxDuplicates
			if !again {
				return &storeError{storage.ErrValue, fmt.Sprintf("%v: cannot %s: the database takes another name for the same: %s",
					storage.ErrValue, doing, err.Error())}
			}
		case classGone, classReadOnly:
			// A stale connection is replaced at once, and one to a server that
			// has become a replica: its name may mean another one by now. With
			// a commit in doubt only the database can tell, so it is waited for.
			lost++
			again = lost <= maxLost || inDoubt
			s.renew(ctx)
		}
		if again && wait(ctx, attempt) {
			continue
		}
		failed := fail(ctx, doing, err, seen)
		if inDoubt {
			return &storeError{storage.ErrDoubtful, storage.ErrDoubtful.Error() + ": " + failed.Error()}
		}
		return failed
	}
}

// read runs a query, again if its connection turns out to be stale.
func (s *Store) read(ctx context.Context, doing string, query func() error) error {
	leave, err := enter(ctx, s.readers)
	if err != nil {
		return err
	}
	defer leave()
	var seen class
	for attempt := 0; ; attempt++ {
		err := query()
		if err == nil {
			return nil
		}
		c := classOf(err)
		switch c {
		case classGone:
			s.renew(ctx)
		case classLocked, classConflict:
			seen = c
		default:
			return fail(ctx, doing, err, seen)
		}
		if attempt == maxLost || !wait(ctx, attempt) {
			return fail(ctx, doing, err, seen)
		}
	}
}

// renew closes idle connections after one was lost, or gave no answer in time:
// the others are of the same age, and what made a network forget one has made
// it forget them, too. Each would cost its user the whole wait. A caller who
// gave up before the time was over has not shown that they are bad.
func (s *Store) renew(ctx context.Context) {
	if !errors.Is(ctx.Err(), context.Canceled) {
		s.db.SetMaxIdleConns(0)
		s.db.SetMaxIdleConns(maxIdleConns)
	}
}

// wait sleeps a little longer with each attempt, by chance, so that those who
// met do not meet again. It reports whether the context still runs.
func wait(ctx context.Context, attempt int) bool {
	longest := 2 * time.Millisecond << min(attempt, 6)
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(longest))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
