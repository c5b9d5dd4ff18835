package sqlstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

// mysqlSockets are where a server on this machine listens, Debian's first.
var mysqlSockets = []string{"/run/mysqld/mysqld.sock", "/tmp/mysql.sock"}

const (
	mysqlPort = 3306

	// connectTimeout bounds a connection attempt if db_url says nothing.
	connectTimeout = 5 * time.Second
)

// mysqlSession prepares each connection. The statements rely on strict mode: a
// value that does not fit is refused, never cut. A lock is waited for a few
// seconds at most, and the server ends a transaction that a lost node left
// open after a minute.
const mysqlSession = "SET sql_mode='STRICT_ALL_TABLES', innodb_lock_wait_timeout=5, wait_timeout=60"

// Under READ COMMITTED a transaction locks the rows it means and no gaps
// beside them, so that rooms which are created at once do not deadlock.
const mysqlReadCommitted = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"

// mysqlConfig makes the driver's configuration of a source.
func mysqlConfig(src *Source, files []string) (*mysql.Config, error) {
	// The driver parses its own parameters; the rest is set below as it is,
	// since its DSN has other rules than db_url.
	cfg, err := mysql.ParseDSN("/?" + src.Params)
	if err != nil {
		return nil, fmt.Errorf("db_url: parameters: %w", err)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = connectTimeout
	}
	cfg.User, cfg.Passwd, cfg.DBName = src.User, src.password, src.Database
	cfg.Logger = &mysql.NopLogger{} // errors are returned, stderr is not ours
	cfg.InterpolateParams = true    // one round trip a statement instead of three
	cfg.ClientFoundRows = true      // rows matched by an UPDATE, not rows changed
	cfg.MultiStatements = false
	cfg.AllowAllFiles = false

	host, port, sockets := src.Host, src.Port, mysqlSockets
	if src.Group != "" {
		options, err := readOptions(src.Group, files)
		if err != nil {
			return nil, err
		}
		if err := applyOptions(cfg, options); err != nil {
			return nil, err
		}
		if host == "" && !strings.EqualFold(options["protocol"], "tcp") {
			host = options["host"]
		} else if host == "" {
			host = "127.0.0.1"
		}
		if port == 0 && options["port"] != "" {
			if port, err = strconv.Atoi(options["port"]); err != nil {
				return nil, fmt.Errorf("db_url: port %q in group [%s] is not a number", options["port"], src.Group)
			}
		}
		if options["socket"] != "" {
			sockets = []string{options["socket"]}
		}
	}
	if port == 0 {
		port = mysqlPort
	}
	cfg.Net = "tcp"
	if host == "" || strings.EqualFold(host, "localhost") {
		host = "localhost"
		cfg.DialFunc = localDial(sockets)
	}
	cfg.Addr = net.JoinHostPort(host, strconv.Itoa(port))
	return cfg, nil
}

// localDial connects to the server's Unix socket, as the client library does
// for localhost, and over TCP if there is none.
func localDial(sockets []string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		for _, path := range sockets {
			if conn, err := d.DialContext(ctx, "unix", path); err == nil {
				return conn, nil
			}
		}
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, fmt.Errorf("no socket %s and %w", strings.Join(sockets, ", "), err)
		}
		return conn, nil
	}
}

// applyOptions sets what the URL leaves open from an option file.
func applyOptions(cfg *mysql.Config, options map[string]string) error {
	if cfg.User == "" {
		cfg.User = options["user"]
	}
	if cfg.Passwd == "" {
		cfg.Passwd = options["password"]
	}
	if v := options["connect-timeout"]; v != "" {
		seconds, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("db_url: connect-timeout %q is not a number", v)
		}
		cfg.Timeout = time.Duration(seconds) * time.Second
	}
	if cfg.TLSConfig != "" {
		return nil // ?tls= in the URL counts more
	}
	return applyTLS(cfg, options)
}

// applyTLS sets TLS from the ssl options, in the meaning they have for
// MariaDB's and MySQL's clients.
func applyTLS(cfg *mysql.Config, options map[string]string) error {
	ssl, given := options["ssl"]
	on := given && ssl != "0" && !strings.EqualFold(ssl, "off") || options["ssl-ca"] != "" || options["ssl-cert"] != ""
	verify := options["ssl-ca"] != ""
	switch strings.ToUpper(options["ssl-mode"]) {
	case "DISABLED":
		return nil
	case "PREFERRED":
		if !on {
			cfg.TLSConfig = "preferred"
			return nil
		}
	case "REQUIRED":
		on = true
	case "VERIFY_CA", "VERIFY_IDENTITY":
		on, verify = true, true
	}
	if v, found := options["ssl-verify-server-cert"]; found {
		verify = v != "0" && !strings.EqualFold(v, "off")
		on = on || verify
	}
	if !on {
		return nil
	}
	conf := &tls.Config{InsecureSkipVerify: !verify} // as ssl without ssl-ca means for the client library
	if ca := options["ssl-ca"]; ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return fmt.Errorf("db_url: ssl-ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("db_url: ssl-ca: no certificate in %s", ca)
		}
	}
	if cert := options["ssl-cert"]; cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, options["ssl-key"])
		if err != nil {
			return fmt.Errorf("db_url: ssl-cert, ssl-key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	cfg.TLS = conf
	return nil
}

// mysqlDialect returns how to talk to MySQL and MariaDB.
func mysqlDialect() *dialect {
	return &dialect{
		name:      "MySQL",
		quoteMark: "`",
		begin:     "START TRANSACTION",
		lock:      " FOR UPDATE",
		// With the usual collations (_ci) columns compare without case and the
		// unique keys serve the comparison. inspectMySQL replaces this.
		fold:     func(col string) string { return col },
		mark:     "?",
		classify: classifyMySQL,
		inspect:  inspectMySQL,
	}
}

// Error numbers of MySQL and MariaDB that mean something here.
func classifyMySQL(err error) failure {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		if errors.Is(err, mysql.ErrInvalidConn) {
			return failConnection
		}
		return failUnknown
	}
	switch e.Number {
	case 1205, 1213, 1020, 3572: // lock wait, deadlock (Galera's too), record changed, NOWAIT
		return failRetry
	case 1062, 1586: // duplicate entry
		return failDuplicate
	case 1146, 1054, 1049: // no such table, column, database
		return failSchema
	case 1406, 1366, 1300, 1264, 1292, 3988, 1267: // too long, not in the character set, out of range
		return failValue
	case 1053, 1927, 1152, 1158, 1159, 1160, 1161, 4031: // shutdown, killed, connection lost
		return failConnection
	}
	return failUnknown
}

// inspectMySQL finds out what the tables and the server are like.
func inspectMySQL(ctx context.Context, s *Store) ([]string, error) {
	collations := map[string]bool{}
	for _, table := range []table{s.rooms, s.members} {
		rows, err := s.db.QueryxContext(ctx, "SHOW FULL COLUMNS FROM "+table.quoted)
		if err != nil {
			return nil, err
		}
		err = eachMap(rows, func(row map[string]string) {
			collations[strings.ToLower(row["Collation"])] = true
			table.columns[strings.ToLower(row["Field"])] = true
		})
		if err != nil {
			return nil, err
		}
	}
	delete(collations, "")
	s.d.collate(collations)
	var missing []string
	rooms, err := mysqlIndexes(ctx, s, s.rooms)
	if err != nil {
		return nil, err
	}
	members, err := mysqlIndexes(ctx, s, s.members)
	if err != nil {
		return nil, err
	}
	if !rooms["name,domain unique"] {
		missing = append(missing, "ALTER TABLE "+s.rooms.quoted+" ADD UNIQUE name_domain_idx (name, domain)")
		s.d.unique = false
	}
	if !members["username,domain,room unique"] {
		missing = append(missing, "ALTER TABLE "+s.members.quoted+
			" ADD UNIQUE account_room_idx (username, domain, room)")
		s.d.unique = false
	}
	indexed := false
	for columns := range members {
		indexed = indexed || strings.HasPrefix(columns, "room ") || strings.HasPrefix(columns, "room,")
	}
	if !indexed {
		missing = append(missing, "ALTER TABLE "+s.members.quoted+" ADD INDEX room_idx (room)")
	}
	s.d.exact = s.d.unique
	return missing, nil
}

// collate sets how columns with these collations are compared with keys.
func (d *dialect) collate(collations map[string]bool) {
	d.unique = true
	charsets := map[string]bool{}
	for collation := range collations {
		charset, _, _ := strings.Cut(collation, "_")
		charsets[charset] = true
		d.unique = d.unique && strings.HasSuffix(collation, "_ci")
	}
	mark, column := "?", "%s"
	switch {
	case len(charsets) > 1:
		column = "CONVERT(%s USING utf8mb4)"
	case !charsets["utf8mb4"]:
		// A key with other characters than the column's is no error, it only
		// is of no row. The index goes on to serve.
		for charset := range charsets {
			mark = "CONVERT(? USING " + charset + ")"
		}
	}
	if !d.unique {
		mark, column = "LOWER("+mark+")", "LOWER("+column+")"
	}
	d.mark = mark
	d.fold = func(col string) string { return fmt.Sprintf(column, col) }
}

// mysqlIndexes returns the indexes of a table as "column,column unique" or
// "column,column ".
func mysqlIndexes(ctx context.Context, s *Store, t table) (map[string]bool, error) {
	rows, err := s.db.QueryxContext(ctx, "SHOW INDEX FROM "+t.quoted)
	if err != nil {
		return nil, err
	}
	columns, kind := map[string][]string{}, map[string]string{}
	err = eachMap(rows, func(row map[string]string) {
		name := row["Key_name"]
		columns[name] = append(columns[name], strings.ToLower(row["Column_name"]))
		if row["Non_unique"] == "0" {
			kind[name] = "unique"
		}
	})
	indexes := map[string]bool{}
	for name, cols := range columns {
		indexes[strings.Join(cols, ",")+" "+kind[name]] = true
	}
	return indexes, err
}

// eachMap hands the rows to f as maps of text and closes them.
func eachMap(rows *sqlx.Rows, f func(map[string]string)) error {
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	for rows.Next() {
		values := map[string]any{}
		if err := rows.MapScan(values); err != nil {
			return err
		}
		texts := make(map[string]string, len(values))
		for name, v := range values {
			switch v := v.(type) {
			case nil:
			case []byte:
				texts[name] = string(v)
			default:
				texts[name] = fmt.Sprint(v)
			}
		}
		f(texts)
	}
	return rows.Err()
}

// mysqlSetup asks the server what each connection has to be told.
func mysqlSetup(ctx context.Context, db *sqlx.DB, mode int) (setup []string, galera bool, err error) {
	setup = []string{mysqlSession}
	vars := map[string]string{}
	rows, err := db.QueryxContext(ctx, "SHOW VARIABLES WHERE Variable_name IN"+
		" ('log_bin','binlog_format','wsrep_on','wsrep_sync_wait')")
	if err != nil {
		return nil, false, err
	}
	err = eachMap(rows, func(row map[string]string) { vars[strings.ToLower(row["Variable_name"])] = row["Value"] })
	if err != nil {
		return nil, false, err
	}
	// With a statement-based binary log a server refuses to write under READ
	// COMMITTED; its default isolation is safe, too, only slower.
	if vars["log_bin"] != "ON" || vars["binlog_format"] != "STATEMENT" {
		setup = append(setup, mysqlReadCommitted)
	}
	galera = vars["wsrep_on"] == "ON"
	if galera && mode == modeShared {
		// A node of the cluster may lag behind: reads wait until it has
		// applied what was committed before they began.
		wait, err := strconv.Atoi(vars["wsrep_sync_wait"])
		if err != nil {
			return nil, false, fmt.Errorf("wsrep_sync_wait: %w", err)
		}
		setup = append(setup, "SET SESSION wsrep_sync_wait="+strconv.Itoa(wait|1))
	}
	return setup, galera, nil
}

// sessionConnector runs statements on each new connection.
type sessionConnector struct {
	driver.Connector
	setup []string
}

// Connect makes a connection and prepares it.
func (c *sessionConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range c.setup {
		//nolint:forcetypeassert // all connections of this driver are one
		if _, err = conn.(driver.ExecerContext).ExecContext(ctx, statement, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}
