package sqlstore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/storage"
	"kamailio-imc/tests/await"
	"kamailio-imc/tests/testdb"
)

// certificate makes a server's certificate for 127.0.0.1 that vouches for
// itself, and gives the files of it and of its key, readable by the server.
func certificate(t *testing.T, p *testdb.PostgreSQL) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(p.Dir, "data"))
	require.NoError(t, err)
	owner := info.Sys().(*syscall.Stat_t)
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(p.Dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600))
		require.NoError(t, os.Chown(path, int(owner.Uid), int(owner.Gid)))
		return path
	}
	return write("tls.crt", "CERTIFICATE", der), write("tls.key", "PRIVATE KEY", secret)
}

// What sslmode says is what comes, whether the server has TLS or not.
func TestPostgresTLS(t *testing.T) {
	p := testdb.StartPostgreSQL(t)
	require.NoError(t, p.CreateDatabase("imc", testFiles("PostgreSQL")...))
	cert, key := certificate(t, p)
	try := func(host, params string) string {
		url := fmt.Sprintf("postgres://%s:%s@%s:%d/imc%s", testdb.User, testdb.Password, host, p.Port, params)
		s, _, err := Open(within(t, 20*time.Second), Config{URL: url, Mode: storage.ModeDatabase})
		if err != nil {
			return "refused"
		}
		defer func() { assert.NoError(t, s.Close()) }()
		var tls bool
		require.NoError(t, s.db.Get(&tls, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
		return map[bool]string{true: "TLS", false: "plain"}[tls]
	}
	const here = "127.0.0.1"
	for params, want := range map[string]string{
		"": "plain", "?sslmode=disable": "plain", "?sslmode=allow": "plain", "?sslmode=prefer": "plain",
		"?sslmode=require": "refused", "?sslmode=verify-full": "refused",
	} {
		assert.Equal(t, want, try(here, params), "without TLS: %s", params)
	}
	require.NoError(t, p.Exec("imc", "ALTER SYSTEM SET ssl_cert_file = '"+cert+"'", "ALTER SYSTEM SET ssl_key_file = '"+key+"'",
		"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"))
	await.Until(t, 20*time.Second, await.True(func() bool { return try(here, "") == "TLS" }, "the server has no TLS"))
	for _, test := range []struct{ host, params, want string }{
		{here, "?sslmode=disable", "plain"},
		{here, "?sslmode=allow", "plain"},
		{here, "?sslmode=prefer", "TLS"},
		{here, "?sslmode=require", "TLS"},
		{here, "?sslmode=verify-ca", "refused"},
		{here, "?sslmode=verify-ca&sslrootcert=" + cert, "TLS"},
		{here, "?sslmode=verify-full&sslrootcert=" + cert, "TLS"},
		{"localhost", "?sslmode=verify-ca&sslrootcert=" + cert, "TLS"},
		{"localhost", "?sslmode=verify-full&sslrootcert=" + cert, "refused"},
	} {
		assert.Equal(t, test.want, try(test.host, test.params), "with TLS: %s%s", test.host, test.params)
	}
}

// What a server says that cannot be reached, or refuses, is one line, and says
// nothing twice.
func TestPostgresRefused(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := closed.Addr().String()
	require.NoError(t, closed.Close())
	server := fmt.Sprintf("127.0.0.1:%d", postgreSQL.Port)
	for url, want := range map[string]string{
		nobody + "/k":                       "connection refused",
		"no.such.host.invalid/k":            "lookup no.such.host.invalid",
		server + "/nosuchdatabase":          "SQLSTATE 3D000",
		server + "/postgres?nonsense=1":     `unrecognized configuration parameter "nonsense"`,
		server + "/k?sslmode=nonsense":      "db_url: parameters: failed to configure TLS (sslmode is invalid)",
		server + "/k?sslpassword=a`: b&x=1": "",
	} {
		_, _, err := Open(within(t, 20*time.Second), Config{URL: "postgres://kamailio:kamailiorw@" + url, Mode: storage.ModeDatabase})
		require.Error(t, err, url)
		assert.NotContains(t, err.Error(), "\n")
		if want != "" {
			assert.Equal(t, 1, strings.Count(err.Error(), want), err)
		}
	}
}

// A query whose context is over is ended in the server, which undoes what its
// transaction has done. Its connection goes on to serve.
func TestPostgresCancels(t *testing.T) {
	db := backends()[3].fresh(t)
	s := db.open(t, storage.ModeDatabase)
	pid := func() (pid int) {
		require.NoError(t, s.db.Get(&pid, "SELECT pg_backend_pid()"))
		return pid
	}
	first := pid()
	start := time.Now()
	err := s.once(within(t, 300*time.Millisecond), func(tx *tx) error {
		if _, err := tx.exec("INSERT INTO imc_rooms (name, domain, flag) VALUES ('r', 'h', 0)"); err != nil {
			return err
		}
		return tx.query(func(*sqlx.Rows) error { return nil }, "SELECT pg_sleep(20)")
	})
	assert.Equal(t, classLocked, classOf(err), err)
	assert.Less(t, time.Since(start), 2*time.Second)
	var active int
	require.NoError(t, db.sql.QueryRow("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"+
		" AND state <> 'idle' AND pid <> pg_backend_pid()").Scan(&active))
	assert.Zero(t, active)
	rooms, _ := db.rows(t)
	assert.Empty(t, rooms)
	assert.Equal(t, first, pid())
}

// A server that commits and waits for a replica that is not there: who gives
// up is not told that the change was refused, since it was not.
func TestPostgresCommitInFlight(t *testing.T) {
	tr := trouble(t, "PostgreSQL")
	tr.exec(t, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
	await.Until(t, 20*time.Second, await.True(func() bool {
		start := time.Now()
		_ = tr.commit(joins("room@h.com", "early@u.com"))
		return time.Since(start) > time.Second
	}, "the server waits for nobody"))
	for _, write := range []func(*room.Change) error{tr.write, tr.commit} {
		start := time.Now()
		err := write(joins("room@h.com", "late@u.com"))
		assert.True(t, err == nil || errors.Is(err, storage.ErrDoubtful), err)
		assert.InDelta(t, 3, time.Since(start).Seconds(), 1)
	}
	var n int
	require.NoError(t, tr.root.QueryRow("SELECT COUNT(*) FROM imc_members WHERE username = 'late'").Scan(&n))
	assert.Equal(t, 1, n)
}

// The driver has no goroutine for a connection that nobody uses, but one that
// waits for the server where a write was slow, as on a busy machine: it ends
// with what the server says next, and wakes up for nothing else.
func TestPostgresRests(t *testing.T) {
	s := backends()[3].fresh(t).open(t, storage.ModeDatabase)
	var wg sync.WaitGroup
	for range maxReaders {
		wg.Go(func() { assert.NoError(t, s.db.PingContext(within(t, 20*time.Second))) })
	}
	wg.Wait()
	require.NotZero(t, s.db.Stats().Idle)
	await.Until(t, 20*time.Second, func() error { // what earlier tests have cut off ends
		var stacks bytes.Buffer
		require.NoError(t, pprof.Lookup("goroutine").WriteTo(&stacks, 1))
		for stack := range strings.SplitSeq(stacks.String(), "\n\n") {
			if strings.Contains(stack, "jackc/pgx") && !strings.Contains(stack, "bgreader.(*BGReader).bgRead") {
				return errors.New(stack)
			}
		}
		return nil
	})
}
