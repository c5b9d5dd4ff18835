package sqlstore

import (
	"errors"
	"fmt"
	"os"
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

// The rows are those that the stock module writes, and none is left when the
// room is gone.
func TestRows(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		durable, shared := db.open(t, storage.ModeDurable), db.open(t, storage.ModeDatabase)
		address := addr("Lounge@Example.com")
		for _, write := range []func(c room.Change) error{
			func(c room.Change) error { return durable.Commit(t.Context(), &c) },
			func(c room.Change) error {
				return shared.Update(t.Context(), address.Key(), func(*room.Record) *room.Change { return &c })
			},
		} {
			require.NoError(t, write(room.Change{Room: address, Create: true, Private: true, Put: []room.Member{
				member("Alice@a.com", room.RoleOwner), member("bob@b.com", room.RoleInvited),
				member("carol@c.com", room.RoleMember), member("dave@d.com", room.RoleAdmin),
			}}))
			rooms, members := db.rows(t)
			assert.Equal(t, []string{"Lounge@Example.com 1"}, rooms)
			assert.Equal(t, []string{
				"Alice@a.com sip:Lounge@Example.com 1", "bob@b.com sip:Lounge@Example.com 4",
				"carol@c.com sip:Lounge@Example.com 0", "dave@d.com sip:Lounge@Example.com 2",
			}, members)

			require.NoError(t, write(room.Change{Room: address, Destroy: true}))
			rooms, members = db.rows(t)
			assert.Empty(t, rooms)
			assert.Empty(t, members)
		}
	})
}

// Names of any content come back as they are, and never become SQL.
func TestNames(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		s := db.open(t, storage.ModeDatabase)
		ctx := within(t, 20*time.Second)
		names := []string{`it's`, `"quoted"`, `back\slash`, `100%_?`, "a$1:b", "'; DROP TABLE imc_rooms; --", `\'`, "a`b", "[x]{y}", "é"}
		if db.kind.name != "MariaDB_stock" {
			names = append(names, "日本語", "Ω\u0301", "😀", "😃", strings.Repeat("ü", 64))
		}
		for i, name := range names {
			name = strings.ReplaceAll(name, " ", "+")
			address := sip.Address{User: name, Host: "h.com"}
			if len(name) > 50 {
				address.User = "long"
			}
			user := sip.Address{User: name, Host: "u.com"}
			create := room.Change{Room: address, Create: true, Put: []room.Member{{Address: user, Role: room.RoleOwner}}}
			if i%2 == 0 {
				require.NoError(t, s.Commit(ctx, &create), name)
			} else {
				require.NoError(t, s.Update(ctx, address.Key(), func(r *room.Record) *room.Change {
					assert.Nil(t, r, name)
					return &create
				}), name)
			}
			r := fetch(t, s, address.Key())
			if assert.NotNil(t, r, name) {
				assert.Equal(t, address, r.Address)
				assert.Equal(t, create.Put, r.Members)
			}
		}
		assert.Len(t, load(t, s).rooms, len(names))
		for i := range names {
			name := strings.ReplaceAll(names[i], " ", "+")
			require.NoError(t, s.Update(ctx, sip.Address{User: name, Host: "h.com"}.Key(), func(r *room.Record) *room.Change {
				if r == nil {
					return nil
				}
				return &room.Change{Room: r.Address, Destroy: true}
			}))
		}
		rest := load(t, s)
		delete(rest.rooms, "long@h.com")
		assert.Empty(t, rest.rooms)
	})
}

// What a table cannot hold is refused as such, and nothing is changed.
func TestRefusedNames(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		if !db.kind.lengths {
			return // SQLite holds anything
		}
		ctx := within(t, 20*time.Second)
		for _, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
			s := db.open(t, mode)
			write := func(c room.Change) error {
				if mode == storage.ModeDurable {
					return s.Commit(ctx, &c)
				}
				return s.Update(ctx, c.Room.Key(), func(*room.Record) *room.Change { return &c })
			}
			bad := []string{strings.Repeat("x", 65), "\xff\xfe"}
			if db.kind.name == "MariaDB_stock" {
				bad = append(bad, "日本語")
			}
			address := addr(fmt.Sprintf("good%d@h.com", mode))
			require.NoError(t, write(room.Change{Room: address, Create: true, Put: []room.Member{member("a@b", room.RoleOwner)}}))
			before, err := s.List(ctx)
			require.NoError(t, err)
			for _, name := range bad {
				err := write(room.Change{Room: addr(name + "@h.com"), Create: true, Put: []room.Member{member("a@b", room.RoleOwner)}})
				assert.ErrorIs(t, err, storage.ErrValue, "room %q", name)
				err = write(room.Change{Room: address, Put: []room.Member{member(name+"@b", 0)}})
				assert.ErrorIs(t, err, storage.ErrValue, "member %q", name)
				err = write(room.Change{Room: address, Put: []room.Member{member("fine@b", 0), member(name+"@b", 0)}})
				assert.ErrorIs(t, err, storage.ErrValue, "members %q", name)
			}
			after, err := s.List(ctx)
			require.NoError(t, err)
			assert.Equal(t, before, after)
		}
	})
}

// Where a collation takes accents for the same, the second name is refused; it
// is never taken for the first.
func TestAccents(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		ctx := within(t, 20*time.Second)
		for _, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
			s := db.open(t, mode)
			write := func(c room.Change) error {
				if mode == storage.ModeDurable {
					return s.Commit(ctx, &c)
				}
				return s.Update(ctx, c.Room.Key(), func(*room.Record) *room.Change { return &c })
			}
			plain, accent := addr(fmt.Sprintf("cafe%d@h.com", mode)), addr(fmt.Sprintf("café%d@h.com", mode))
			jose, josé := member("jose@u.com", room.RoleOwner), member("josé@u.com", room.RoleMember)
			require.NoError(t, write(room.Change{Room: plain, Create: true, Put: []room.Member{jose}}))
			err := write(room.Change{Room: accent, Create: true, Put: []room.Member{josé}})
			errMember := write(room.Change{Room: plain, Put: []room.Member{josé}})
			want := []room.Member{jose, josé}
			if db.kind.folds {
				assert.ErrorIs(t, err, storage.ErrValue)
				assert.ErrorIs(t, errMember, storage.ErrValue)
				assert.Nil(t, fetch(t, s, accent.Key()))
				want = want[:1]
			} else {
				require.NoError(t, err)
				require.NoError(t, errMember)
				require.NoError(t, write(room.Change{Room: accent, Destroy: true}))
			}
			assert.Equal(t, want, fetch(t, s, plain.Key()).Members)
		}
	})
}

func TestFetchMany(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		s := db.open(t, storage.ModeDatabase)
		ctx := within(t, 30*time.Second)
		const n = 3*fetchChunk/2 + 7
		var keys []sip.Key
		for i := range n {
			keys = append(keys, sip.Key(fmt.Sprintf("room%d@h%d.com", i, i%7)), "missing@h.com")
			if i%9 == 0 {
				c := room.Change{Room: addr(fmt.Sprintf("Room%d@h%d.com", i, i%7)), Create: true, Private: i%2 == 0}
				for j := range i % 5 {
					c.Put = append(c.Put, member(fmt.Sprintf("u%d@h.com", j), room.RoleMember))
				}
				require.NoError(t, s.Commit(ctx, &c))
			}
		}
		found, err := s.Fetch(ctx, keys)
		require.NoError(t, err)
		assert.Len(t, found, (n+8)/9)
		for i := 0; i < n; i += 9 {
			r := found[sip.Key(fmt.Sprintf("room%d@h%d.com", i, i%7))]
			if assert.NotNil(t, r, i) {
				assert.Equal(t, i%2 == 0, r.Private)
				assert.Len(t, r.Members, i%5)
			}
		}
		found, err = s.Fetch(ctx, nil)
		require.NoError(t, err)
		assert.Empty(t, found)
	})
}

// A room that cannot be in the tables is not found; it does no harm to those
// that are asked for with it.
func TestFetchImpossible(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		s := db.open(t, storage.ModeDatabase)
		ctx := within(t, 20*time.Second)
		require.NoError(t, s.Commit(ctx, &room.Change{Room: addr("good@h.com"), Create: true}))
		require.NoError(t, s.Commit(ctx, &room.Change{Room: addr("??@h.com"), Create: true}))
		found, err := s.Fetch(ctx, []sip.Key{"good@h.com", "日本@h.com", "\xff\xfe@h.com", "a\x00b@h.com",
			sip.Key(strings.Repeat("x", 100_000) + "@h.com"), "", "@", "nohost", "😀@😀"})
		require.NoError(t, err)
		assert.Len(t, found, 1)
		found, err = s.Fetch(ctx, []sip.Key{"\xff@h.com"})
		require.NoError(t, err)
		assert.Empty(t, found)
		require.NoError(t, s.Update(ctx, "日本@h.com", func(r *room.Record) *room.Change {
			assert.Nil(t, r)
			return nil
		}))
	})
}

// More rows than one statement takes.
func TestBigRoom(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		s := db.open(t, storage.ModeDatabase)
		ctx := within(t, 30*time.Second)
		address := addr("big@h.com")
		c := &room.Change{Room: address, Create: true}
		for i := range 2*writeChunk + 3 {
			c.Put = append(c.Put, member(fmt.Sprintf("u%d@h.com", i), room.RoleMember))
		}
		require.NoError(t, s.Commit(ctx, c))
		assert.Equal(t, c.Put, fetch(t, s, address.Key()).Members)
		gone := &room.Change{Room: address}
		for i := range writeChunk + 1 {
			gone.Delete = append(gone.Delete, c.Put[i].Address)
		}
		require.NoError(t, s.Update(ctx, address.Key(), func(*room.Record) *room.Change { return gone }))
		assert.Equal(t, c.Put[writeChunk+1:], fetch(t, s, address.Key()).Members)
		// The room written anew.
		c.Destroy = true
		require.NoError(t, s.Commit(ctx, c))
		assert.Equal(t, c.Put, fetch(t, s, address.Key()).Members)
		require.NoError(t, s.Update(ctx, address.Key(), func(*room.Record) *room.Change {
			return &room.Change{Room: address, Destroy: true}
		}))
		_, members := db.rows(t)
		assert.Empty(t, members)
	})
}

// An update waits for another's, but not longer than its context.
func TestContext(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		s, other := db.open(t, storage.ModeDatabase), db.open(t, storage.ModeDatabase)
		ctx := within(t, 30*time.Second)
		address := addr("r@h.com")
		require.NoError(t, s.Commit(ctx, &room.Change{Room: address, Create: true, Put: []room.Member{member("a@b", room.RoleOwner)}}))
		inside, done := make(chan struct{}), make(chan error)
		release := make(chan struct{})
		go func() {
			done <- other.Update(ctx, address.Key(), func(*room.Record) *room.Change {
				close(inside)
				<-release
				return &room.Change{Room: address, Put: []room.Member{member("c@d", 0)}}
			})
		}()
		<-inside
		start := time.Now()
		err := s.Update(within(t, 300*time.Millisecond), address.Key(), func(*room.Record) *room.Change {
			t.Error("decided without the lock")
			return nil
		})
		notInTime(t, err)
		assert.Less(t, time.Since(start), 3*time.Second)
		close(release)
		require.NoError(t, <-done)
		require.NoError(t, s.Update(ctx, address.Key(), func(r *room.Record) *room.Change {
			assert.Len(t, r.Members, 2)
			return nil
		}))

		over := within(t, 0)
		_, err = s.Fetch(over, []sip.Key{address.Key()})
		notInTime(t, err)
		_, err = s.List(over)
		notInTime(t, err)
		notInTime(t, s.Load(over, nil, nil, nil))
		c := &room.Change{Room: address, Put: []room.Member{member("e@f", 0)}}
		err = s.Commit(over, c)
		assert.True(t, errors.Is(err, storage.ErrTimeout) || errors.Is(err, storage.ErrDoubtful), err)
		assert.Len(t, fetch(t, s, address.Key()).Members, 2)
	})
}

// notInTime checks that a call ended with its context.
func notInTime(t *testing.T, err error) {
	t.Helper()
	assert.True(t, errors.Is(err, storage.ErrTimeout) || errors.Is(err, storage.ErrLocked), err)
}

// The file that is delivered and the tables that are created are the same.
func TestSQLiteFile(t *testing.T) {
	text, err := os.ReadFile(testdb.ProjectFile("sql/imc-create-sqlite.sql"))
	require.NoError(t, err)
	_, statements, _ := strings.Cut(string(text), "\n\n")
	assert.Equal(t, strings.NewReplacer("{rooms}", DefaultRoomsTable, "{members}", DefaultMembersTable).Replace(sqliteCreate), statements)
}
