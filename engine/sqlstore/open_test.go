package sqlstore

import (
	"bytes"
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

	"kamailio-imc/engine"
)

// Tables that are missing or of another kind stop the start with a line that
// names table, versions and remedy.
func TestSchema(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		refused := func(cfg Config, parts ...string) {
			t.Helper()
			cfg.URL, cfg.Mode = db.url, modeDurable
			_, _, err := Open(within(t, 10*time.Second), cfg)
			require.ErrorIs(t, err, engine.ErrSchema)
			for _, part := range append(parts, "sql/imc-create") {
				assert.Contains(t, err.Error(), part)
			}
			assert.NotContains(t, err.Error(), "kamailiorw")
		}
		file := db.kind.name == "SQLite" || db.kind.name == "SQLite_stock"

		db.exec(t, "UPDATE version SET table_version = 2 WHERE table_name = 'imc_members'")
		refused(Config{}, "imc_members", "version 2", "version 1")
		db.exec(t, "DELETE FROM version WHERE table_name = 'imc_members'")
		refused(Config{}, "does not know table imc_members", "version 1",
			"INSERT INTO version (table_name, table_version) VALUES ('imc_members', 1)")
		db.exec(t, "INSERT INTO version (table_name, table_version) VALUES ('imc_members', 1)")
		db.open(t, modeDurable)

		if !file { // SQLite creates them
			refused(Config{RoomsTable: "chat_rooms"}, "chat_rooms")
		}
		db.exec(t, "INSERT INTO version (table_name, table_version) VALUES ('chat_rooms', 1)")
		db.exec(t, "ALTER TABLE imc_rooms RENAME TO chat_rooms")
		db.exec(t, "ALTER TABLE imc_members RENAME TO my_members")
		db.exec(t, "INSERT INTO version (table_name, table_version) VALUES ('my_members', 1)")
		s, _ := db.openNoted(t, Config{Mode: modeDurable, RoomsTable: "chat_rooms", MembersTable: "my_members"})
		require.NoError(t, s.Commit(within(t, 10*time.Second), &engine.Change{Room: addr("a@b"), Create: true}))
		assert.Len(t, load(t, s).rooms, 1)
		if !file {
			_, _, err := Open(within(t, 10*time.Second), Config{URL: db.url, Mode: modeDurable})
			require.ErrorIs(t, err, engine.ErrSchema)
			assert.Contains(t, err.Error(), "imc_rooms")
		}

		db.exec(t, "ALTER TABLE my_members RENAME COLUMN room TO place")
		refused(Config{RoomsTable: "chat_rooms", MembersTable: "my_members"}, "my_members", "no column room")
		db.exec(t, "DROP TABLE version")
		if !file {
			refused(Config{}, "no table version", "imc_rooms", "version 1")
		}
	})
}

func TestTableNames(t *testing.T) {
	db := backends()[0].fresh(t)
	for _, cfg := range []Config{
		{RoomsTable: "imc_rooms; DROP TABLE x"}, {MembersTable: "a`b"}, {RoomsTable: "a.b.c"}, {MembersTable: "."},
		{RoomsTable: strings.Repeat("x", 65)}, {RoomsTable: "imc_members"}, {MembersTable: "IMC_ROOMS"},
	} {
		cfg.URL, cfg.Mode = db.url, modeDurable
		_, _, err := Open(within(t, 10*time.Second), cfg)
		assert.ErrorContains(t, err, "_table", "%+v", cfg)
	}
	// A table of another schema.
	_, database, _ := strings.Cut(strings.TrimPrefix(db.url, "mysql://"), "/")
	s, _ := db.openNoted(t, Config{Mode: modeDurable, RoomsTable: database + ".imc_rooms"})
	assert.Empty(t, load(t, s).rooms)

	// SQLite makes tables of any such name.
	lite := backends()[5].fresh(t)
	s, _ = lite.openNoted(t, Config{Mode: modeDurable, RoomsTable: "my-rooms", MembersTable: "my$members"})
	require.NoError(t, s.Commit(within(t, 10*time.Second), &engine.Change{Room: addr("a@b"), Create: true}))
	assert.Len(t, load(t, s).rooms, 1)
}

// Without an index one note gives the statement that makes it, and after it
// has been executed there is no note any more.
func TestMissingIndexes(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		_, durable := db.openNoted(t, Config{Mode: modeDurable})
		_, shared := db.openNoted(t, Config{Mode: modeShared})
		if db.kind.name == "MariaDB" || db.kind.name == "PostgreSQL" || strings.HasPrefix(db.kind.name, "SQLite") {
			assert.Empty(t, durable)
			assert.Empty(t, shared)
			return
		}
		require.Len(t, durable, 1)
		require.Len(t, shared, 1)
		assert.Equal(t, engine.LevelNotice, durable[0].Level)
		assert.Equal(t, engine.LevelWarning, shared[0].Level)
		assert.NotContains(t, shared[0].Text, "kamailiorw")
		_, statements, found := strings.Cut(shared[0].Text, "create it with: ")
		require.True(t, found, shared[0].Text)
		if db.kind.name == "MariaDB_stock" {
			assert.Equal(t, "ALTER TABLE `imc_members` ADD INDEX room_idx (room);", statements)
		}
		for statement := range strings.SplitSeq(strings.TrimSuffix(statements, ";"), "; ") {
			db.exec(t, statement)
		}
		s, notes := db.openNoted(t, Config{Mode: modeShared})
		if db.kind.name == "MariaDB_stock_utf8_bin" {
			require.Len(t, notes, 1)
			assert.Contains(t, notes[0].Text, "collation")
			return
		}
		assert.Empty(t, notes)
		assert.True(t, s.d.unique)
	})
}

// The indexes serve the queries.
func TestPlans(t *testing.T) {
	for _, b := range []backend{backends()[0], backends()[1], backends()[3], backends()[5]} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			db := b.fresh(t)
			if b.name == "MariaDB_stock" {
				db.exec(t, "ALTER TABLE imc_members ADD INDEX room_idx (room)")
			}
			s := db.open(t, modeShared)
			if b.name == "SQLite" { // plans without statistics
				fill(t, db, 200, 5)
			} else {
				fill(t, db, 2000, 5)
			}
			if b.name == "PostgreSQL" {
				db.exec(t, "ANALYZE")
			}
			one, oneArgs := s.d.areRooms(map[engine.Key]bool{"room1@h.com": true, "room2@h.com": true, "room3@h.com": true})
			two, twoArgs := s.d.areRooms(map[engine.Key]bool{"room1@h.com": true, "room2@h.com": true, "room3@i.com": true})
			for _, query := range []struct {
				text string
				args []any
			}{
				{"SELECT id, name, domain, flag FROM imc_rooms WHERE " + one, oneArgs},
				{"SELECT id, name, domain, flag FROM imc_rooms WHERE " + two, twoArgs},
				{"SELECT id, username FROM imc_members WHERE " + s.d.in("room", 4),
					[]any{"sip:room1@h.com", "sip:room2@h.com", "sip:room3@h.com", "sip:room1999@h.com"}},
				{"SELECT id, username FROM imc_members WHERE " + s.d.isMember(), []any{"u1", "h.com", "sip:room1@h.com"}},
			} {
				explain := "EXPLAIN "
				if b.name == "SQLite" {
					explain = "EXPLAIN QUERY PLAN "
				}
				rows, err := s.db.Queryx(s.db.Rebind(explain+query.text), query.args...)
				require.NoError(t, err)
				var plan bytes.Buffer
				for rows.Next() {
					values, err := rows.SliceScan()
					require.NoError(t, err)
					for _, v := range values {
						if b, ok := v.([]byte); ok {
							v = string(b)
						}
						fmt.Fprint(&plan, v, " ")
					}
					fmt.Fprintln(&plan)
				}
				require.NoError(t, rows.Err())
				for _, scan := range []string{" ALL ", "imc_members index ", "Seq Scan", "SCAN "} {
					assert.NotContains(t, plan.String(), scan, query.text)
				}
			}
		})
	}
}

// fill writes many rooms past the store.
func fill(t testing.TB, db database, rooms, members int) {
	t.Helper()
	tx, err := db.sql.Begin()
	require.NoError(t, err)
	insert := func(what string, n int, value func(i int) string) {
		for start := 0; start < n; start += 2000 {
			var b strings.Builder
			for i := start; i < min(n, start+2000); i++ {
				b.WriteString(value(i) + ",")
			}
			_, err := tx.Exec("INSERT INTO " + what + " VALUES " + strings.TrimSuffix(b.String(), ","))
			require.NoError(t, err)
		}
	}
	insert("imc_rooms (name,domain,flag)", rooms, func(i int) string { return fmt.Sprintf("('room%d','h.com',%d)", i, i%2) })
	insert("imc_members (username,domain,room,flag)", rooms*members, func(i int) string {
		flag := 0
		if i%members == 0 {
			flag = 17
		}
		return fmt.Sprintf("('u%d','u.com','sip:room%d@h.com',%d)", i%members, i/members, flag)
	})
	require.NoError(t, tx.Commit())
}

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
		_, _, err := Open(within(t, 20*time.Second), Config{URL: url, Mode: modeShared})
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
		s, notes, err := Open(within(t, 20*time.Second), Config{URL: url, Mode: modeShared})
		if !assert.NoError(t, err) {
			continue
		}
		errs = append(errs, texts(notes)...)
		require.NoError(t, s.Close())
		_, err = s.Fetch(within(t, 10*time.Second), []engine.Key{"a@b"})
		assert.ErrorIs(t, err, engine.ErrUnavailable)
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
	_, _, err := Open(within(t, 5*time.Second), Config{URL: fmt.Sprintf("mysql://short:a@127.0.0.1:%d/secret", mariaDB.Port), Mode: modeShared})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "Access denied")
	assert.NotContains(t, err.Error(), "*")
	for _, params := range []string{"sslmode=nonsense", "connect_timeout=a", "nonsense=1"} {
		_, _, err = Open(within(t, 5*time.Second), Config{URL: fmt.Sprintf("postgres://short:e@127.0.0.1:%d/secret?%s", postgreSQL.Port, params), Mode: modeShared})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "*")
	}
}

func testFiles(kind string) []string {
	if kind == "PostgreSQL" {
		return []string{"../../sql/imc-create-postgres.sql"}
	}
	return []string{"../../sql/imc-create.sql"}
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
		s, _, err := Open(within(t, 20*time.Second), Config{URL: test.url, Mode: modeShared})
		if !assert.NoError(t, err, test.url) {
			continue
		}
		var host string
		require.NoError(t, s.db.Get(&host, "SELECT SUBSTRING_INDEX(host, ':', 1) FROM information_schema.processlist WHERE id = CONNECTION_ID()"))
		assert.Equal(t, test.local, host == "localhost", "%s: %s", test.url, host)
		require.NoError(t, s.Close())
	}
	mysqlSockets = []string{"/nonexistent"}
	_, _, err := Open(within(t, 20*time.Second), Config{URL: "mysql://kamailio:kamailiorw@localhost:1/local", Mode: modeShared})
	require.ErrorIs(t, err, engine.ErrUnavailable)

	require.NoError(t, postgreSQL.CreateDatabase("local", testFiles("PostgreSQL")...))
	s, _, err := Open(within(t, 20*time.Second), Config{Mode: modeShared,
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
	s, _, err := Open(within(t, 20*time.Second), Config{Mode: modeShared,
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
		s, notes, err := Open(within(t, 20*time.Second), Config{URL: url, Mode: modeShared})
		require.NoError(t, err)
		assert.Empty(t, notes)
		room := addr("r@h.com")
		for _, c := range []engine.Change{
			{Create: true, Put: []engine.Member{member("a@b", engine.RoleOwner)}},
			{Put: []engine.Member{member("a@b", engine.RoleAdmin)}, Delete: []engine.Address{addr("c@d")}},
			{Destroy: true},
		} {
			c.Room = room
			require.NoError(t, s.Update(within(t, 20*time.Second), room.Key(), func(*engine.RoomRecord) *engine.Change { return &c }))
		}
		assert.Empty(t, load(t, s).rooms)
		_, err = s.List(within(t, 20*time.Second))
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
}
