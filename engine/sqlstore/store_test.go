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

	"kamailio-imc/engine"
	"kamailio-imc/tests/testdb"
)

// A room from its creation to its end, by Commit.
func TestCommit(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		s := db.open(t, modeDurable)
		ctx := within(t, 20*time.Second)
		room := addr("Lounge@Example.com")
		commit := func(c engine.Change) {
			t.Helper()
			c.Room = room
			require.NoError(t, s.Commit(ctx, &c))
		}
		assert.Empty(t, load(t, s).rooms)
		require.NoError(t, s.Commit(ctx, &engine.Change{Room: room}))
		assert.Nil(t, fetch(t, s, room.Key()))

		commit(engine.Change{Create: true, Private: true, Put: []engine.Member{member("Alice@a.com", engine.RoleOwner)}})
		commit(engine.Change{Put: []engine.Member{member("bob@b.com", engine.RoleInvited)}})
		commit(engine.Change{Put: []engine.Member{member("carol@c.com", engine.RoleMember)}})
		want := &engine.RoomRecord{Address: room, Private: true, Members: []engine.Member{
			member("Alice@a.com", engine.RoleOwner), member("bob@b.com", engine.RoleInvited), member("carol@c.com", engine.RoleMember),
		}}
		assert.Equal(t, want, fetch(t, s, room.Key()))
		l := load(t, s)
		assert.Equal(t, want, l.rooms[room.Key()])
		assert.Empty(t, l.notes)
		rooms, members := db.rows(t)
		assert.Equal(t, []string{"Lounge@Example.com 1"}, rooms)
		assert.Equal(t, []string{
			"Alice@a.com sip:Lounge@Example.com 1", "bob@b.com sip:Lounge@Example.com 4", "carol@c.com sip:Lounge@Example.com 0",
		}, members)

		// Roles change in place, several at once, in whatever case.
		commit(engine.Change{Put: []engine.Member{member("BOB@B.com", engine.RoleMember)}})
		commit(engine.Change{Put: []engine.Member{member("bob@b.com", engine.RoleOwner), member("alice@A.COM", engine.RoleAdmin)}})
		want.Members[0].Role, want.Members[1].Role = engine.RoleAdmin, engine.RoleOwner
		assert.Equal(t, want, fetch(t, s, room.Key()))

		commit(engine.Change{Delete: []engine.Address{addr("CAROL@c.com")}})
		commit(engine.Change{Delete: []engine.Address{addr("nobody@c.com")}})
		want.Members = want.Members[:2]
		assert.Equal(t, want, fetch(t, s, room.Key()))
		commit(engine.Change{
			Put: []engine.Member{member("dave@d.com", engine.RoleMember)}, Delete: []engine.Address{addr("alice@a.com")},
		})
		want.Members = []engine.Member{member("bob@b.com", engine.RoleOwner), member("dave@d.com", engine.RoleMember)}
		assert.Equal(t, want, fetch(t, s, room.Key()))

		list, err := s.List(ctx)
		require.NoError(t, err)
		assert.Equal(t, []engine.RoomInfo{{Address: room, Private: true}}, list)

		// Its owner in memory is the only one: a room that is there is a conflict.
		err = s.Commit(ctx, &engine.Change{Room: addr("LOUNGE@example.com"), Create: true})
		assert.ErrorIs(t, err, engine.ErrConflict)
		assert.Equal(t, want, fetch(t, s, room.Key()))

		commit(engine.Change{Destroy: true})
		assert.Nil(t, fetch(t, s, room.Key()))
		commit(engine.Change{Destroy: true})
		rooms, members = db.rows(t)
		assert.Empty(t, rooms)
		assert.Empty(t, members)
	})
}

// A room from its creation to its end, by Update.
func TestUpdate(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		s := db.open(t, modeShared)
		ctx := within(t, 20*time.Second)
		room := addr("Lounge@Example.com")
		update := func(want *engine.RoomRecord, c *engine.Change) {
			t.Helper()
			if c != nil {
				c.Room = room
			}
			calls := 0
			require.NoError(t, s.Update(ctx, room.Key(), func(r *engine.RoomRecord) *engine.Change {
				calls++
				assert.Equal(t, want, r)
				return c
			}))
			assert.Equal(t, 1, calls)
		}
		update(nil, nil)
		update(nil, &engine.Change{})
		update(nil, &engine.Change{Create: true, Put: []engine.Member{member("Alice@a.com", engine.RoleOwner)}})
		want := &engine.RoomRecord{Address: room, Members: []engine.Member{member("Alice@a.com", engine.RoleOwner)}}
		update(want, &engine.Change{Put: []engine.Member{member("bob@b.com", engine.RoleInvited), member("ALICE@a.com", engine.RoleAdmin)}})
		want.Members = []engine.Member{member("Alice@a.com", engine.RoleAdmin), member("bob@b.com", engine.RoleInvited)}
		update(want, &engine.Change{Delete: []engine.Address{addr("BOB@b.com"), addr("nobody@b.com")}})
		want.Members = want.Members[:1]
		update(want, nil)

		// A change that does not go with the room as it is.
		err := s.Update(ctx, room.Key(), func(*engine.RoomRecord) *engine.Change {
			return &engine.Change{Room: room, Create: true}
		})
		assert.ErrorIs(t, err, engine.ErrConflict)
		err = s.Update(ctx, "nowhere@x.com", func(*engine.RoomRecord) *engine.Change {
			return &engine.Change{Room: addr("nowhere@x.com"), Put: []engine.Member{member("a@b", 0)}}
		})
		assert.ErrorIs(t, err, engine.ErrConflict)

		update(want, &engine.Change{Destroy: true})
		update(nil, nil)
		rooms, members := db.rows(t)
		assert.Empty(t, rooms)
		assert.Empty(t, members)
	})
}

// Names of any content come back as they are, and never become SQL.
func TestNames(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		s := db.open(t, modeShared)
		ctx := within(t, 20*time.Second)
		names := []string{`it's`, `"quoted"`, `back\slash`, `100%_?`, "a$1:b", "'; DROP TABLE imc_rooms; --", `\'`, "a`b", "[x]{y}", "é"}
		if db.kind.name != "MariaDB_stock" {
			names = append(names, "日本語", "Ω\u0301", "😀", "😃", strings.Repeat("ü", 64))
		}
		for i, name := range names {
			name = strings.ReplaceAll(name, " ", "+")
			room := engine.Address{User: name, Host: "h.com"}
			if len(name) > 50 {
				room.User = "long"
			}
			user := engine.Address{User: name, Host: "u.com"}
			create := engine.Change{Room: room, Create: true, Put: []engine.Member{{Address: user, Role: engine.RoleOwner}}}
			if i%2 == 0 {
				require.NoError(t, s.Commit(ctx, &create), name)
			} else {
				require.NoError(t, s.Update(ctx, room.Key(), func(r *engine.RoomRecord) *engine.Change {
					assert.Nil(t, r, name)
					return &create
				}), name)
			}
			r := fetch(t, s, room.Key())
			if assert.NotNil(t, r, name) {
				assert.Equal(t, room, r.Address)
				assert.Equal(t, create.Put, r.Members)
			}
		}
		assert.Len(t, load(t, s).rooms, len(names))
		for i := range names {
			name := strings.ReplaceAll(names[i], " ", "+")
			require.NoError(t, s.Update(ctx, engine.Address{User: name, Host: "h.com"}.Key(), func(r *engine.RoomRecord) *engine.Change {
				if r == nil {
					return nil
				}
				return &engine.Change{Room: r.Address, Destroy: true}
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
		for _, mode := range []int{modeDurable, modeShared} {
			s := db.open(t, mode)
			write := func(c engine.Change) error {
				if mode == modeDurable {
					return s.Commit(ctx, &c)
				}
				return s.Update(ctx, c.Room.Key(), func(*engine.RoomRecord) *engine.Change { return &c })
			}
			bad := []string{strings.Repeat("x", 65), "\xff\xfe"}
			if db.kind.name == "MariaDB_stock" {
				bad = append(bad, "日本語")
			}
			room := addr(fmt.Sprintf("good%d@h.com", mode))
			require.NoError(t, write(engine.Change{Room: room, Create: true, Put: []engine.Member{member("a@b", engine.RoleOwner)}}))
			before, err := s.List(ctx)
			require.NoError(t, err)
			for _, name := range bad {
				err := write(engine.Change{Room: addr(name + "@h.com"), Create: true, Put: []engine.Member{member("a@b", engine.RoleOwner)}})
				assert.ErrorIs(t, err, engine.ErrValue, "room %q", name)
				err = write(engine.Change{Room: room, Put: []engine.Member{member(name+"@b", 0)}})
				assert.ErrorIs(t, err, engine.ErrValue, "member %q", name)
				err = write(engine.Change{Room: room, Put: []engine.Member{member("fine@b", 0), member(name+"@b", 0)}})
				assert.ErrorIs(t, err, engine.ErrValue, "members %q", name)
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
		for _, mode := range []int{modeDurable, modeShared} {
			s := db.open(t, mode)
			write := func(c engine.Change) error {
				if mode == modeDurable {
					return s.Commit(ctx, &c)
				}
				return s.Update(ctx, c.Room.Key(), func(*engine.RoomRecord) *engine.Change { return &c })
			}
			plain, accent := addr(fmt.Sprintf("cafe%d@h.com", mode)), addr(fmt.Sprintf("café%d@h.com", mode))
			jose, josé := member("jose@u.com", engine.RoleOwner), member("josé@u.com", engine.RoleMember)
			require.NoError(t, write(engine.Change{Room: plain, Create: true, Put: []engine.Member{jose}}))
			err := write(engine.Change{Room: accent, Create: true, Put: []engine.Member{josé}})
			errMember := write(engine.Change{Room: plain, Put: []engine.Member{josé}})
			want := []engine.Member{jose, josé}
			if db.kind.folds {
				assert.ErrorIs(t, err, engine.ErrValue)
				assert.ErrorIs(t, errMember, engine.ErrValue)
				assert.Nil(t, fetch(t, s, accent.Key()))
				want = want[:1]
			} else {
				require.NoError(t, err)
				require.NoError(t, errMember)
				require.NoError(t, write(engine.Change{Room: accent, Destroy: true}))
			}
			assert.Equal(t, want, fetch(t, s, plain.Key()).Members)
		}
	})
}

func TestFetchMany(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		s := db.open(t, modeShared)
		ctx := within(t, 30*time.Second)
		const n = 3*fetchChunk/2 + 7
		var keys []engine.Key
		for i := range n {
			keys = append(keys, engine.Key(fmt.Sprintf("room%d@h%d.com", i, i%7)), "missing@h.com")
			if i%9 == 0 {
				c := engine.Change{Room: addr(fmt.Sprintf("Room%d@h%d.com", i, i%7)), Create: true, Private: i%2 == 0}
				for j := range i % 5 {
					c.Put = append(c.Put, member(fmt.Sprintf("u%d@h.com", j), engine.RoleMember))
				}
				require.NoError(t, s.Commit(ctx, &c))
			}
		}
		found, err := s.Fetch(ctx, keys)
		require.NoError(t, err)
		assert.Len(t, found, (n+8)/9)
		for i := 0; i < n; i += 9 {
			r := found[engine.Key(fmt.Sprintf("room%d@h%d.com", i, i%7))]
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
		s := db.open(t, modeShared)
		ctx := within(t, 20*time.Second)
		require.NoError(t, s.Commit(ctx, &engine.Change{Room: addr("good@h.com"), Create: true}))
		require.NoError(t, s.Commit(ctx, &engine.Change{Room: addr("??@h.com"), Create: true}))
		found, err := s.Fetch(ctx, []engine.Key{"good@h.com", "日本@h.com", "\xff\xfe@h.com", "a\x00b@h.com",
			engine.Key(strings.Repeat("x", 100_000) + "@h.com"), "", "@", "nohost", "😀@😀"})
		require.NoError(t, err)
		assert.Len(t, found, 1)
		found, err = s.Fetch(ctx, []engine.Key{"\xff@h.com"})
		require.NoError(t, err)
		assert.Empty(t, found)
		require.NoError(t, s.Update(ctx, "日本@h.com", func(r *engine.RoomRecord) *engine.Change {
			assert.Nil(t, r)
			return nil
		}))
	})
}

// More rows than one statement takes.
func TestBigRoom(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		s := db.open(t, modeShared)
		ctx := within(t, 30*time.Second)
		room := addr("big@h.com")
		c := &engine.Change{Room: room, Create: true}
		for i := range 2*writeChunk + 3 {
			c.Put = append(c.Put, member(fmt.Sprintf("u%d@h.com", i), engine.RoleMember))
		}
		require.NoError(t, s.Commit(ctx, c))
		assert.Equal(t, c.Put, fetch(t, s, room.Key()).Members)
		gone := &engine.Change{Room: room}
		for i := range writeChunk + 1 {
			gone.Delete = append(gone.Delete, c.Put[i].Address)
		}
		require.NoError(t, s.Update(ctx, room.Key(), func(*engine.RoomRecord) *engine.Change { return gone }))
		assert.Equal(t, c.Put[writeChunk+1:], fetch(t, s, room.Key()).Members)
		// The room written anew.
		c.Destroy = true
		require.NoError(t, s.Commit(ctx, c))
		assert.Equal(t, c.Put, fetch(t, s, room.Key()).Members)
		require.NoError(t, s.Update(ctx, room.Key(), func(*engine.RoomRecord) *engine.Change {
			return &engine.Change{Room: room, Destroy: true}
		}))
		_, members := db.rows(t)
		assert.Empty(t, members)
	})
}

// An update waits for another's, but not longer than its context.
func TestContext(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		s, other := db.open(t, modeShared), db.open(t, modeShared)
		ctx := within(t, 30*time.Second)
		room := addr("r@h.com")
		require.NoError(t, s.Commit(ctx, &engine.Change{Room: room, Create: true, Put: []engine.Member{member("a@b", engine.RoleOwner)}}))
		inside, done := make(chan struct{}), make(chan error)
		release := make(chan struct{})
		go func() {
			done <- other.Update(ctx, room.Key(), func(*engine.RoomRecord) *engine.Change {
				close(inside)
				<-release
				return &engine.Change{Room: room, Put: []engine.Member{member("c@d", 0)}}
			})
		}()
		<-inside
		start := time.Now()
		err := s.Update(within(t, 300*time.Millisecond), room.Key(), func(*engine.RoomRecord) *engine.Change {
			t.Error("decided without the lock")
			return nil
		})
		notInTime(t, err)
		assert.Less(t, time.Since(start), 3*time.Second)
		close(release)
		require.NoError(t, <-done)
		require.NoError(t, s.Update(ctx, room.Key(), func(r *engine.RoomRecord) *engine.Change {
			assert.Len(t, r.Members, 2)
			return nil
		}))

		over := within(t, 0)
		_, err = s.Fetch(over, []engine.Key{room.Key()})
		notInTime(t, err)
		_, err = s.List(over)
		notInTime(t, err)
		notInTime(t, s.Load(over, nil, nil, nil))
		c := &engine.Change{Room: room, Put: []engine.Member{member("e@f", 0)}}
		err = s.Commit(over, c)
		assert.True(t, errors.Is(err, engine.ErrTimeout) || errors.Is(err, engine.ErrDoubtful), err)
		assert.Len(t, fetch(t, s, room.Key()).Members, 2)
	})
}

// notInTime checks that a call ended with its context.
func notInTime(t *testing.T, err error) {
	t.Helper()
	assert.True(t, errors.Is(err, engine.ErrTimeout) || errors.Is(err, engine.ErrLocked), err)
}

// The file that is delivered and the tables that are created are the same.
func TestSQLiteFile(t *testing.T) {
	text, err := os.ReadFile(testdb.ProjectFile("sql/imc-create-sqlite.sql"))
	require.NoError(t, err)
	_, statements, _ := strings.Cut(string(text), "\n\n")
	assert.Equal(t, strings.NewReplacer("{rooms}", DefaultRoomsTable, "{members}", DefaultMembersTable).Replace(sqliteCreate), statements)
}
