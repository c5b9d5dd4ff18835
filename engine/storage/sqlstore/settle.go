package sqlstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"kamailio-imc/engine/log"
)

// Bounds of waiting for what an earlier life of the server left running.
const (
	fenceTold = 2 * time.Second  // after which the log says why the start waits
	fenceTime = 15 * time.Second // in all
)

// named puts the tables' names into a statement of the dialect.
func (s *Store) named(statement string) string {
	return fmt.Sprintf(statement, s.rooms.quoted, s.members.quoted)
}

// fence waits until no transaction has rows of the tables in hand: an engine
// that was killed may have left a COMMIT behind, which takes effect whenever
// the server gets to it. Who holds rows for longer than fenceTime is told and
// waited for no more.
func (s *Store) fence(ctx context.Context, note func(log.Note)) error {
	if len(s.d.fence) == 0 {
		return nil // a transaction of SQLite ends with its process
	}
	start := ctx
	ctx, cancel := context.WithTimeout(ctx, fenceTime)
	defer cancel()
	began, told := time.Now(), false
	for attempt := 0; ; attempt++ {
		err := s.once(ctx, func(t *tx) error {
			for _, statement := range s.d.fence {
				var n int
				if err := t.query(func(rows *sqlx.Rows) error { return rows.Scan(&n) }, s.named(statement)); err != nil {
					return err
				}
			}
			return errNothing // nothing is to be committed
		})
		c := classOf(err)
		switch {
		case err == errNothing: //nolint:errorlint // it is handed through as it is
			return nil
		case c == classReadOnly || c == classDenied:
			return nil // nothing is committed here, or nothing can be locked
		case start.Err() != nil || c != classLocked && c != classConflict && ctx.Err() == nil:
			return fail(start, "load the rooms", err, classUnknown)
		case ctx.Err() != nil:
			note(log.Note{Level: log.Warning, Text: fmt.Sprintf(
				"%s: rows of %s or %s are still locked by another session after %v: what it commits later is not known here"+
					" until the next start", s.src, s.rooms.name, s.members.name, time.Since(began).Round(time.Second))})
			return nil
		case !told && time.Since(began) > fenceTold:
			told = true
			note(log.Note{Level: log.Notice, Text: fmt.Sprintf(
				"%s: waiting for changes of %s and %s that another session has not committed yet", s.src, s.rooms.name, s.members.name)})
		}
		wait(ctx, attempt)
	}
}

// Probe implements storage.Store.
func (s *Store) Probe(ctx context.Context) error {
	// No two probes, of whatever node, meet in a unique key.
	user := rand.Text()
	err := s.probe(ctx, user)
	if c := classOf(err); err != nil && (c == classGone || c == classReadOnly) {
		s.renew(ctx)
		if wait(ctx, 0) {
			err = s.probe(ctx, user)
		}
	}
	if err != nil {
		return fail(ctx, "write", err, classUnknown)
	}
	return nil
}

// probe inserts a row, deletes it and commits, on a connection beside those
// that may be waiting for locks.
func (s *Store) probe(ctx context.Context, user string) error {
	return s.transaction(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO "+s.members.quoted+" (username, domain, room, flag) VALUES (?, 'imc.invalid', 'sip:probe@imc.invalid', 0)", user)
		if err != nil {
			return err
		}
		_, err = t.exec("DELETE FROM "+s.members.quoted+" WHERE username = ? AND domain = 'imc.invalid' AND room = 'sip:probe@imc.invalid'", user)
		return err
	})
}
