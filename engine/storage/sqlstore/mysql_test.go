package sqlstore

import (
	"context"
	"database/sql/driver"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// A read of MySQL ends when its context does, by its time or by its caller,
// and takes its connection with it.
func TestMySQLReadsEnd(t *testing.T) {
	s := backends()[0].fresh(t).open(t, storage.ModeDatabase)
	over, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	for _, ctx := range []context.Context{within(t, 200*time.Millisecond), over} {
		start := time.Now()
		err := s.query(ctx, "SELECT SLEEP(?)", []any{20}, func(*sqlx.Rows) error { return nil })
		require.ErrorIs(t, err, ctx.Err())
		require.Error(t, err)
		assert.Less(t, time.Since(start), 2*time.Second)
		assert.Zero(t, s.db.Stats().InUse)
		_, err = s.Fetch(within(t, 10*time.Second), []sip.Key{"a@b"})
		require.NoError(t, err)
	}
}

// lost is a query that a server knows no longer.
type lost struct{ driver.StmtQueryContext }

func (lost) QueryContext(context.Context, []driver.NamedValue) (driver.Rows, error) {
	return nil, &mysql.MySQLError{Number: forgotten}
}

// The server parses a query once for a connection. Reading goes on if it
// forgets it, if the table has become another, and if it takes no more.
func TestMySQLParsesOnce(t *testing.T) {
	tr := trouble(t, "MariaDB")
	tr.s.db.SetMaxOpenConns(1)
	count := func(status string) (n int) {
		require.NoError(t, tr.root.QueryRow("SELECT variable_value FROM information_schema.global_status WHERE variable_name = '"+status+"'").Scan(&n))
		return n
	}
	reads := func(keys ...sip.Key) {
		t.Helper()
		for range 3 {
			found, err := tr.s.Fetch(within(t, 10*time.Second), keys)
			require.NoError(t, err)
			require.Len(t, found, len(keys))
		}
	}
	reads("room@h.com")
	parsed, executed := count("com_stmt_prepare"), count("com_stmt_execute")
	reads("other@h.com")
	assert.Equal(t, parsed, count("com_stmt_prepare"))
	assert.Equal(t, executed+3, count("com_stmt_execute"))

	tr.exec(t, "ALTER TABLE imc_members ADD note VARCHAR(10)")
	reads("room@h.com")
	conn, err := tr.s.db.Conn(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Raw(func(c any) error {
		for query, stmt := range c.(*mysqlConn).parsed {
			c.(*mysqlConn).parsed[query] = lost{stmt}
		}
		return nil
	}))
	require.NoError(t, conn.Close())
	reads("room@h.com")
	tr.exec(t, "SET GLOBAL max_prepared_stmt_count = 0")
	reads("room@h.com", "other@h.com")
}
