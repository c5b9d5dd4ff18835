package sqlstore

import (
	"context"
	"strings"
)

// dialect is what differs between the databases.
type dialect struct {
	name      string
	quoteMark string
	begin     string // starts a transaction that writes
	lock      string // ends a SELECT that locks its rows
	ignore    string // ends an INSERT that is to leave a duplicate alone, "" if the error says it

	// fold returns an expression of a column that equals a key in lower case
	// if the column does without regard to case. It may be true for more rows
	// (accents, letters beyond ASCII): who reads compares the keys once more.
	fold func(column string) string

	// mark stands for a key in a statement that compares it with fold.
	mark string

	// unique: the unique keys of the tables hold for keys, not only for the
	// exact case, so that one INSERT decides who is first.
	unique bool

	// exact: fold is true for the rows of the key only, or the unique keys make
	// it so: statements may name rows by it without reading them first.
	exact bool

	// lockKey locks a room's key even if there is no row of it, until the end
	// of the transaction; nil where the unique key or the database's own lock
	// decides. It takes the key as its parameter.
	lockKey string

	// galera: other nodes of a cluster see no locks, only changed rows.
	galera bool

	// writers is how many transactions may write at once.
	writers int

	// settle is executed first in a transaction that has to wait for changes
	// which are still being committed, with the tables' names for %[1]s (rooms)
	// and %[2]s (members); "" where lockMembers does that.
	settle string

	// lockMembers ends a SELECT of members that waits for such changes.
	lockMembers string

	// fence are statements that wait for all such changes of the tables, named
	// as in settle. They change nothing.
	fence []string

	// retries bounds how often a transaction is tried again after a deadlock
	// or a lock that was not had in time.
	retries int

	// inspect reads what the tables are like into s.d and the tables' columns
	// and returns the statements that make missing indexes.
	inspect func(ctx context.Context, s *Store) (missing []string, err error)
}

// table is a table with the name the operator gave it.
type table struct {
	name    string
	quoted  string
	columns map[string]bool // found by dialect.inspect
}

// quote quotes a table name that validTable accepted; a dot in it separates a
// schema.
func (d *dialect) quote(name string) string {
	return d.quoteMark + strings.ReplaceAll(name, ".", d.quoteMark+"."+d.quoteMark) + d.quoteMark
}

// validTable reports whether a name may stand in a statement.
func validTable(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$") != "" {
			return false
		}
	}
	return strings.Count(name, ".") <= 1
}
