// Package storage is what the engine knows of a database: Store, with what it
// promises and the errors that it returns, and Rows, the one place where it is
// judged what rows mean that anybody may have written. sqlstore implements it
// for SQL databases, storagetest for tests.
//
// It knows the types of package room in which rows are handed over, packages
// sip and log, and the standard library.
package storage

import (
	"context"
	"errors"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// Errors of a Store. Of a call that ends with one of them nothing is in the
// database, but for ErrDoubtful.
var (
	// ErrConflict: another node changed the room first (a unique key decided);
	// the caller decides again on the new state.
	ErrConflict = errors.New("room changed meanwhile")
	// ErrUnavailable: there is no connection to the database.
	ErrUnavailable = errors.New("database unavailable")
	// ErrTimeout: the database did not answer in time. That may be due to one
	// room; Probe tells.
	ErrTimeout = errors.New("database did not answer in time")
	// ErrLocked: another transaction held the room's rows for too long, or all
	// connections were in use.
	ErrLocked = errors.New("rows are locked")
	// ErrReadOnly: the server takes no changes.
	ErrReadOnly = errors.New("database is read-only")
	// ErrFull: the server has no space for changes.
	ErrFull = errors.New("database is full")
	// ErrDenied: the account has no right to do this.
	ErrDenied = errors.New("database denies the right")
	// ErrDoubtful: the answer to a commit got lost, the change may or may not
	// be in the database, now or later.
	ErrDoubtful = errors.New("database did not confirm the change")
	// ErrValue: the database cannot hold a value, or takes it for another one.
	ErrValue = errors.New("value not accepted by the database")
	// ErrSchema: a table is missing or has another version; names both.
	ErrSchema = errors.New("schema mismatch")
	// ErrRefused: the database refused for another reason.
	ErrRefused = errors.New("refused by the database")
)

// Store keeps rooms and members in a database. Rooms and members are
// identified by Key (letters' case does not count, whatever the collation);
// rows are given back in the case in which they were written. All methods are
// safe for concurrent use and return when ctx is done. Errors wrap one of the
// errors above; their texts never hold a password.
//
// Whatever the rows hold, what a Store hands out is clean: rooms and members
// are Usable, each comes once, no member comes without its room, and flags are
// known. A row that is not so harms nothing but itself: it is left out, or
// taken as far as it makes sense, is left in the database as it is, and is
// reported once.
type Store interface {
	// Load reads everything with one scan per table: first all rooms, then
	// all members in the order of their ids. It reports odd rows through note.
	// It first waits, for a bounded time, for what an earlier life of this
	// server may have left running in the database.
	Load(ctx context.Context, addRoom func(a sip.Address, private bool), addMember func(k sip.Key, m room.Member), note func(log.Note)) error

	// Commit writes c in one transaction.
	Commit(ctx context.Context, c *room.Change) error

	// Update is the read-decide-write of several nodes on one database: it
	// locks the room's row, hands decide the room as it stands (nil: there is
	// none), writes what decide returns (nil or empty: nothing) and commits.
	// decide may be called again after a deadlock or a conflict; its last
	// call is the one that counts.
	Update(ctx context.Context, k sip.Key, decide func(*room.Record) *room.Change) error

	// Settle is Update for a room of which a change may still be on its way
	// into the database (ErrDoubtful): it waits for that, so that decide sees
	// what came of it.
	Settle(ctx context.Context, k sip.Key, decide func(*room.Record) *room.Change) error

	// Fetch reads the rooms with these keys, with one query however many there
	// are. Rooms that do not exist are left out.
	Fetch(ctx context.Context, rooms []sip.Key) (map[sip.Key]*room.Record, error)

	// List reads all rooms, ordered by id: their addresses and privacy.
	List(ctx context.Context) ([]room.Info, error)

	// RoomsOf returns the rooms in which a user is a member, not merely
	// invited.
	RoomsOf(ctx context.Context, user sip.Key) ([]sip.Key, error)

	// Probe tries whether changes can be committed, without making one. It
	// touches no room, and waits for none.
	Probe(ctx context.Context) error

	// Close ends all connections.
	Close() error
}
