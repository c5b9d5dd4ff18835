package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"database/sql"

	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// benchDatabase makes a database with the project's own tables.
func benchDatabase(b *testing.B, kind, name string) database {
	switch kind {
	case "MariaDB":
		require.NoError(b, mariaDB.CreateDatabase(name, "", testFiles(kind)...))
		return database{url: mariaDB.URL(name), sql: mariaDB.Open(name)}
	case "PostgreSQL":
		require.NoError(b, postgreSQL.CreateDatabase(name, testFiles(kind)...))
		return database{url: postgreSQL.URL(name), sql: postgreSQL.Open(name)}
	}
	path := filepath.Join(b.TempDir(), "imc.db")
	s, _, err := Open(context.Background(), Config{URL: "sqlite://" + path, Mode: storage.ModeDurable})
	require.NoError(b, err)
	require.NoError(b, s.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(b, err)
	return database{url: "sqlite://" + path, sql: db}
}

func benchStore(b *testing.B, db database, mode storage.Mode) *Store {
	s, _, err := Open(context.Background(), Config{URL: db.url, Mode: mode})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, errors.Join(s.Close(), db.sql.Close()))
	})
	return s
}

// BenchmarkLoad loads rooms of 10 members; the time is to grow with their
// number and no faster.
func BenchmarkLoad(b *testing.B) {
	for _, kind := range []string{"MariaDB", "PostgreSQL", "SQLite"} {
		for _, rooms := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d_rooms", kind, rooms), func(b *testing.B) {
				db := benchDatabase(b, kind, "load")
				fill(b, db, rooms, 10)
				s := benchStore(b, db, storage.ModeDurable)
				for b.Loop() {
					n, m := 0, 0
					require.NoError(b, s.Load(context.Background(), func(sip.Address, bool) { n++ },
						func(sip.Key, room.Member) { m++ }, func(log.Note) {}))
					require.Equal(b, rooms, n)
					require.Equal(b, 10*rooms, m)
				}
			})
		}
	}
}

// BenchmarkJoin adds a member to a room of 10 and to one of 10,000.
func BenchmarkJoin(b *testing.B) {
	for _, kind := range []string{"MariaDB", "PostgreSQL", "SQLite"} {
		for _, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
			for _, members := range []int{10, 10_000} {
				b.Run(fmt.Sprintf("%s/mode_%d/room_of_%d", kind, mode, members), func(b *testing.B) {
					db := benchDatabase(b, kind, "joins")
					fill(b, db, 1, members)
					s := benchStore(b, db, mode)
					address := addr("room0@h.com")
					i := 0
					for b.Loop() {
						c := &room.Change{Room: address, Put: []room.Member{member(fmt.Sprintf("new%d@u.com", i), 0)}}
						i++
						var err error
						if mode == storage.ModeDurable {
							err = s.Commit(context.Background(), c)
						} else {
							err = s.Update(context.Background(), address.Key(), func(*room.Record) *room.Change { return c })
						}
						require.NoError(b, err)
					}
				})
			}
		}
	}
}

// BenchmarkFetch reads rooms of 10 members, one or many at a time.
func BenchmarkFetch(b *testing.B) {
	for _, kind := range []string{"MariaDB", "PostgreSQL", "SQLite"} {
		db := benchDatabase(b, kind, "fetch")
		fill(b, db, 10_000, 10)
		if kind == "PostgreSQL" {
			_, err := db.sql.Exec("ANALYZE") // as the server does by itself after a while
			require.NoError(b, err)
		}
		s := benchStore(b, db, storage.ModeDatabase)
		for _, rooms := range []int{1, 20, 400} {
			b.Run(fmt.Sprintf("%s/%d_rooms", kind, rooms), func(b *testing.B) {
				keys := make([]sip.Key, rooms)
				n := 0
				for b.Loop() {
					for i := range keys {
						keys[i] = sip.Key(fmt.Sprintf("room%d@h.com", n*7919%10_000))
						n++
					}
					found, err := s.Fetch(context.Background(), keys)
					require.NoError(b, err)
					require.Len(b, found, rooms)
				}
			})
		}
	}
}

// Loading takes little memory beside what it hands out, and is not stopped by
// the number of rooms.
func TestLoadMany(t *testing.T) {
	db := backends()[1].fresh(t) // the stock tables, which have no index on room
	const rooms, members = 5_000, 10
	fill(t, db, rooms, members)
	s := db.open(t, storage.ModeDurable)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	n, m := 0, 0
	require.NoError(t, s.Load(within(t, 30*time.Second), func(sip.Address, bool) { n++ },
		func(sip.Key, room.Member) { m++ }, func(note log.Note) { t.Error(note) }))
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	require.Equal(t, rooms, n)
	require.Equal(t, rooms*members, m)
	require.Less(t, took, 10*time.Second, "a scan of members for each room would take longer")
	t.Logf("%d rooms of %d: %s, %d kB allocated", rooms, members, took, (after.TotalAlloc-before.TotalAlloc)/1024)
}
