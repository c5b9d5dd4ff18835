package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // reads the files that the module writes

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
	"kamailio-imc/tests/testdb"
)

// domain of all users and rooms.
const domain = "chat.test"

// upgrade is the statement by which an operator gives the stock tables of
// MariaDB their index.
const upgrade = "ALTER TABLE imc_members ADD INDEX room_idx (room)"

func uri(name string) string { return "sip:" + name + "@" + domain }

// Servers that tests share, each test with a database of its own. They are
// started for the first test that wants one. Tests that kill a server start
// their own.
var (
	mariadb  = shared[*testdb.MariaDB]{start: func() (*testdb.MariaDB, error) { return testdb.NewMariaDB() }}
	postgres = shared[*testdb.PostgreSQL]{start: testdb.NewPostgreSQL}
	count    atomic.Int64
)

type shared[S server] struct {
	start  func() (S, error)
	once   sync.Once
	server S
	err    error
	used   bool
}

// server is a database server of package testdb.
type server interface {
	ShowLog(tb testing.TB)
	Close() error
}

func (s *shared[S]) get(tb testing.TB) S {
	tb.Helper()
	s.once.Do(func() {
		s.server, s.err = s.start()
		s.used = s.err == nil
	})
	require.NoError(tb, s.err)
	tb.Cleanup(func() { s.server.ShowLog(tb) })
	return s.server
}

func (s *shared[S]) close() error {
	if !s.used {
		return nil
	}
	return s.server.Close()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := errors.Join(mariadb.close(), postgres.close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// soak skips a test that takes long unless it is asked for.
func soak(t *testing.T) {
	t.Helper()
	if os.Getenv("IMC_SOAK") == "" {
		t.Skip("takes long: set IMC_SOAK=1, as make soak does")
	}
}

// tables is a database with the tables of imc.
type tables struct {
	url string // db_url
	db  *sql.DB
	// sessions is a query for the number of the module's connections; "" where
	// there are none.
	sessions string
}

// backends are the databases that the module knows.
var backends = []struct {
	name  string
	fresh func(tb testing.TB) *tables
}{
	{"MariaDB", func(tb testing.TB) *tables {
		tb.Helper()
		return newTables(tb, mariadb.get(tb), "", testdb.ProjectFile("sql/imc-create.sql"))
	}},
	{"PostgreSQL", func(tb testing.TB) *tables {
		tb.Helper()
		p, name := postgres.get(tb), newName()
		require.NoError(tb, p.CreateDatabase(name, testdb.ProjectFile("sql/imc-create-postgres.sql")))
		d := opened(tb, p.URL(name), p.Open(name))
		d.sessions = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = '" + testdb.User + "'"
		return d
	}},
	{"SQLite", func(tb testing.TB) *tables {
		tb.Helper()
		path := filepath.Join(tb.TempDir(), "imc.db") // the module makes it
		db, err := sql.Open("sqlite", "file:"+path+"?mode=rw&_pragma=busy_timeout(5000)")
		require.NoError(tb, err)
		return opened(tb, "sqlite://"+path, db)
	}},
}

func newName() string { return fmt.Sprintf("imc%d", count.Add(1)) }

// newTables makes a database of a MariaDB from files.
func newTables(tb testing.TB, m *testdb.MariaDB, options string, files ...string) *tables {
	tb.Helper()
	name := newName()
	require.NoError(tb, m.CreateDatabase(name, options, files...))
	d := opened(tb, m.URL(name), m.Open(name))
	d.sessions = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND user = '" + testdb.User + "'"
	return d
}

func opened(tb testing.TB, url string, db *sql.DB) *tables {
	tb.Helper()
	tb.Cleanup(func() { _ = db.Close() })
	return &tables{url: url, db: db}
}

// exec executes statements.
func (d *tables) exec(tb testing.TB, statements ...string) {
	tb.Helper()
	for _, s := range statements {
		_, err := d.db.ExecContext(tb.Context(), s)
		require.NoError(tb, err, s)
	}
}

// unused waits until the server has finished what a client asked for that was
// killed: it may be at a commit that nobody waits for any more.
func (d *tables) unused(tb testing.TB) {
	tb.Helper()
	if d.sessions == "" {
		return
	}
	await.Until(tb, 20*time.Second, func() error {
		var n int
		if err := d.db.QueryRowContext(tb.Context(), d.sessions).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("the killed server has %d connections", n)
		}
		return nil
	})
}

// rows are all rows in the order of their ids, as "name@domain flag" and
// "username@domain room flag".
func (d *tables) rows(tb testing.TB) (rooms, members []string) {
	tb.Helper()
	read := func(query string) (out []string) {
		rows, err := d.db.QueryContext(tb.Context(), query)
		require.NoError(tb, err)
		defer func() { require.NoError(tb, rows.Close()) }()
		columns, err := rows.Columns()
		require.NoError(tb, err)
		for rows.Next() {
			v := make([]sql.NullString, len(columns))
			to := make([]any, len(v))
			for i := range v {
				to[i] = &v[i]
			}
			require.NoError(tb, rows.Scan(to...))
			line := v[0].String + "@" + v[1].String
			for _, f := range v[2:] {
				line += " " + f.String
			}
			out = append(out, line)
		}
		require.NoError(tb, rows.Err())
		return out
	}
	return read("SELECT name, domain, flag FROM imc_rooms ORDER BY id"),
		read("SELECT username, domain, room, flag FROM imc_members ORDER BY id")
}

// node is a Kamailio with a farm of users behind its outbound_proxy. It can be
// stopped and started again, perhaps with other options.
type node struct {
	*kamailio.Server
	farm *sipua.Farm
	t    testing.TB
}

// params of the module in a mode with a database.
func (d *tables) params(mode int, more ...map[string]any) map[string]any {
	p := map[string]any{"db_url": d.url, "db_mode": mode}
	for _, m := range more {
		maps.Copy(p, m)
	}
	return p
}

// startNode starts a Kamailio of the case "conversation".
func startNode(tb testing.TB, o kamailio.Options) *node {
	tb.Helper()
	n := &node{farm: sipua.NewFarm(tb, ""), t: tb}
	n.start(o)
	return n
}

// start starts it again, after a Stop or Kill.
func (n *node) start(o kamailio.Options) {
	n.t.Helper()
	if o.Case == "" {
		o.Case = "conversation"
	}
	params := maps.Clone(o.Params)
	if params == nil {
		params = map[string]any{}
	}
	params["outbound_proxy"] = "sip:" + n.farm.Addr()
	o.Params, o.NoTCP = params, true
	n.Server = kamailio.Start(n.t, o)
	require.NoError(n.t, n.farm.Connect(n.Addr))
}

// send sends a text or command of a user and gives the final response, whose
// header X-RC is what imc_manager() returned, and the Call-ID by which answers
// refer to it.
func (n *node) send(ctx context.Context, from, room, body string) (res *sipua.Message, callID string, err error) {
	callID = n.farm.NewCallID()
	res, err = n.farm.Send(ctx, sipua.Request{
		URI: uri(room), From: "<" + uri(from) + ">", CallID: callID, Body: []byte(body),
		Headers: []sipua.Header{{Name: "Content-Type", Value: "text/plain"}},
	})
	return res, callID, err
}

// must sends and fails the test unless imc_manager() returned rc. It gives the
// Call-ID.
func (n *node) must(ctx context.Context, rc, from, room, body string) string {
	n.t.Helper()
	res, callID, err := n.send(ctx, from, room, body)
	require.NoError(n.t, err, "%s to %s: %.60q", from, room, body)
	require.Equal(n.t, rc, res.Get("X-RC"), "%s to %s: %.60q", from, room, body)
	return callID
}

// caused waits for so many MESSAGEs that a request caused, and gives them as
// "user: body".
func (n *node) caused(ctx context.Context, callID string, count int) []string {
	n.t.Helper()
	for have := 0; ; {
		all, err := n.farm.Await(ctx, 0, have)
		have = len(all) + 1
		var out []string
		for _, m := range all {
			if m.Get("In-Reply-To") == callID {
				out = append(out, userOf(m.URI)+": "+string(m.Body))
			}
		}
		if len(out) >= count {
			return out
		}
		require.NoError(n.t, err, "%d of %d MESSAGEs came: %q", len(out), count, out)
	}
}

// answer sends a command and gives the one MESSAGE that answers it.
func (n *node) answer(ctx context.Context, rc, from, room, body string) string {
	n.t.Helper()
	return strings.TrimPrefix(n.caused(ctx, n.must(ctx, rc, from, room, body), 1)[0], from+": ")
}

// talk sends a text and waits until exactly the others have it. The order of
// the recipients does not count.
func (n *node) talk(ctx context.Context, from, room string, others ...string) {
	n.t.Helper()
	text := fmt.Sprintf("text %d", count.Add(1))
	want := make([]string, 0, len(others))
	for _, o := range others {
		want = append(want, o+": ["+from+"]: "+text)
	}
	got := n.caused(ctx, n.must(ctx, "1", from, room, text), len(want))
	require.ElementsMatch(n.t, want, got)
}

func userOf(uri string) string {
	user, _, _ := strings.Cut(strings.TrimPrefix(uri, "sip:"), "@")
	return user
}

// lines of the module's own at a level of the log.
func (n *node) lines(level string) []string { return n.LogLines(level + `: imc `) }

// bounded gives a context that ends before the test's patience does.
func bounded(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), d)
	tb.Cleanup(cancel)
	return ctx
}
