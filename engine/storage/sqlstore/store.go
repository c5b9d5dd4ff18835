// Package sqlstore keeps rooms and members in the stock module's tables of a
// MySQL, MariaDB, PostgreSQL or SQLite database. It implements storage.Store.
//
// Rooms and members are identified by sip.Key, that is without regard to
// the case of ASCII letters, whatever the collation of the columns: statements
// find at least the rows of a key (dialect.fold) and what they find is
// compared with the key once more. Rows are written with the flags of the
// stock module and are read with whatever it and time have left in them; see
// storage.Rows.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// Names of the tables if the configuration does not say otherwise.
const (
	DefaultRoomsTable   = "imc_rooms"
	DefaultMembersTable = "imc_members"
)

// tableVersion is the version of both tables that this package knows.
const tableVersion = 1

// Connections in the pool of a server. Writers and readers have shares of
// their own, so that locked rows, which writers wait for, hold up no reader;
// the one more is for Probe.
const (
	maxWriters   = 16
	maxReaders   = 8
	maxConns     = maxWriters + maxReaders + 1
	maxIdleConns = 12
	maxIdleTime  = 30 * time.Second // less than a session's wait_timeout
	// maxLifetime lets connections follow a name that means another server.
	maxLifetime = 3 * time.Minute
)

// openTimeout bounds how long a server may take, from the connection attempt to
// its first answer.
const openTimeout = 10 * time.Second

// Config says which database and tables to use.
type Config struct {
	URL          string         // db_url, see ParseURL
	RoomsTable   string         // "" for DefaultRoomsTable; may be schema.table
	MembersTable string         // "" for DefaultMembersTable; may be schema.table
	Mode         storage.Mode   // ModeDurable or ModeDatabase
	Note         func(log.Note) // told once of each odd row that Update and Fetch meet; may be nil; called from any goroutine
}

// Store is a database with rooms and members. It is safe for concurrent use.
type Store struct {
	db      *sqlx.DB
	d       *dialect
	src     *Source
	mode    storage.Mode
	rooms   table
	members table
	rows    *storage.Rows // judges what Update and Fetch read

	writers, readers chan struct{} // hold a token for each that is at work

	mu sync.Mutex // nothing else is locked while it is held
	// orphans are rooms that do not exist and have members' rows, as Load
	// found them: these go when such a room is created.
	orphans map[sip.Key]bool
}

var _ storage.Store = (*Store)(nil)

// Open connects to the database and checks its tables. The notes are for the
// log: they say what works but could be better. The error wraps
// storage.ErrUnavailable (no connection), storage.ErrSchema (tables missing or
// of another version) or none of the engine's errors (the configuration is
// wrong). It says what to do, and never holds the password.
func Open(ctx context.Context, cfg Config) (*Store, []log.Note, error) {
	src, err := ParseURL(cfg.URL)
	if err != nil {
		return nil, nil, err
	}
	s := &Store{src: src, mode: cfg.Mode}
	note := cfg.Note
	if note == nil {
		note = func(log.Note) {}
	}
	s.rows = storage.NewRows(note)
	notes, err := s.open(ctx, cfg)
	if err != nil {
		if s.db != nil {
			err = errors.Join(err, s.Close())
		}
		return nil, nil, err
	}
	return s, notes, nil
}

func (s *Store) open(ctx context.Context, cfg Config) ([]log.Note, error) {
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	for _, t := range []struct {
		table         *table
		name, missing string
		parameter     string
	}{
		{&s.rooms, cfg.RoomsTable, DefaultRoomsTable, "rooms_table"},
		{&s.members, cfg.MembersTable, DefaultMembersTable, "members_table"},
	} {
		if t.name == "" {
			t.name = t.missing
		}
		if !validTable(t.name) {
			return nil, fmt.Errorf("%s: a table's name has letters, digits, \"_\", \"-\" and \"$\" only, 64 at most", t.parameter)
		}
		*t.table = table{name: t.name, quoted: s.d.quote(t.name), columns: map[string]bool{}}
	}
	if strings.EqualFold(s.rooms.name, s.members.name) {
		return nil, errors.New("rooms_table and members_table are the same")
	}
	return s.check(ctx)
}

// connect makes the pool and sees that the database answers.
func (s *Store) connect(ctx context.Context) error {
	switch s.src.Scheme {
	case schemeMySQL:
		return s.connectMySQL(ctx)
	case schemePostgres:
		s.use(postgresDialect())
		cfg, err := postgresConfig(s.src)
		if err != nil {
			return err
		}
		s.pool(openPostgres(cfg), "postgres")
		return s.ping(ctx)
	default:
		s.use(sqliteDialect())
		connector, err := sqliteConnector(s.src)
		if err != nil {
			return err
		}
		s.pool(sql.OpenDB(connector), "sqlite3")
		return s.ping(ctx)
	}
}

func (s *Store) use(d *dialect) {
	s.d = d
	s.writers = make(chan struct{}, d.writers)
	s.readers = make(chan struct{}, maxReaders)
}

func (s *Store) connectMySQL(ctx context.Context) error {
	s.use(mysqlDialect())
	cfg, err := mysqlConfig(s.src, optionFiles())
	if err != nil {
		return err
	}
	cfg.DialFunc = telling(cfg.DialFunc)
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	// What the connections have to be told depends on the server.
	s.pool(sql.OpenDB(connector), schemeMySQL)
	if err := s.ping(ctx); err != nil {
		return err
	}
	setup, galera, err := mysqlSetup(ctx, s.db, s.mode)
	if err = errors.Join(err, s.db.Close()); err != nil {
		return fail(ctx, "connect", err, classUnknown)
	}
	s.d.galera = galera
	s.pool(sql.OpenDB(&sessionConnector{Connector: connector, setup: setup}), schemeMySQL)
	return s.ping(ctx)
}

func (s *Store) pool(db *sql.DB, name string) {
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxIdleConns)
	db.SetConnMaxIdleTime(maxIdleTime)
	db.SetConnMaxLifetime(maxLifetime)
	s.db = sqlx.NewDb(db, name)
}

// ping sees that the database answers. SQLite refuses while another process
// makes a new file ready.
func (s *Store) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := s.db.PingContext(ctx)
		if err == nil {
			return nil
		}
		if classOf(err) != classLocked || attempt == s.d.retries || !wait(ctx, attempt) {
			return fail(ctx, "connect to "+s.src.String(), err, classUnknown)
		}
	}
}

// Close ends all connections.
func (s *Store) Close() error {
	return s.db.Close()
}

// check compares the tables with what this package needs.
func (s *Store) check(ctx context.Context) ([]log.Note, error) {
	if s.src.Scheme == schemeSQLite {
		if err := createSQLite(ctx, s); err != nil {
			return nil, err
		}
	}
	for _, t := range []table{s.rooms, s.members} {
		if err := s.checkVersion(ctx, t); err != nil {
			return nil, err
		}
	}
	missing, err := s.d.inspect(ctx, s)
	if err != nil && classOf(err) == classSchema {
		return nil, &storeError{storage.ErrSchema, fmt.Sprintf("%v: a table is missing in %s, where %s and %s with version %d are needed (%s);"+
			" load %s into the database", storage.ErrSchema, s.src, s.rooms.name, s.members.name, tableVersion, err.Error(), s.schemaFile())}
	}
	if err != nil {
		return nil, fail(ctx, "look at the tables", err, classUnknown)
	}
	for _, t := range []struct {
		table
		needed []string
	}{
		{s.rooms, []string{"id", "name", "domain", "flag"}},
		{s.members, []string{"id", "username", "domain", "room", "flag"}},
	} {
		for _, column := range t.needed {
			if !t.columns[column] {
				return nil, &storeError{storage.ErrSchema, fmt.Sprintf("%v: table %s of %s has no column %s; %s creates it as it has to be",
					storage.ErrSchema, t.name, s.src, column, s.schemaFile())}
			}
		}
	}
	return s.checkNotes(missing), nil
}

// checkVersion looks a table up in Kamailio's table version.
func (s *Store) checkVersion(ctx context.Context, t table) error {
	name := t.name[strings.LastIndexByte(t.name, '.')+1:]
	var versions []int
	err := s.db.SelectContext(ctx, &versions,
		s.db.Rebind("SELECT table_version FROM version WHERE table_name = ?"), name)
	schema := func(format string, args ...any) error {
		return &storeError{storage.ErrSchema, storage.ErrSchema.Error() + ": " + fmt.Sprintf(format, args...)}
	}
	switch {
	case err != nil && classOf(err) == classSchema:
		return schema("there is no table version in %s (table %s with version %d is needed); load %s into the database",
			s.src, name, tableVersion, s.schemaFile())
	case err != nil:
		return fail(ctx, "read the table version", err, classUnknown)
	case len(versions) == 0:
		return schema("table version of %s does not know table %s, version %d of it is needed; load %s into the database,"+
			" or if the table is there: INSERT INTO version (table_name, table_version) VALUES ('%s', %d)",
			s.src, name, tableVersion, s.schemaFile(), name, tableVersion)
	case !slices.Contains(versions, tableVersion):
		return schema("table %s of %s has version %d, version %d is needed; convert the table to what %s creates,"+
			" or use the release of this module that belongs to version %d",
			name, s.src, versions[0], tableVersion, s.schemaFile(), versions[0])
	}
	return nil
}

func (s *Store) schemaFile() string {
	switch s.src.Scheme {
	case schemePostgres:
		return "sql/imc-create-postgres.sql"
	case schemeSQLite:
		return "sql/imc-create-sqlite.sql"
	}
	return "sql/imc-create.sql"
}

// checkNotes says what works without, but would be better with.
func (s *Store) checkNotes(missing []string) []log.Note {
	level := log.Notice
	if s.mode == storage.ModeDatabase {
		level = log.Warning
	}
	var notes []log.Note
	if len(missing) > 0 {
		notes = append(notes, log.Note{Level: level, Text: fmt.Sprintf(
			"%s: an index is missing, reading a room scans the whole table; create it with: %s;",
			s.src, strings.Join(missing, "; "))})
	}
	if s.src.Scheme == schemeMySQL && !s.d.unique && len(missing) == 0 {
		notes = append(notes, log.Note{Level: level, Text: fmt.Sprintf(
			"%s: the collation of %s or %s regards the case of letters, indexes cannot be used;"+
				" give their text columns one that ends in _ci", s.src, s.rooms.name, s.members.name)})
	}
	return notes
}
