package testdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// MariaDB is a private MariaDB server. Its methods are not safe for
// concurrent use, but the databases it serves are.
type MariaDB struct {
	Dir    string // temporary folder with data, socket and log
	Socket string
	Port   int // on 127.0.0.1

	cred *syscall.Credential
	args []string // further options of mariadbd
	proc *process
	log  *os.File
}

// NewMariaDB installs a fresh server and starts it. args are further options
// of mariadbd. The caller ends it with Close.
func NewMariaDB(args ...string) (*MariaDB, error) {
	m := &MariaDB{args: args}
	if err := m.install(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if err := m.Start(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if err := m.createAccount(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// createAccount creates the account that URL names.
func (m *MariaDB) createAccount() error {
	return m.Exec("",
		fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s'", User, Password),
		fmt.Sprintf("GRANT ALL ON *.* TO '%s'@'%%'", User))
}

// StartMariaDB is NewMariaDB for one test, which ends the server.
func StartMariaDB(tb testing.TB, args ...string) *MariaDB {
	tb.Helper()
	m, err := NewMariaDB(args...)
	if err != nil {
		tb.Fatalf("MariaDB: %v", err)
	}
	tb.Cleanup(func() {
		m.ShowLog(tb)
		if err := m.Close(); err != nil {
			tb.Errorf("MariaDB: %v", err)
		}
	})
	return m
}

func (m *MariaDB) install() error {
	var err error
	if m.cred, err = serverUser("mysql"); err != nil {
		return err
	}
	if m.Dir, err = serverDir(m.cred, "imcmy"); err != nil {
		return err
	}
	m.Socket = filepath.Join(m.Dir, "sock")
	if m.log, err = os.Create(filepath.Join(m.Dir, "log")); err != nil {
		return err
	}
	install, err := program("mariadb-install-db", "/usr/bin")
	if err != nil {
		return err
	}
	cmd := exec.Command(install, "--no-defaults", "--datadir="+m.data(),
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
		"--innodb-log-file-size=16M")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "TMPDIR="+m.Dir) // see Start
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: m.cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	return nil
}

func (m *MariaDB) data() string { return filepath.Join(m.Dir, "data") }

// Start starts the server, after NewMariaDB, Stop or Kill, on its port and
// its socket, and returns when it answers.
func (m *MariaDB) Start() error {
	server, err := program("mariadbd", "/usr/sbin")
	if err != nil {
		return err
	}
	first := m.Port == 0
	for attempt := 0; ; attempt++ {
		if first {
			if m.Port, err = freePort(); err != nil {
				return err
			}
		}
		args := append([]string{
			"--no-defaults", "--datadir=" + m.data(), "--socket=" + m.Socket,
			"--pid-file=" + filepath.Join(m.Dir, "pid"), "--bind-address=127.0.0.1",
			"--port=" + strconv.Itoa(m.Port), "--skip-name-resolve",
			// a server that starts removes all temporary tables in this folder,
			// those of others too
			"--tmpdir=" + m.Dir,
			"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M",
			"--character-set-server=utf8mb4", "--performance-schema=OFF",
		}, m.args...)
		if m.proc, err = launch(m.cred, m.log, server, args...); err != nil {
			return err
		}
		db := m.rootDB("")
		err = m.proc.poll(db.PingContext)
		if err = errors.Join(err, db.Close()); err == nil {
			return nil
		}
		_ = m.proc.signal(syscall.SIGKILL)
		// Another program may have taken a free port meanwhile.
		if !first || attempt == 2 {
			return fmt.Errorf("mariadbd: %w\n%s", err, logEnd(m.log.Name()))
		}
	}
}

// Kill ends the server as kill -9 does. Start brings it back with its data.
func (m *MariaDB) Kill() error { return m.proc.signal(syscall.SIGKILL) }

// Stop ends the server in order. Start brings it back with its data.
func (m *MariaDB) Stop() error { return m.proc.signal(syscall.SIGTERM) }

// Pid is the process id of the running server.
func (m *MariaDB) Pid() int { return m.proc.cmd.Process.Pid }

// Close ends the server, if it runs, and removes its folder.
func (m *MariaDB) Close() error {
	var err error
	if m.proc != nil && !m.proc.ended() {
		err = m.proc.signal(syscall.SIGKILL)
	}
	if m.log != nil {
		err = errors.Join(err, m.log.Close())
	}
	if m.Dir != "" {
		err = errors.Join(err, os.RemoveAll(m.Dir))
	}
	return err
}

// ShowLog has a test that failed show the end of the server's log.
func (m *MariaDB) ShowLog(tb testing.TB) {
	tb.Helper()
	showLog(tb, m.log)
}

// URL is the db_url of a database of this server, over TCP.
func (m *MariaDB) URL(database string) string {
	return fmt.Sprintf("mysql://%s:%s@127.0.0.1:%d/%s", User, Password, m.Port, database)
}

// Exec executes statements in a database ("" for none) as the server's root.
func (m *MariaDB) Exec(database string, statements ...string) error {
	return execute(m.rootDB(database), statements)
}

// CreateDatabase makes an empty database, dropping an older one, and executes
// the files in it. options follow CREATE DATABASE, for example "CHARACTER SET
// latin1", which Kamailio's kamdbctl uses.
func (m *MariaDB) CreateDatabase(name, options string, files ...string) (err error) {
	if err := m.Exec("", "DROP DATABASE IF EXISTS `"+name+"`", "CREATE DATABASE `"+name+"` "+options); err != nil {
		return err
	}
	db := m.rootDB(name)
	defer func() { err = errors.Join(err, db.Close()) }()
	return runFiles(context.Background(), db, files...)
}

// Open returns a pool of root connections to a database, which the caller
// closes.
func (m *MariaDB) Open(database string) *sql.DB { return m.rootDB(database) }

func (m *MariaDB) rootDB(database string) *sql.DB {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName = "root", "unix", m.Socket, database
	cfg.MultiStatements = true
	cfg.InterpolateParams = true
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		panic(err) // the configuration above is constant
	}
	return sql.OpenDB(connector)
}
