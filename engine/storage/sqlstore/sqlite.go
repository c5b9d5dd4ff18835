package sqlstore

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// sqliteCreate is sql/imc-create-sqlite.sql for any table names: version, rooms
// and members. A test compares the two. The columns compare without regard to
// the case of ASCII letters, as keys do.
const sqliteCreate = `CREATE TABLE IF NOT EXISTS version (
    id INTEGER PRIMARY KEY NOT NULL,
    table_name VARCHAR(32) NOT NULL,
    table_version INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT version_table_name_idx UNIQUE (table_name)
);
INSERT OR IGNORE INTO version (table_name, table_version) VALUES ('version', 1);

CREATE TABLE "{rooms}" (
    id INTEGER PRIMARY KEY NOT NULL,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    domain VARCHAR(64) COLLATE NOCASE NOT NULL,
    flag INTEGER NOT NULL,
    CONSTRAINT "{rooms}_name_domain_idx" UNIQUE (name, domain)
);
INSERT INTO version (table_name, table_version) VALUES ('{rooms}', 1);

CREATE TABLE "{members}" (
    id INTEGER PRIMARY KEY NOT NULL,
    username VARCHAR(64) COLLATE NOCASE NOT NULL,
    domain VARCHAR(64) COLLATE NOCASE NOT NULL,
    room VARCHAR(64) COLLATE NOCASE NOT NULL,
    flag INTEGER NOT NULL,
    CONSTRAINT "{members}_account_room_idx" UNIQUE (username, domain, room)
);
INSERT INTO version (table_name, table_version) VALUES ('{members}', 1);
CREATE INDEX "{members}_room_idx" ON "{members}" (room);
`

// sqliteConnector makes connections to the file of a source.
func sqliteConnector(src *Source) (driver.Connector, error) {
	folder := filepath.Dir(src.Database)
	if info, err := os.Stat(folder); err != nil {
		return nil, fmt.Errorf("db_url: the folder of the database cannot be used: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("db_url: %s is no folder", folder)
	}
	// The wait for another process's lock is short and repeated, since the
	// driver does not end it with the context. WAL lets readers go on while a
	// change is written; synchronous=FULL makes a committed change outlive a
	// power failure.
	pragmas := url.Values{"_pragma": {"busy_timeout(100)", "journal_mode(WAL)", "synchronous(FULL)"}}
	file := url.URL{Scheme: "file", Path: src.Database, RawQuery: pragmas.Encode()}
	return sqlite.NewConnector(file.String())
}

// sqliteDialect returns how to talk to SQLite.
func sqliteDialect() *dialect {
	return &dialect{
		name:      "SQLite",
		quoteMark: `"`,
		begin:     "BEGIN IMMEDIATE",
		ignore:    " ON CONFLICT DO NOTHING",
		fold:      func(col string) string { return col + " COLLATE NOCASE" },
		exact:     true,
		retries:   100,
		mark:      "?",
		writers:   1, // so that those of this process do not poll for the file's lock
		inspect:   inspectSQLite,
	}
}

// createSQLite creates the tables in a file that has none of them.
func createSQLite(ctx context.Context, s *Store) error {
	return s.transact(ctx, "create the tables", false, func(t *tx, _ bool) error {
		var n int
		err := t.get(&n, "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name IN (?, ?)",
			s.rooms.name, s.members.name)
		if err != nil || n > 0 {
			return err
		}
		text := strings.NewReplacer("{rooms}", s.rooms.name, "{members}", s.members.name).Replace(sqliteCreate)
		_, err = t.exec(text)
		return err
	})
}

// inspectSQLite finds out what the tables are like. SQLite creates what is
// missing by itself, so nothing is left to the operator.
func inspectSQLite(ctx context.Context, s *Store) ([]string, error) {
	s.d.unique = true
	for _, table := range []table{s.rooms, s.members} {
		var columns []string
		if err := s.db.SelectContext(ctx, &columns, "SELECT name FROM pragma_table_info(?)", table.name); err != nil {
			return nil, err
		}
		for _, c := range columns {
			table.columns[strings.ToLower(c)] = true
		}
		var create []string
		err := s.db.SelectContext(ctx, &create,
			"SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", table.name)
		if err != nil {
			return nil, err
		}
		// Tables made for the stock module compare letters exactly.
		if len(create) == 1 && !strings.Contains(create[0], "COLLATE NOCASE") {
			s.d.unique = false
		}
	}
	if s.d.unique {
		// The columns compare so by themselves; with COLLATE beside them SQLite
		// would not use the index for several rooms at once.
		s.d.fold = func(col string) string { return col }
	}
	if s.d.unique || !s.members.columns["room"] || !s.rooms.columns["name"] {
		return nil, nil
	}
	for _, statement := range []string{
		`CREATE INDEX IF NOT EXISTS "` + s.rooms.name + `_nocase_idx" ON ` + s.rooms.quoted +
			" (name COLLATE NOCASE, domain COLLATE NOCASE)",
		`CREATE INDEX IF NOT EXISTS "` + s.members.name + `_nocase_idx" ON ` + s.members.quoted +
			" (room COLLATE NOCASE, username COLLATE NOCASE, domain COLLATE NOCASE)",
	} {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
