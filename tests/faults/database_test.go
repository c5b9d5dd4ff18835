package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // a second client of the files

	"kamailio-imc/tests/testdb"
)

// backend is a kind of database.
type backend struct {
	name string
	// server gives a server: one for this run alone, or the one that runs
	// share. It ends with the tests.
	server func(tb testing.TB, own bool) dbServer
}

// dbServer is a database server, or a folder of SQLite files.
type dbServer interface {
	// database makes an empty database for a Kamailio, with an account that
	// has no rights beyond it.
	database(tb testing.TB, l *line) *database
}

var (
	mariaDB    = backend{"MariaDB", mariaServer}
	postgreSQL = backend{"PostgreSQL", postgresServer}
	sqlite     = backend{"SQLite", func(testing.TB, bool) dbServer { return files{} }}
	servers    = []backend{mariaDB, postgreSQL}
	all        = []backend{mariaDB, postgreSQL, sqlite}
)

// database is the tables of one Kamailio.
type database struct {
	name   string
	url    string  // db_url
	user   string  // the module's account
	sql    *sql.DB // of an administrator
	bridge *bridge // nil unless the line has one
}

// exec executes statements as an administrator.
func (d *database) exec(tb testing.TB, statements ...string) {
	tb.Helper()
	for _, s := range statements {
		_, err := d.sql.ExecContext(context.Background(), s)
		require.NoError(tb, err, s)
	}
}

// fill makes the room chat-big of so many members.
func (d *database) fill(tb testing.TB, members int) {
	tb.Helper()
	if members == 0 {
		return
	}
	var rows []string
	for i := range members {
		flag := 0
		if i == 0 {
			flag = 1 // the owner
		}
		rows = append(rows, fmt.Sprintf("('big%d', '%s', '%s', %d)", i, domain, uri("chat-big"), flag))
	}
	d.exec(tb, "INSERT INTO imc_rooms (name, domain, flag) VALUES ('chat-big', '"+domain+"', 0)",
		"INSERT INTO imc_members (username, domain, room, flag) VALUES "+strings.Join(rows, ", "))
}

// password of the accounts of runs.
const password = "narrow"

var databases atomic.Int64

// account makes up the names of a database and of its user.
func (d *database) account(port int, scheme string, l *line, tb testing.TB) {
	tb.Helper()
	d.name = fmt.Sprintf("fault%d", databases.Add(1))
	d.user = d.name
	if l.bridge {
		d.bridge = newBridge(tb, port)
		port = d.bridge.Addr().(*net.TCPAddr).Port
	}
	d.url = fmt.Sprintf("%s://%s:%s@127.0.0.1:%d/%s", scheme, d.user, password, port, d.name)
}

// maria is a MariaDB.
type maria struct{ *testdb.MariaDB }

// The servers that runs share.
var (
	sharedMaria    = sync.OnceValues(func() (*testdb.MariaDB, error) { return testdb.NewMariaDB() })
	sharedPostgres = sync.OnceValues(testdb.NewPostgreSQL)
	sharedUsed     struct {
		sync.Mutex
		close []func() error
	}
)

func mariaServer(tb testing.TB, own bool) dbServer {
	tb.Helper()
	if own {
		return maria{testdb.StartMariaDB(tb)}
	}
	m, err := sharedMaria()
	require.NoError(tb, err)
	share(m.Close)
	tb.Cleanup(func() { m.ShowLog(tb) })
	return maria{m}
}

func (m maria) database(tb testing.TB, l *line) *database {
	tb.Helper()
	d := &database{}
	d.account(m.Port, "mysql", l, tb)
	require.NoError(tb, m.CreateDatabase(d.name, "", testdb.ProjectFile("sql/imc-create.sql")))
	require.NoError(tb, m.Exec("",
		fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s'", d.user, password),
		// rights of tables, since those of databases stay with a session
		fmt.Sprintf("GRANT SELECT ON `%s`.version TO '%s'@'%%'", d.name, d.user),
		fmt.Sprintf("GRANT ALL ON `%s`.imc_rooms TO '%s'@'%%'", d.name, d.user),
		fmt.Sprintf("GRANT ALL ON `%s`.imc_members TO '%s'@'%%'", d.name, d.user)))
	d.sql = m.Open(d.name)
	tb.Cleanup(func() { _ = d.sql.Close() })
	return d
}

// postgres is a PostgreSQL.
type postgres struct{ *testdb.PostgreSQL }

func postgresServer(tb testing.TB, own bool) dbServer {
	tb.Helper()
	if own {
		return postgres{testdb.StartPostgreSQL(tb)}
	}
	p, err := sharedPostgres()
	require.NoError(tb, err)
	share(p.Close)
	tb.Cleanup(func() { p.ShowLog(tb) })
	return postgres{p}
}

func (p postgres) database(tb testing.TB, l *line) *database {
	tb.Helper()
	d := &database{}
	d.account(p.Port, "postgres", l, tb)
	require.NoError(tb, p.CreateDatabase(d.name, testdb.ProjectFile("sql/imc-create-postgres.sql")))
	d.sql = p.Open(d.name)
	tb.Cleanup(func() { _ = d.sql.Close() })
	d.exec(tb, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", d.user, password),
		"GRANT ALL ON ALL TABLES IN SCHEMA public TO "+d.user,
		"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO "+d.user)
	return d
}

// files are SQLite's.
type files struct{}

func (files) database(tb testing.TB, _ *line) *database {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "imc.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	text, err := os.ReadFile(testdb.ProjectFile("sql/imc-create-sqlite.sql"))
	require.NoError(tb, err)
	d := &database{url: "sqlite://" + path, sql: db}
	d.exec(tb, string(text))
	return d
}

// share has a shared server ended at the end, once.
func share(end func() error) {
	sharedUsed.Lock()
	defer sharedUsed.Unlock()
	sharedUsed.close = append(sharedUsed.close, end)
}

func closeServers() (err error) {
	sharedUsed.Lock()
	defer sharedUsed.Unlock()
	for _, end := range sharedUsed.close {
		if e := end(); e != nil && !strings.Contains(e.Error(), "already closed") {
			err = errors.Join(err, e)
		}
	}
	return err
}

// Injectors.

// killed ends the server as kill -9 does.
func killed(r *run) func() {
	server := r.server.(interface {
		Kill() error
		Start() error
	})
	require.NoError(r.t, server.Kill())
	return func() { require.NoError(r.t, server.Start()) }
}

// hangs stops the server without ending it.
func hangs(r *run) func() {
	server := r.server.(interface {
		Pause() error
		Resume() error
	})
	require.NoError(r.t, server.Pause())
	lift := sync.OnceFunc(func() { require.NoError(r.t, server.Resume()) })
	r.t.Cleanup(lift)
	return lift
}

// statements executes some on each database when the fault begins, and some
// when it ends; {user} is the module's account, {database} its database.
func statements(begin, end map[string][]string) func(r *run) func() {
	return func(r *run) func() {
		do := func(list map[string][]string) {
			for _, s := range r.scenes {
				for _, text := range list[r.kind()] {
					s.db.exec(r.t, strings.NewReplacer("{user}", s.db.user, "{database}", s.db.name).Replace(text))
				}
			}
		}
		do(begin)
		return func() { do(end) }
	}
}

func (r *run) kind() string {
	switch r.server.(type) {
	case maria:
		return "MariaDB"
	case postgres:
		return "PostgreSQL"
	}
	return "SQLite"
}

// holds has another session hold locks until the fault is over: those of rows,
// not those of the gaps between them.
func holds(begin string, locks ...string) func(r *run) func() {
	return func(r *run) func() {
		var ends []func()
		for _, s := range r.scenes {
			ctx := context.Background()
			conn, err := s.db.sql.Conn(ctx)
			require.NoError(r.t, err)
			first := []string{begin}
			if r.kind() == "MariaDB" {
				first = []string{"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", begin}
			}
			for _, q := range append(first, locks...) {
				_, err := conn.ExecContext(ctx, q)
				require.NoError(r.t, err, q)
			}
			ends = append(ends, func() {
				_, err := conn.ExecContext(ctx, "ROLLBACK")
				require.NoError(r.t, errors.Join(err, conn.Close()))
			})
		}
		return func() {
			for _, end := range ends {
				end()
			}
		}
	}
}

// full has the server say what it says when there is no space left: a disk
// cannot be filled without root, and a MariaDB whose table space is really full
// may not even drop a table any more.
var full = statements(map[string][]string{
	"MariaDB": {
		"CREATE TRIGGER no_space_r BEFORE INSERT ON imc_rooms FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'",
		"CREATE TRIGGER no_space_m BEFORE INSERT ON imc_members FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'",
	},
	"PostgreSQL": {
		"CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$",
		"CREATE TRIGGER no_space BEFORE INSERT ON imc_rooms FOR EACH ROW EXECUTE FUNCTION no_space()",
		"CREATE TRIGGER no_space BEFORE INSERT ON imc_members FOR EACH ROW EXECUTE FUNCTION no_space()",
	},
}, map[string][]string{
	"MariaDB":    {"DROP TRIGGER no_space_r", "DROP TRIGGER no_space_m"},
	"PostgreSQL": {"DROP TRIGGER no_space ON imc_rooms", "DROP TRIGGER no_space ON imc_members"},
})

// bridges does something with the bridge of each database.
func bridges(begin, end func(b *bridge)) func(r *run) func() {
	return func(r *run) func() {
		for _, s := range r.scenes {
			begin(s.db.bridge)
		}
		return func() {
			for _, s := range r.scenes {
				end(s.db.bridge)
			}
		}
	}
}

// locked sends commands and texts to the room whose rows are locked.
func locked(s *scene) {
	began := time.Now()
	rc, says := s.command(s.ctx, "big2", "chat-big", "#leave")
	took := time.Since(began)
	if !strings.HasPrefix(rc, "-") || took > waits+s.probe.slack() {
		s.t.Errorf("db_mode %d: #leave of the locked room: %s %q after %v", s.mode, rc, says, took)
	}
	began = time.Now()
	bigTexts(1, 100, waits)(s)
	if took := time.Since(began); took > quick+s.probe.slack() {
		s.t.Errorf("db_mode %d: a text in the locked room took %v", s.mode, took)
	}
}

// calm sees at the end of a fault that the log has not filled with an outage
// that begins and ends again and again.
func calm(s *scene) {
	time.Sleep(usual)
	if lines := s.LogLines(`(ERROR|NOTICE): imc .*(database does not answer|answers again)`); len(lines) > 2 {
		s.t.Errorf("db_mode %d: %d lines of an outage, the first: %s", s.mode, len(lines), strings.Join(lines[:4], "\n"))
	}
}
