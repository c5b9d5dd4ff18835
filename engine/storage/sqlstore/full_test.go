package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/tests/testdb"
)

// TestFull fills a database: what it refuses for want of space is known as
// that, and works again when there is space.
func TestFull(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		tr := trouble(t, "SQLite")
		tr.s.db.SetMaxOpenConns(1)                          // the limit is one of the connection
		_, err := tr.s.db.Exec("PRAGMA max_page_count = 1") // not below what there is
		require.NoError(t, err)
		fill := &room.Change{Room: addr("full@h.com"), Create: true}
		for i := range 2000 {
			fill.Put = append(fill.Put, member(fmt.Sprintf("u%d@a-long-name-of-a-host.example.com", i), 0))
		}
		assert.ErrorIs(t, tr.write(fill), storage.ErrFull)
		_, err = tr.s.db.Exec("PRAGMA max_page_count = 1000000")
		require.NoError(t, err)
		assert.NoError(t, tr.write(fill))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		tr := trouble(t, "PostgreSQL")
		// The words of a server whose disk is full.
		tr.exec(t, "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$",
			"CREATE TRIGGER no_space BEFORE INSERT ON imc_members FOR EACH ROW EXECUTE FUNCTION no_space()")
		assert.ErrorIs(t, tr.write(joins("room@h.com", "x@b.com")), storage.ErrFull)
		assert.ErrorIs(t, tr.commit(joins("room@h.com", "x@b.com")), storage.ErrFull)
		assert.ErrorIs(t, tr.s.Probe(within(t, 3*time.Second)), storage.ErrFull)
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		m := testdb.StartMariaDB(t, "--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:24M")
		require.NoError(t, m.CreateDatabase("imc", "", testFiles("MariaDB")...))
		s, _, err := Open(within(t, 20*time.Second), Config{URL: m.URL("imc"), Mode: storage.ModeDatabase})
		require.NoError(t, err)
		defer func() { assert.NoError(t, s.Close()) }()
		db := m.Open("imc")
		defer func() { _ = db.Close() }()
		fillUp(t, db)
		address := addr("full@h.com")
		fill := &room.Change{Room: address, Create: true}
		for i := range 2000 {
			fill.Put = append(fill.Put, member(fmt.Sprintf("u%d@a-long-name-of-a-host.example.com", i), 0))
		}
		write := func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			return s.Update(ctx, address.Key(), func(*room.Record) *room.Change { return fill })
		}
		assert.ErrorIs(t, write(), storage.ErrFull)
		_, err = s.Fetch(within(t, 5*time.Second), []sip.Key{address.Key()})
		assert.NoError(t, err, "it can be read")
	})
}

// fillUp leaves no space in a MariaDB for new rows. From version 11 on the
// server itself crashes when its table space is really full (seen with 11.8.9),
// so there it says by triggers what it would say.
func fillUp(t *testing.T, db *sql.DB) {
	t.Helper()
	var version string
	require.NoError(t, db.QueryRow("SELECT VERSION()").Scan(&version))
	major, err := strconv.Atoi(version[:strings.IndexByte(version, '.')])
	require.NoError(t, err)
	if major >= 11 {
		for _, table := range []string{"imc_rooms", "imc_members"} {
			_, err := db.Exec("CREATE TRIGGER no_space_" + table + " BEFORE INSERT ON " + table +
				" FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'")
			require.NoError(t, err)
		}
		return
	}
	_, err = db.Exec("CREATE TABLE junk (a LONGBLOB) ENGINE=InnoDB")
	require.NoError(t, err)
	for size := 1 << 20; size >= 16<<10; { // nearly to the last page: DROP needs some
		if _, err := db.Exec(fmt.Sprintf("INSERT INTO junk VALUES (REPEAT('x', %d))", size)); err != nil {
			size /= 4
		}
	}
}
