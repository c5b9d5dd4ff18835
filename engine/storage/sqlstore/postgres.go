package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresSockets is where Debian's server listens on this machine.
const postgresSockets = "/var/run/postgresql"

// A transaction that a lost node left open is ended by the server after a
// minute, and a lock is waited for a second at most: the server then says
// so, and is not taken for one that does not answer.
const postgresSession = "SET idle_in_transaction_session_timeout='60s'; SET lock_timeout='1s';" +
	" SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED"

// cancelTime is what a server gets to obey a cancelled query before its
// connection is closed.
const cancelTime = 300 * time.Millisecond

// postgresConfig makes the driver's configuration of a source. Parameters are
// those of a PostgreSQL URL (sslmode, connect_timeout, ...); as with libpq,
// TLS is used if the server has it.
func postgresConfig(src *Source) (*pgx.ConnConfig, error) {
	params, err := url.ParseQuery(src.Params)
	if err != nil {
		return nil, errors.New("db_url: the parameters are not of the form name=value&name=value")
	}
	dsn := map[string]string{
		"host": postgresSockets, "port": "5432", "sslmode": "prefer",
		"connect_timeout": "5", "application_name": "kamailio imc",
		// One round trip a statement, and nothing that is kept by the server.
		"default_query_exec_mode": "exec",
	}
	for name, values := range params {
		dsn[name] = values[0]
	}
	if src.Host != "" {
		dsn["host"] = src.Host
	}
	if src.Port != 0 {
		dsn["port"] = fmt.Sprint(src.Port)
	}
	dsn["dbname"] = src.Database
	if src.User != "" {
		dsn["user"] = src.User
	}
	var b strings.Builder
	for name, value := range dsn {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.") != "" {
			return nil, fmt.Errorf("db_url: unknown parameter %q", name)
		}
		b.WriteString(name + "='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "' ")
	}
	cfg, err := pgx.ParseConfig(b.String())
	if err != nil {
		// The error repeats all parameters first.
		text := err.Error()
		return nil, fmt.Errorf("db_url: parameters: %s", text[strings.LastIndex(text, "`: ")+len("`: "):])
	}
	if src.password != "" {
		cfg.Password = src.password // not parsed, so in no error
	}
	// A query whose context is over is cancelled by the server, which keeps the
	// connection; one that does not obey is not waited for.
	cfg.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelTime}
	}
	cfg.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		return conn.Exec(ctx, postgresSession).Close()
	}
	return cfg, nil
}

// openPostgres makes the pool. A connection that is lost shows when it is used.
func openPostgres(cfg *pgx.ConnConfig) *sql.DB {
	return stdlib.OpenDB(*cfg, stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false }))
}

// postgresDialect returns how to talk to PostgreSQL.
func postgresDialect() *dialect {
	return &dialect{
		name:      "PostgreSQL",
		quoteMark: `"`,
		begin:     "BEGIN",
		lock:      " FOR UPDATE",
		ignore:    " ON CONFLICT DO NOTHING",
		fold:      func(col string) string { return `lower(` + col + ` COLLATE "C")` },
		exact:     true,
		retries:   12,
		mark:      "?",
		writers:   maxWriters,
		// A row that is being inserted is seen by nobody: only a lock on the
		// tables waits for who inserts it.
		settle:  "LOCK TABLE %[1]s, %[2]s IN SHARE ROW EXCLUSIVE MODE",
		fence:   []string{"LOCK TABLE %[1]s, %[2]s IN SHARE MODE"},
		inspect: inspectPostgres,
	}
}

// inspectPostgres finds out what the tables are like.
func inspectPostgres(ctx context.Context, s *Store) ([]string, error) {
	for _, table := range []table{s.rooms, s.members} {
		var columns []string
		err := s.db.SelectContext(ctx, &columns, `SELECT attname FROM pg_attribute
			WHERE attrelid = CAST($1 AS regclass) AND attnum > 0 AND NOT attisdropped`, table.quoted)
		if err != nil {
			return nil, err
		}
		for _, c := range columns {
			table.columns[c] = true
		}
	}
	rooms, err := postgresIndexes(ctx, s, s.rooms)
	if err != nil {
		return nil, err
	}
	members, err := postgresIndexes(ctx, s, s.members)
	if err != nil {
		return nil, err
	}
	name, domain, user, room := s.d.fold("name"), s.d.fold("domain"), s.d.fold("username"), s.d.fold("room")
	var missing []string
	s.d.unique = true
	if !hasIndex(rooms, "UNIQUE", name, domain) {
		missing = append(missing, "CREATE UNIQUE INDEX ON "+s.rooms.quoted+" ("+name+", "+domain+")")
		s.d.unique = false
	}
	// This one serves look-ups by room, too: the room comes first.
	if !hasIndex(members, "UNIQUE", room, user, domain) {
		missing = append(missing, "CREATE UNIQUE INDEX ON "+s.members.quoted+" ("+room+", "+user+", "+domain+")")
		s.d.unique = false
	}
	if !s.d.unique {
		// Without these indexes two rooms could be created whose names differ
		// in case alone; a lock on the key's hash decides instead.
		s.d.lockKey = "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))"
	}
	return missing, nil
}

func postgresIndexes(ctx context.Context, s *Store, t table) ([]string, error) {
	var indexes []string
	err := s.db.SelectContext(ctx, &indexes,
		`SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = CAST($1 AS regclass)`, t.quoted)
	return indexes, err
}

// hasIndex looks for an index over expressions. PostgreSQL prints
// lower(room COLLATE "C") as lower(((room)::text COLLATE "C")).
func hasIndex(indexes []string, kind string, expressions ...string) bool {
	plain := strings.NewReplacer("(", "", ")", "", "::text", "", " ", "")
	want := plain.Replace(strings.Join(expressions, ","))
	for _, index := range indexes {
		if _, columns, found := strings.Cut(index, " USING btree "); found &&
			strings.Contains(index, kind) && plain.Replace(columns) == want {
			return true
		}
	}
	return false
}
