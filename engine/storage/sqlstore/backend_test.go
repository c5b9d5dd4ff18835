package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/tests/testdb"
)

// The servers of all tests in this package.
var (
	mariaDB    *testdb.MariaDB
	postgreSQL *testdb.PostgreSQL
)

func TestMain(m *testing.M) {
	if path := os.Getenv(writerEnv); path != "" {
		fmt.Println("error", writeUntilKilled(path))
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { mariaDB, errs[0] = testdb.NewMariaDB() })
	wg.Go(func() { postgreSQL, errs[1] = testdb.NewPostgreSQL() })
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			fmt.Fprintln(os.Stderr, "no database for the tests:", err)
			code = 1
		}
	}
	if code == 0 {
		code = m.Run()
	}
	if mariaDB != nil {
		if err := mariaDB.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if postgreSQL != nil {
		if err := postgreSQL.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return code
}

// database is an empty database of one kind.
type database struct {
	kind backend
	url  string
	sql  *sql.DB // past the store
}

// backend is a kind of database with a kind of schema.
type backend struct {
	name    string
	folds   bool // the unique keys take accents for the same
	ascii   bool // the tables hold few characters only
	lengths bool // too long values are refused
	create  func(t *testing.T, name string) database
}

func mariaBackend(name, options string, files ...string) backend {
	return backend{name: name, lengths: true, create: func(t *testing.T, db string) database {
		require.NoError(t, mariaDB.CreateDatabase(db, options, files...))
		return database{url: mariaDB.URL(db), sql: mariaDB.Open(db)}
	}}
}

func postgresBackend(name string, files ...string) backend {
	return backend{name: name, lengths: true, create: func(t *testing.T, db string) database {
		require.NoError(t, postgreSQL.CreateDatabase(db, files...))
		return database{url: postgreSQL.URL(db), sql: postgreSQL.Open(db)}
	}}
}

func sqliteBackend(name, file string) backend {
	return backend{name: name, create: func(t *testing.T, _ string) database {
		path := filepath.Join(t.TempDir(), "imc.db")
		db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
		require.NoError(t, err)
		if file != "" {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			_, err = db.Exec(string(text))
			require.NoError(t, err)
		} else { // the store creates its tables
			s, _, err := Open(within(t, 10*time.Second), Config{URL: "sqlite://" + path, Mode: storage.ModeDurable})
			require.NoError(t, err)
			require.NoError(t, s.Close())
		}
		return database{url: "sqlite://" + path, sql: db}
	}}
}

// backends are all databases and schemas that the store has to work with.
func backends() []backend {
	ours, stock := testdb.ProjectFile("sql/imc-create.sql"), testdb.StockFiles()
	list := []backend{
		mariaBackend("MariaDB", "CHARACTER SET latin1", ours),
		mariaBackend("MariaDB_stock", "CHARACTER SET latin1", stock...),
		mariaBackend("MariaDB_stock_utf8_bin", "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", stock...),
		postgresBackend("PostgreSQL", testdb.ProjectFile("sql/imc-create-postgres.sql")),
		postgresBackend("PostgreSQL_stock", "testdata/stock-postgres.sql"),
		sqliteBackend("SQLite", ""),
		sqliteBackend("SQLite_stock", "testdata/stock-sqlite.sql"),
	}
	list[0].folds = true
	list[1].folds, list[1].ascii = true, false
	return list
}

// eachBackend runs a test with an empty database of each kind.
func eachBackend(t *testing.T, test func(t *testing.T, db database)) {
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			test(t, b.fresh(t))
		})
	}
}

// fresh makes an empty database.
func (b backend) fresh(t *testing.T) database {
	name := strings.ToLower(strings.NewReplacer("/", "_", "#", "_").Replace(t.Name()))
	if len(name) > 60 {
		name = name[len(name)-60:]
	}
	db := b.create(t, name)
	db.kind = b
	t.Cleanup(func() { require.NoError(t, db.sql.Close()) })
	return db
}

// open opens a store on the database.
func (db database) open(t *testing.T, mode storage.Mode) *Store {
	t.Helper()
	s, _ := db.openNoted(t, Config{Mode: mode})
	return s
}

func (db database) openNoted(t *testing.T, cfg Config) (*Store, []log.Note) {
	t.Helper()
	cfg.URL = db.url
	s, notes, err := Open(within(t, 10*time.Second), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, notes
}

// exec executes statements past the store.
func (db database) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := db.sql.Exec(s)
		require.NoError(t, err, s)
	}
}

// rows returns the tables past the store, in the order of the ids: rooms as
// "name@domain flag", members as "user@domain room flag".
func (db database) rows(t *testing.T) (rooms, members []string) {
	t.Helper()
	read := func(query string) (lines []string) {
		rows, err := db.sql.Query(query)
		require.NoError(t, err)
		for rows.Next() {
			var a, b, c string
			var flag int
			require.NoError(t, rows.Scan(&a, &b, &c, &flag))
			lines = append(lines, strings.ReplaceAll(fmt.Sprintf("%s@%s %s %d", a, b, c, flag), "  ", " "))
		}
		require.NoError(t, rows.Err())
		return lines
	}
	return read("SELECT name, domain, '', flag FROM imc_rooms ORDER BY id"),
		read("SELECT username, domain, room, flag FROM imc_members ORDER BY id")
}

// within returns a context for a part of a test.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// addr reads "user@host".
func addr(s string) sip.Address {
	user, host := split(sip.Key(s))
	return sip.Address{User: user, Host: host}
}

// member reads "user@host" with a role.
func member(s string, role room.Role) room.Member {
	return room.Member{Address: addr(s), Role: role}
}

// loaded is what Load gave, in its order.
type loaded struct {
	rooms   map[sip.Key]*room.Record
	order   []sip.Key
	notes   []log.Note
	members int
}

func load(t *testing.T, s *Store) loaded {
	t.Helper()
	l := loaded{rooms: map[sip.Key]*room.Record{}}
	err := s.Load(within(t, 30*time.Second),
		func(a sip.Address, private bool) {
			require.NotContains(t, l.rooms, a.Key())
			l.rooms[a.Key()] = &room.Record{Address: a, Private: private}
			l.order = append(l.order, a.Key())
		},
		func(k sip.Key, m room.Member) {
			require.Contains(t, l.rooms, k)
			l.rooms[k].Members = append(l.rooms[k].Members, m)
			l.members++
		},
		func(n log.Note) { l.notes = append(l.notes, n) })
	require.NoError(t, err)
	return l
}

// fetch reads one room.
func fetch(t *testing.T, s *Store, k sip.Key) *room.Record {
	t.Helper()
	found, err := s.Fetch(within(t, 10*time.Second), []sip.Key{k})
	require.NoError(t, err)
	return found[k]
}
