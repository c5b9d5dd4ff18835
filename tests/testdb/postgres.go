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
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresPrograms is where Debian installs the server programs.
const postgresPrograms = "/usr/lib/postgresql/*/bin"

// PostgreSQL is a private PostgreSQL server. Its methods are not safe for
// concurrent use, but the databases it serves are.
type PostgreSQL struct {
	Dir  string // temporary folder with data, socket and log
	Port int    // on 127.0.0.1; the socket is Dir/.s.PGSQL.Port

	cred *syscall.Credential
	proc *process
	log  *os.File
}

// NewPostgreSQL installs a fresh server and starts it. The caller ends it
// with Close.
func NewPostgreSQL() (*PostgreSQL, error) {
	p := &PostgreSQL{}
	if err := p.install(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if err := p.Start(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	err := p.Exec("postgres", fmt.Sprintf("CREATE USER %s SUPERUSER PASSWORD '%s'", User, Password))
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// StartPostgreSQL is NewPostgreSQL for one test, which ends the server.
func StartPostgreSQL(tb testing.TB) *PostgreSQL {
	tb.Helper()
	p, err := NewPostgreSQL()
	if err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
	tb.Cleanup(func() {
		p.ShowLog(tb)
		if err := p.Close(); err != nil {
			tb.Errorf("PostgreSQL: %v", err)
		}
	})
	return p
}

func (p *PostgreSQL) install() error {
	var err error
	if p.cred, err = serverUser("postgres"); err != nil {
		return err
	}
	if p.Dir, err = serverDir(p.cred, "imcpg"); err != nil {
		return err
	}
	if p.log, err = os.Create(filepath.Join(p.Dir, "log")); err != nil {
		return err
	}
	initdb, err := program("initdb", postgresPrograms)
	if err != nil {
		return err
	}
	// Over TCP a password is asked for, on the socket it is not.
	cmd := exec.Command(initdb, "--pgdata="+p.data(), "--username=postgres", "--encoding=UTF8",
		"--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (p *PostgreSQL) data() string { return filepath.Join(p.Dir, "data") }

// Start starts the server, after NewPostgreSQL, Stop or Kill, on its port and
// its socket, and returns when it answers.
func (p *PostgreSQL) Start() error {
	server, err := program("postgres", postgresPrograms)
	if err != nil {
		return err
	}
	first := p.Port == 0
	for attempt := 0; ; attempt++ {
		if first {
			if p.Port, err = freePort(); err != nil {
				return err
			}
		}
		p.proc, err = launch(p.cred, p.log, server, "-D", p.data(), "-h", "127.0.0.1",
			"-p", strconv.Itoa(p.Port), "-k", p.Dir, "-c", "shared_buffers=32MB")
		if err != nil {
			return err
		}
		db := p.rootDB("postgres")
		err = p.proc.poll(db.PingContext)
		if err = errors.Join(err, db.Close()); err == nil {
			return nil
		}
		_ = p.proc.signal(syscall.SIGQUIT)
		// Another program may have taken a free port meanwhile; and after a
		// crash the old processes hold their shared memory until they are gone.
		last := 2
		if !first {
			last = 100
			time.Sleep(50 * time.Millisecond)
		}
		if attempt >= last {
			return fmt.Errorf("postgres: %w\n%s", err, logEnd(p.log.Name()))
		}
	}
}

// Kill ends the server and the processes it has made as kill -9 does. Start
// brings it back with its data.
func (p *PostgreSQL) Kill() error {
	// The main process is stopped first so that it makes no new ones.
	if err := p.proc.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	pids, err := p.children()
	if err != nil {
		return err
	}
	for _, child := range pids {
		if err := syscall.Kill(child, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return p.proc.signal(syscall.SIGKILL)
}

// Stop ends the server in order. Start brings it back with its data.
func (p *PostgreSQL) Stop() error { return p.proc.signal(syscall.SIGINT) }

// Close ends the server, if it runs, and removes its folder.
func (p *PostgreSQL) Close() error {
	var err error
	if p.proc != nil && !p.proc.ended() {
		err = p.Kill()
	}
	if p.log != nil {
		err = errors.Join(err, p.log.Close())
	}
	if p.Dir != "" {
		err = errors.Join(err, os.RemoveAll(p.Dir))
	}
	return err
}

// ShowLog has a test that failed show the end of the server's log.
func (p *PostgreSQL) ShowLog(tb testing.TB) {
	tb.Helper()
	showLog(tb, p.log)
}

// URL is the db_url of a database of this server, over TCP.
func (p *PostgreSQL) URL(database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s", User, Password, p.Port, database)
}

// Exec executes statements in a database as the server's superuser.
func (p *PostgreSQL) Exec(database string, statements ...string) error {
	return execute(p.rootDB(database), statements)
}

// CreateDatabase makes an empty database, dropping an older one, and executes
// the files in it.
func (p *PostgreSQL) CreateDatabase(name string, files ...string) (err error) {
	err = p.Exec("postgres", `DROP DATABASE IF EXISTS "`+name+`" WITH (FORCE)`,
		`CREATE DATABASE "`+name+`" TEMPLATE template0`)
	if err != nil {
		return err
	}
	db := p.rootDB(name)
	defer func() { err = errors.Join(err, db.Close()) }()
	return runFiles(context.Background(), db, files...)
}

// Open returns a pool of superuser connections to a database, which the
// caller closes.
func (p *PostgreSQL) Open(database string) *sql.DB { return p.rootDB(database) }

func (p *PostgreSQL) rootDB(database string) *sql.DB {
	// without arguments a query may have several statements
	cfg, err := pgx.ParseConfig(fmt.Sprintf("host='%s' port=%d user=postgres sslmode=disable", p.Dir, p.Port))
	if err != nil {
		panic(err) // the configuration above is constant
	}
	cfg.Database = database
	return stdlib.OpenDB(*cfg)
}
