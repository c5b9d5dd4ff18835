package sqlstore

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// Tables that are missing or of another kind stop the start with a line that
// names table, versions and remedy.
func TestSchema(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		refused := func(cfg Config, parts ...string) {
			t.Helper()
			cfg.URL, cfg.Mode = db.url, storage.ModeDurable
			_, _, err := Open(within(t, 10*time.Second), cfg)
			require.ErrorIs(t, err, storage.ErrSchema)
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
		db.open(t, storage.ModeDurable)

		if !file { // SQLite creates them
			refused(Config{RoomsTable: "chat_rooms"}, "chat_rooms")
		}
		db.exec(t, "INSERT INTO version (table_name, table_version) VALUES ('chat_rooms', 1)")
		db.exec(t, "ALTER TABLE imc_rooms RENAME TO chat_rooms")
		db.exec(t, "ALTER TABLE imc_members RENAME TO my_members")
		db.exec(t, "INSERT INTO version (table_name, table_version) VALUES ('my_members', 1)")
		s, _ := db.openNoted(t, Config{Mode: storage.ModeDurable, RoomsTable: "chat_rooms", MembersTable: "my_members"})
		require.NoError(t, s.Commit(within(t, 10*time.Second), &room.Change{Room: addr("a@b"), Create: true}))
		assert.Len(t, load(t, s).rooms, 1)
		if !file {
			_, _, err := Open(within(t, 10*time.Second), Config{URL: db.url, Mode: storage.ModeDurable})
			require.ErrorIs(t, err, storage.ErrSchema)
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
		cfg.URL, cfg.Mode = db.url, storage.ModeDurable
		_, _, err := Open(within(t, 10*time.Second), cfg)
		assert.ErrorContains(t, err, "_table", "%+v", cfg)
	}
	// A table of another schema.
	_, database, _ := strings.Cut(strings.TrimPrefix(db.url, "mysql://"), "/")
	s, _ := db.openNoted(t, Config{Mode: storage.ModeDurable, RoomsTable: database + ".imc_rooms"})
	assert.Empty(t, load(t, s).rooms)

	// SQLite makes tables of any such name.
	lite := backends()[5].fresh(t)
	s, _ = lite.openNoted(t, Config{Mode: storage.ModeDurable, RoomsTable: "my-rooms", MembersTable: "my$members"})
	require.NoError(t, s.Commit(within(t, 10*time.Second), &room.Change{Room: addr("a@b"), Create: true}))
	assert.Len(t, load(t, s).rooms, 1)
}

// Without an index one note gives the statement that makes it, and after it
// has been executed there is no note any more.
func TestMissingIndexes(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		_, durable := db.openNoted(t, Config{Mode: storage.ModeDurable})
		_, shared := db.openNoted(t, Config{Mode: storage.ModeDatabase})
		if db.kind.name == "MariaDB" || db.kind.name == "PostgreSQL" || strings.HasPrefix(db.kind.name, "SQLite") {
			assert.Empty(t, durable)
			assert.Empty(t, shared)
			return
		}
		require.Len(t, durable, 1)
		require.Len(t, shared, 1)
		assert.Equal(t, log.Notice, durable[0].Level)
		assert.Equal(t, log.Warning, shared[0].Level)
		assert.NotContains(t, shared[0].Text, "kamailiorw")
		_, statements, found := strings.Cut(shared[0].Text, "create it with: ")
		require.True(t, found, shared[0].Text)
		if db.kind.name == "MariaDB_stock" {
			assert.Equal(t, "ALTER TABLE `imc_members` ADD INDEX room_idx (room);", statements)
		}
		for statement := range strings.SplitSeq(strings.TrimSuffix(statements, ";"), "; ") {
			db.exec(t, statement)
		}
		s, notes := db.openNoted(t, Config{Mode: storage.ModeDatabase})
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
			s := db.open(t, storage.ModeDatabase)
			if b.name == "SQLite" { // plans without statistics
				fill(t, db, 200, 5)
			} else {
				fill(t, db, 2000, 5)
			}
			if b.name == "PostgreSQL" {
				db.exec(t, "ANALYZE")
			}
			one, oneArgs := s.d.areRooms(map[sip.Key]bool{"room1@h.com": true, "room2@h.com": true, "room3@h.com": true})
			two, twoArgs := s.d.areRooms(map[sip.Key]bool{"room1@h.com": true, "room2@h.com": true, "room3@i.com": true})
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
