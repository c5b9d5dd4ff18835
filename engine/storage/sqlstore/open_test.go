package sqlstore

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// Whatever goes wrong, the password is in no error and no note, and nothing is
// printed past them.
func TestPasswordStaysSecret(t *testing.T) {
	const secret = "s3cr'et@:/%?x"
	stdout, stderr := os.Stdout, os.Stderr
	r, w, err := os.Pipe()
	require.NoError(t, err)
	os.Stdout, os.Stderr = w, w
	printed := make(chan string)
	go func() {
		text, _ := io.ReadAll(r)
		printed <- string(text)
	}()

	require.NoError(t, mariaDB.CreateDatabase("secret", "", testFiles("MariaDB")...))
	require.NoError(t, postgreSQL.CreateDatabase("secret", testFiles("PostgreSQL")...))
	quoted := strings.ReplaceAll(secret, "'", "''")
	require.NoError(t, mariaDB.Exec("", "CREATE USER secretive IDENTIFIED BY '"+quoted+"'", "GRANT ALL ON secret.* TO secretive"))
	require.NoError(t, postgreSQL.Exec("secret", "CREATE USER secretive SUPERUSER PASSWORD '"+quoted+"'"))
	my, pg := fmt.Sprintf("127.0.0.1:%d", mariaDB.Port), fmt.Sprintf("127.0.0.1:%d", postgreSQL.Port)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := closed.Addr().String()
	require.NoError(t, closed.Close())
	garbage := garbageServer(t)

	var errs []string
	for _, url := range []string{
		"mysql://kamailio:" + secret + "@" + my + "/secret",
		"mysql://kamailio:" + secret + "@" + nobody + "/secret",
		"mysql://kamailio:" + secret + "@" + garbage + "/secret",
		"mysql://kamailio:" + secret + "@no.such.host.invalid/secret",
		"mysql://secretive:" + secret + "@" + my + "/missing",
		"mysql://secretive:" + secret + "@" + my + "/secret?timeout=" + secret[:3] + secret[3:],
		"mysql://secretive:" + secret + "@" + my + "/secret?tls=true",
		"mysql://secretive:" + secret + "@" + my + "/secret?nonsense=1",
		"mysql://secretive:" + secret + "@[nogroup]/secret",
		"postgres://kamailio:" + secret + "@" + pg + "/secret",
		"postgres://kamailio:" + secret + "@" + nobody + "/secret",
		"postgres://kamailio:" + secret + "@" + garbage + "/secret",
		"postgres://secretive:" + secret + "@" + pg + "/missing",
		"postgres://secretive:" + secret + "@" + pg + "/secret?sslmode=" + "nonsense",
		"postgres://secretive:" + secret + "@" + pg + "/secret?connect_timeout=soon",
		"postgres://secretive:" + secret + "@" + pg + "/secret?nonsense=1",
		"postgres://secretive:" + secret + "@" + pg + "/secret?a%zz=1",
		"sqlite:///nonexistent/" + secret,
	} {
		_, _, err := Open(within(t, 20*time.Second), Config{URL: url, Mode: storage.ModeDatabase})
		if err == nil {
			err = fmt.Errorf("opened %s", url)
		}
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			if !strings.HasPrefix(url, "sqlite") {
				errs = append(errs, fmt.Sprintf(verb, err))
			}
		}
	}

	// The right password, in every URL that can hold it.
	for _, url := range []string{"mysql://secretive:" + secret + "@" + my + "/secret", "postgres://secretive:" + secret + "@" + pg + "/secret"} {
		s, notes, err := Open(within(t, 20*time.Second), Config{URL: url, Mode: storage.ModeDatabase})
		if !assert.NoError(t, err) {
			continue
		}
		errs = append(errs, texts(notes)...)
		require.NoError(t, s.Close())
		_, err = s.Fetch(within(t, 10*time.Second), []sip.Key{"a@b"})
		assert.ErrorIs(t, err, storage.ErrUnavailable)
		errs = append(errs, err.Error())
	}

	os.Stdout, os.Stderr = stdout, stderr
	require.NoError(t, w.Close())
	errs = append(errs, <-printed)
	for _, text := range errs {
		assert.NotContains(t, text, secret)
		assert.NotContains(t, text, strings.ReplaceAll(secret, "'", `\'`))
	}
	assert.Empty(t, errs[len(errs)-1], "nothing is printed")
}

// A password of one letter is not given away by what is left out of a text.
func TestShortPassword(t *testing.T) {
	require.NoError(t, mariaDB.Exec("", "CREATE USER short IDENTIFIED BY 'a'"))
	_, _, err := Open(within(t, 5*time.Second), Config{URL: fmt.Sprintf("mysql://short:a@127.0.0.1:%d/secret", mariaDB.Port), Mode: storage.ModeDatabase})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "Access denied")
	assert.NotContains(t, err.Error(), "*")
	for _, params := range []string{"sslmode=nonsense", "connect_timeout=a", "nonsense=1"} {
		_, _, err = Open(within(t, 5*time.Second), Config{URL: fmt.Sprintf("postgres://short:e@127.0.0.1:%d/secret?%s", postgreSQL.Port, params), Mode: storage.ModeDatabase})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "*")
	}
}

func testFiles(kind string) []string {
	if kind == "PostgreSQL" {
		return []string{"../../../sql/imc-create-postgres.sql"}
	}
	return []string{"../../../sql/imc-create.sql"}
}

// garbageServer answers each connection with what is no database protocol.
func garbageServer(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// localhost means the server's socket, and TCP where there is none; a group of
// an option file names everything.
func TestLocalhost(t *testing.T) {
	require.NoError(t, mariaDB.CreateDatabase("local", "", testFiles("MariaDB")...))
	home := t.TempDir()
	t.Setenv("HOME", home)
	require.NoError(t, os.WriteFile(filepath.Join(home, ".my.cnf"), []byte(fmt.Sprintf(
		"[viasocket]\nuser=kamailio\npassword='kamailiorw'\nsocket=%s\n[viatcp]\nprotocol=tcp\nuser=kamailio\npassword=kamailiorw\nport=%d\n",
		mariaDB.Socket, mariaDB.Port)), 0o600))
	sockets := mysqlSockets
	t.Cleanup(func() { mysqlSockets = sockets })
	for _, test := range []struct {
		url, socket string
		local       bool
	}{
		{"mysql://kamailio:kamailiorw@localhost/local", mariaDB.Socket, true},
		{"mysql://kamailio:kamailiorw@/local", mariaDB.Socket, true},
		{fmt.Sprintf("mysql://kamailio:kamailiorw@localhost:%d/local", mariaDB.Port), "/nonexistent", false},
		{"mysql://[viasocket]/local", "/nonexistent", true},
		{"mysql://[viatcp]/local", mariaDB.Socket, false},
		{fmt.Sprintf("mysql://[viasocket]127.0.0.1:%d/local", mariaDB.Port), mariaDB.Socket, false},
	} {
		mysqlSockets = []string{test.socket}
		s, _, err := Open(within(t, 20*time.Second), Config{URL: test.url, Mode: storage.ModeDatabase})
		if !assert.NoError(t, err, test.url) {
			continue
		}
		var host string
		require.NoError(t, s.db.Get(&host, "SELECT SUBSTRING_INDEX(host, ':', 1) FROM information_schema.processlist WHERE id = CONNECTION_ID()"))
		assert.Equal(t, test.local, host == "localhost", "%s: %s", test.url, host)
		require.NoError(t, s.Close())
	}
	mysqlSockets = []string{"/nonexistent"}
	_, _, err := Open(within(t, 20*time.Second), Config{URL: "mysql://kamailio:kamailiorw@localhost:1/local", Mode: storage.ModeDatabase})
	require.ErrorIs(t, err, storage.ErrUnavailable)

	require.NoError(t, postgreSQL.CreateDatabase("local", testFiles("PostgreSQL")...))
	s, _, err := Open(within(t, 20*time.Second), Config{Mode: storage.ModeDatabase,
		URL: fmt.Sprintf("postgres://kamailio@/local?host=%s&port=%d", postgreSQL.Dir, postgreSQL.Port)})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// IPv6, where the machine has it.
func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 on this machine:", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // a bridge to the server, which listens on 127.0.0.1
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", mariaDB.Port))
			if err != nil {
				_ = in.Close()
				return
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
	require.NoError(t, mariaDB.CreateDatabase("six", "", testFiles("MariaDB")...))
	s, _, err := Open(within(t, 20*time.Second), Config{Mode: storage.ModeDatabase,
		URL: fmt.Sprintf("mysql://kamailio:kamailiorw@%s/six", l.Addr())})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// The account needs no other rights than the documents say.
func TestRights(t *testing.T) {
	require.NoError(t, mariaDB.CreateDatabase("rights", "", testFiles("MariaDB")...))
	require.NoError(t, mariaDB.Exec("", "CREATE USER modest IDENTIFIED BY 'pw'", "GRANT SELECT ON rights.version TO modest",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON rights.imc_rooms TO modest",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON rights.imc_members TO modest"))
	require.NoError(t, postgreSQL.CreateDatabase("rights", testFiles("PostgreSQL")...))
	require.NoError(t, postgreSQL.Exec("rights", "CREATE USER modest PASSWORD 'pw'", "GRANT SELECT ON version TO modest",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON imc_rooms, imc_members TO modest",
		"GRANT USAGE ON imc_rooms_id_seq, imc_members_id_seq TO modest"))
	for _, url := range []string{
		fmt.Sprintf("mysql://modest:pw@127.0.0.1:%d/rights", mariaDB.Port),
		fmt.Sprintf("postgres://modest:pw@127.0.0.1:%d/rights", postgreSQL.Port),
	} {
		s, notes, err := Open(within(t, 20*time.Second), Config{URL: url, Mode: storage.ModeDatabase})
		require.NoError(t, err)
		assert.Empty(t, notes)
		address := addr("r@h.com")
		for _, c := range []room.Change{
			{Create: true, Put: []room.Member{member("a@b", room.RoleOwner)}},
			{Put: []room.Member{member("a@b", room.RoleAdmin)}, Delete: []sip.Address{addr("c@d")}},
			{Destroy: true},
		} {
			c.Room = address
			require.NoError(t, s.Update(within(t, 20*time.Second), address.Key(), func(*room.Record) *room.Change { return &c }))
		}
		assert.Empty(t, load(t, s).rooms)
		_, err = s.List(within(t, 20*time.Second))
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
}
