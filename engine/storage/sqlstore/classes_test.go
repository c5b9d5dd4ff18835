package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/tests/testdb"
)

// troubled is a server of its own, which a test may put into any state.
type troubled struct {
	kind string
	url  string
	root *sql.DB // past the store, as who may do everything
	s    *Store
	my   *testdb.MariaDB
	pg   *testdb.PostgreSQL
	path string
}

func trouble(t *testing.T, kind string) *troubled {
	t.Helper()
	tr := &troubled{kind: kind}
	switch kind {
	case "MariaDB":
		tr.my = testdb.StartMariaDB(t)
		require.NoError(t, tr.my.CreateDatabase("imc", "", testFiles(kind)...))
		// An account like that of an operator: ALL would let it write to a
		// server that is read-only.
		require.NoError(t, tr.my.Exec("", "CREATE USER plain@'%' IDENTIFIED BY 'x'",
			"GRANT SELECT, INSERT, UPDATE, DELETE ON imc.* TO plain@'%'"))
		tr.url, tr.root = fmt.Sprintf("mysql://plain:x@127.0.0.1:%d/imc", tr.my.Port), tr.my.Open("imc")
	case "PostgreSQL":
		tr.pg = testdb.StartPostgreSQL(t)
		require.NoError(t, tr.pg.CreateDatabase("imc", testFiles(kind)...))
		require.NoError(t, tr.pg.Exec("imc", "CREATE USER plain PASSWORD 'x'",
			"GRANT SELECT, INSERT, UPDATE, DELETE ON imc_rooms, imc_members TO plain", "GRANT SELECT ON version TO plain",
			"GRANT USAGE ON imc_rooms_id_seq, imc_members_id_seq TO plain"))
		tr.url, tr.root = fmt.Sprintf("postgres://plain:x@127.0.0.1:%d/imc", tr.pg.Port), tr.pg.Open("imc")
	default:
		tr.path = filepath.Join(t.TempDir(), "imc.db")
		tr.url = "sqlite://" + tr.path
	}
	s, _, err := Open(within(t, 20*time.Second), Config{URL: tr.url, Mode: storage.ModeDatabase})
	require.NoError(t, err)
	tr.s = s
	if tr.root == nil {
		tr.root, err = sql.Open("sqlite", tr.path+"?_pragma=busy_timeout(10000)")
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		assert.NoError(t, s.Close())
		_ = tr.root.Close() // its server may have been ended
	})
	for _, name := range []string{"room@h.com", "other@h.com"} {
		require.NoError(t, tr.write(&room.Change{Room: addr(name), Create: true, Put: []room.Member{member("a@b.com", room.RoleOwner)}}))
	}
	return tr
}

func (tr *troubled) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := tr.root.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
}

// write writes a change as a command of mode 2 does.
func (tr *troubled) write(c *room.Change) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return tr.s.Update(ctx, c.Room.Key(), func(*room.Record) *room.Change { return c })
}

// commit writes a change as a command of mode 1 does.
func (tr *troubled) commit(c *room.Change) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return tr.s.Commit(ctx, c)
}

// waiting is how many transactions wait for a lock of another.
func (tr *troubled) waiting(t *testing.T) (n int) {
	t.Helper()
	query := "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
	if tr.kind == "PostgreSQL" {
		query = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted"
	}
	require.NoError(t, tr.root.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

// session is a connection past the store with a transaction.
func (tr *troubled) session(t *testing.T, statements ...string) *sql.Conn {
	t.Helper()
	conn, err := tr.root.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	for _, s := range statements {
		_, err := conn.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
	return conn
}

func joins(name, user string) *room.Change {
	return &room.Change{Room: addr(name), Put: []room.Member{member(user, room.RoleMember)}}
}

func eachServer(t *testing.T, test func(t *testing.T, tr *troubled)) {
	t.Helper()
	for _, kind := range []string{"MariaDB", "PostgreSQL", "SQLite"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, trouble(t, kind))
		})
	}
}

// TestClasses makes the kinds of failure happen for real, one after the other.
// Each is known for what it is, on the way of mode 1 and on that of mode 2, and
// is over as soon as its cause is.
func TestClasses(t *testing.T) {
	eachServer(t, func(t *testing.T, tr *troubled) {
		n := 0
		user := func() string { n++; return fmt.Sprintf("u%d@b.com", n) }
		fails := func(want error, name string) {
			t.Helper()
			assert.ErrorIs(t, tr.write(joins(name, user())), want)
			assert.ErrorIs(t, tr.commit(joins(name, user())), want)
		}
		works := func(name string) {
			t.Helper()
			assert.NoError(t, tr.write(joins(name, user())))
			assert.NoError(t, tr.commit(joins(name, user())))
			assert.NoError(t, tr.s.Probe(within(t, 3*time.Second)))
		}
		probe := func() error { return tr.s.Probe(within(t, 3*time.Second)) }
		works("room@h.com")

		// Locked: one room's rows, and nobody else's.
		if tr.kind != "SQLite" {
			other := tr.session(t, "BEGIN", "SELECT * FROM imc_rooms WHERE name = 'room' FOR UPDATE")
			assert.ErrorIs(t, tr.write(joins("room@h.com", user())), storage.ErrLocked)
			works("other@h.com")
			_, err := tr.s.Fetch(within(t, time.Second), []sip.Key{"room@h.com"})
			assert.NoError(t, err, "readers do not wait for it")
			_, err = other.ExecContext(t.Context(), "ROLLBACK")
			require.NoError(t, err)
		} else {
			other := tr.session(t, "BEGIN IMMEDIATE")
			fails(storage.ErrLocked, "room@h.com")
			assert.ErrorIs(t, probe(), storage.ErrLocked)
			_, err := other.ExecContext(t.Context(), "ROLLBACK")
			require.NoError(t, err)
		}
		works("room@h.com")

		// Values and rows that are there already.
		if tr.kind != "SQLite" {
			long := strings.Repeat("x", 65) + "@b.com"
			assert.ErrorIs(t, tr.write(joins("room@h.com", long)), storage.ErrValue)
			assert.ErrorIs(t, tr.commit(joins("room@h.com", long)), storage.ErrValue)
		}
		assert.ErrorIs(t, tr.commit(&room.Change{Room: addr("room@h.com"), Create: true}), storage.ErrConflict)

		// Read-only.
		readOnly, writable := "SET GLOBAL read_only=1", "SET GLOBAL read_only=0"
		switch tr.kind {
		case "PostgreSQL":
			readOnly, writable = "ALTER DATABASE imc SET default_transaction_read_only = on", "ALTER DATABASE imc RESET default_transaction_read_only"
			tr.s.renew(t.Context()) // it holds for new connections
			tr.exec(t, readOnly)
			tr.s.db.SetMaxIdleConns(0)
			tr.s.db.SetMaxIdleConns(maxIdleConns)
		case "SQLite":
			readOnly, writable = "", ""
		default:
			tr.exec(t, readOnly)
		}
		if readOnly != "" {
			fails(storage.ErrReadOnly, "room@h.com")
			assert.ErrorIs(t, probe(), storage.ErrReadOnly)
			_, err := tr.s.Fetch(within(t, time.Second), []sip.Key{"room@h.com"})
			assert.NoError(t, err)
			if tr.kind == "PostgreSQL" {
				tr.session(t, "SET default_transaction_read_only = off", writable)
			} else {
				tr.exec(t, writable)
			}
			works("room@h.com")
		}

		// No rights.
		if tr.kind != "SQLite" {
			from := "plain"
			table := "imc_members"
			if tr.kind == "MariaDB" {
				from, table = "plain@'%'", "imc.*"
			}
			tr.exec(t, "REVOKE INSERT ON "+table+" FROM "+from)
			if tr.kind == "MariaDB" {
				tr.s.renew(t.Context()) // rights on databases hold for new sessions
			}
			fails(storage.ErrDenied, "room@h.com")
			assert.ErrorIs(t, probe(), storage.ErrDenied)
			tr.exec(t, "GRANT INSERT ON "+table+" TO "+from)
			tr.s.renew(t.Context())
			works("room@h.com")
		}

		// Schema.
		tr.exec(t, "ALTER TABLE imc_members RENAME TO gone_members")
		fails(storage.ErrSchema, "room@h.com")
		assert.ErrorIs(t, probe(), storage.ErrSchema)
		tr.exec(t, "ALTER TABLE gone_members RENAME TO imc_members")
		works("room@h.com")

		// Gone.
		switch tr.kind {
		case "MariaDB":
			require.NoError(t, tr.my.Stop())
			fails(storage.ErrUnavailable, "room@h.com")
			assert.ErrorIs(t, probe(), storage.ErrUnavailable)
			require.NoError(t, tr.my.Start())
			works("room@h.com")
		case "PostgreSQL":
			require.NoError(t, tr.pg.Stop())
			fails(storage.ErrUnavailable, "room@h.com")
			assert.ErrorIs(t, probe(), storage.ErrUnavailable)
			require.NoError(t, tr.pg.Start())
			works("room@h.com")
		default:
			path := filepath.Join(t.TempDir(), "other.db")
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600))
			_, _, err := Open(within(t, 5*time.Second), Config{URL: "sqlite://" + path, Mode: storage.ModeDatabase})
			assert.ErrorIs(t, err, storage.ErrUnavailable)
		}
	})
}
