package conversation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"kamailio-imc/tests/testdb"
)

// The MariaDB that all conversations share, each with a database of its own.
// It is started for the first of them.
var (
	mariadb      = sync.OnceValues(func() (*testdb.MariaDB, error) { return testdb.NewMariaDB() })
	mariadbUsed  atomic.Bool
	databaseName atomic.Int64
)

// closeDatabases ends the MariaDB, if there is one.
func closeDatabases() error {
	if !mariadbUsed.Load() {
		return nil
	}
	m, err := mariadb()
	if err != nil {
		return err
	}
	return m.Close()
}

// database is a database with Kamailio's tables of imc.
type database struct {
	url string // as db_url wants it
	db  *sql.DB
}

// upgrade is what our documents have an operator do to Kamailio's own tables
// before db_mode 2.
const upgrade = "ALTER TABLE imc_members ADD INDEX room_idx (room)"

func newDatabase(tb testing.TB, rows []string, upgraded bool) *database {
	tb.Helper()
	mariadbUsed.Store(true)
	m, err := mariadb()
	if err != nil {
		tb.Fatalf("MariaDB: %v", err)
	}
	name := fmt.Sprintf("conversation%d", databaseName.Add(1))
	if err := m.CreateDatabase(name, "", testdb.StockFiles()...); err != nil {
		tb.Fatalf("database %s: %v", name, err)
	}
	d := &database{url: m.URL(name), db: m.Open(name)}
	tb.Cleanup(func() { _ = d.db.Close() })
	if upgraded {
		if _, err := d.db.ExecContext(tb.Context(), upgrade); err != nil {
			tb.Fatalf("%s: %v", upgrade, err)
		}
	}
	for _, r := range rows {
		if err := d.insert(tb.Context(), r); err != nil {
			tb.Fatalf("%s: %v", r, err)
		}
	}
	return d
}

// insert writes a row, given as "room: name, domain, flag" or "member: user,
// domain, room, flag".
func (d *database) insert(ctx context.Context, row string) error {
	table, values, _ := strings.Cut(row, ": ")
	v := strings.Split(values, ", ")
	var err error
	switch {
	case table == "room" && len(v) == 3:
		_, err = d.db.ExecContext(ctx, "INSERT INTO imc_rooms (name, domain, flag) VALUES (?, ?, ?)", v[0], v[1], v[2])
	case table == "member" && len(v) == 4:
		_, err = d.db.ExecContext(ctx, "INSERT INTO imc_members (username, domain, room, flag) VALUES (?, ?, ?, ?)", v[0], v[1], v[2], v[3])
	default:
		err = errors.New("no row of a room or a member")
	}
	return err
}

// rows gives all rows as the step rows writes them.
func (d *database) rows(ctx context.Context) ([]string, error) {
	var out []string
	for _, query := range []string{
		"SELECT concat('room: ', concat_ws(', ', name, domain, flag)) FROM imc_rooms",
		"SELECT concat('member: ', concat_ws(', ', username, domain, room, flag)) FROM imc_members",
	} {
		rows, err := d.db.QueryContext(ctx, query)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var r string
			if err := rows.Scan(&r); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			out = append(out, r)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	return out, nil
}
