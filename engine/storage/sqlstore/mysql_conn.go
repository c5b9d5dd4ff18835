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

	"kamailio-imc/engine/storage"
)

// mysqlSockets are where a server on this machine listens, Debian's first.
var mysqlSockets = []string{"/run/mysqld/mysqld.sock", "/tmp/mysql.sock"}

const (
	mysqlPort = 3306

	// connectTimeout bounds a connection attempt if db_url says nothing.
	connectTimeout = 5 * time.Second
)

// mysqlSession prepares each connection. The statements rely on strict mode: a
// value that does not fit is refused, never cut. A lock is waited for a
// second at most: the server then says so, and is not taken for one that does
// not answer. It ends a transaction that a lost node left open after a minute.
const mysqlSession = "SET sql_mode='STRICT_ALL_TABLES', innodb_lock_wait_timeout=1, wait_timeout=60"

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
	cfg.RejectReadOnly = false // the store does that by itself, and knows why

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

// mysqlSetup asks the server what each connection has to be told.
func mysqlSetup(ctx context.Context, db *sqlx.DB, mode storage.Mode) (setup []string, galera bool, err error) {
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
	if galera && mode == storage.ModeDatabase {
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

// driverConn is what a connection of the driver can do.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

// mysqlConn is a connection with its socket, and with the queries that the
// server has parsed for it already.
type mysqlConn struct {
	driverConn
	socket net.Conn
	parsed map[string]driver.StmtQueryContext // by their text; end with the connection
}

// Bounds of what the server keeps for one connection. The queries that recur
// are those for one room, and for a few.
const (
	maxParsed     = 16 // queries
	maxParsedArgs = 16 // of each
)

// QueryContext has a query parsed once. Where that cannot be, it is sent as
// text with its arguments.
func (c *mysqlConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	parsed, found := c.parsed[query]
	if !found && len(args) > 0 && len(args) <= maxParsedArgs && len(c.parsed) < maxParsed {
		if stmt, err := c.PrepareContext(ctx, query); err == nil {
			parsed, found = stmt.(driver.StmtQueryContext)
			c.parsed[query] = parsed
		}
	}
	if found {
		rows, err := parsed.QueryContext(ctx, args)
		if my, ok := errors.AsType[*mysql.MySQLError](err); !ok || my.Number != forgotten && my.Number != outdated {
			return rows, err
		}
		delete(c.parsed, query)
	}
	return c.driverConn.QueryContext(ctx, query, args)
}

// Errors of a server, or of a proxy before it, that has to parse a query again.
const (
	forgotten = 1243
	outdated  = 1615
)

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// socketKey is that of a *net.Conn in a context which is to be the socket made.
type socketKey struct{}

// telling has dial, nil for the usual, tell who connects what socket it made.
func telling(dial dialFunc) dialFunc {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if socket, found := ctx.Value(socketKey{}).(*net.Conn); found {
			*socket = conn
		}
		return conn, err
	}
}

// sessionConnector runs statements on each new connection.
type sessionConnector struct {
	driver.Connector // whose sockets telling makes
	setup            []string
}

// Connect makes a connection and prepares it.
func (c *sessionConnector) Connect(ctx context.Context) (driver.Conn, error) {
	var socket net.Conn
	made, err := c.Connector.Connect(context.WithValue(ctx, socketKey{}, &socket))
	if err != nil {
		return nil, err
	}
	conn := made.(driverConn) //nolint:forcetypeassert // all connections of this driver are one
	for _, statement := range c.setup {
		if _, err := conn.ExecContext(ctx, statement, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return &mysqlConn{driverConn: conn, socket: socket, parsed: map[string]driver.StmtQueryContext{}}, nil
}

// during runs use, which ends when ctx does. On a connection of MySQL use gets
// a context that never ends, and the socket is closed when ctx is over: with
// one that may end the driver and database/sql have goroutines watch each
// statement, which costs as much time as the server takes for a small one.
func during(ctx context.Context, conn *sqlx.Conn, use func(context.Context) error) error {
	var my *mysqlConn
	if err := conn.Raw(func(c any) error { my, _ = c.(*mysqlConn); return nil }); err != nil {
		return err
	}
	if my == nil {
		return use(ctx)
	}
	stop := context.AfterFunc(ctx, func() { _ = my.socket.Close() })
	defer stop()
	err := use(context.WithoutCancel(ctx))
	if err != nil && ctx.Err() != nil && isLost(err) {
		return errors.Join(ctx.Err(), err)
	}
	return err
}
