package sqlstore

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// oddRows are rows as an old installation may have them. Rooms and members
// that differ in case alone are added where the unique keys allow them.
var oddRows = []string{
	"INSERT INTO imc_rooms (name,domain,flag) VALUES ('Plain','h.com',0)",
	"INSERT INTO imc_rooms (name,domain,flag) VALUES ('flagged','h.com',3)",
	"INSERT INTO imc_rooms (name,domain,flag) VALUES ('empty','h.com',1)",
	"INSERT INTO imc_rooms (name,domain,flag) VALUES ('ownerless','h.com',0)",
	"INSERT INTO imc_rooms (name,domain,flag) VALUES ('bad<name>','h.com',0)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('owner','u.com','SIP:plain@H.com',17)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('deleted','u.com','sip:Plain@h.com',8)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('admin','u.com','sip:Plain@h.com',26)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('skip','u.com','sip:Plain@h.com',16)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('invited','u.com','sip:Plain@h.com',20)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('both','u.com','sip:Plain@h.com',7)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('new\nline','u.com','sip:Plain@h.com',0)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('Owner','u.com','sip:flagged@h.com',1)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('member','u.com','sip:ownerless@h.com',0)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('ghost','u.com','sip:gone@h.com',0)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('ghost','u.com','gone',0)",
}

var twiceRows = []string{
	"INSERT INTO imc_rooms (name,domain,flag) VALUES ('PLAIN','h.com',1)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('SKIP','u.com','sip:Plain@h.com',1)",
	"INSERT INTO imc_members (username,domain,room,flag) VALUES ('late','u.com','sip:PLAIN@h.com',0)",
}

// Old rows are read as far as they make sense, each oddity is logged once, and
// all of them are still there afterwards.
func TestOddities(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		db.exec(t, oddRows...)
		twice := db.kind.name != "MariaDB" && db.kind.name != "MariaDB_stock" && db.kind.name != "PostgreSQL" && db.kind.name != "SQLite"
		if twice {
			db.exec(t, twiceRows...)
		}
		rooms, members := db.rows(t)

		plain := &room.Record{Address: addr("Plain@h.com"), Members: []room.Member{
			member("owner@u.com", room.RoleOwner), member("deleted@u.com", room.RoleMember),
			member("admin@u.com", room.RoleAdmin), member("skip@u.com", room.RoleMember),
			member("invited@u.com", room.RoleInvited), member("both@u.com", room.RoleOwner),
		}}
		notes := []string{
			"flagged@h.com has the flag 3", "empty@h.com has no members", "ownerless@h.com has no owner", `bad<name>@h.com" cannot be used`,
			"deleted@u.com of sip:", "admin@u.com of sip:", "skip@u.com of sip:", "invited@u.com of sip:", "both@u.com of sip:", `new\nline@u.com" cannot be used`,
		}
		if twice {
			plain.Members = append(plain.Members, member("late@u.com", room.RoleMember))
			notes = append(notes, "is there more than once", "SKIP@u.com is in room sip:")
		}
		want := map[sip.Key]*room.Record{
			"plain@h.com":     plain,
			"flagged@h.com":   {Address: addr("flagged@h.com"), Private: true, Members: []room.Member{member("Owner@u.com", room.RoleOwner)}},
			"empty@h.com":     {Address: addr("empty@h.com"), Private: true},
			"ownerless@h.com": {Address: addr("ownerless@h.com"), Members: []room.Member{member("member@u.com", room.RoleMember)}},
		}

		s := db.open(t, storage.ModeDurable)
		l := load(t, s)
		assert.Equal(t, want, l.rooms)
		lines := texts(l.notes)
		for _, n := range append([]string{`"ghost@u.com" is in room "sip:gone@h.com"`, `"ghost@u.com" is in room "gone"`}, notes...) {
			assert.Len(t, containing(lines, n), 1, n)
		}
		assert.Len(t, lines, len(notes)+2)

		// The same by Fetch and Update, in which a room is met again and again.
		var mu sync.Mutex
		var met []log.Note
		shared, _ := db.openNoted(t, Config{Mode: storage.ModeDatabase, Note: func(n log.Note) {
			mu.Lock()
			defer mu.Unlock()
			met = append(met, n)
		}})
		ctx := within(t, 20*time.Second)
		keys := []sip.Key{"plain@h.com", "flagged@h.com", "empty@h.com", "ownerless@h.com", "bad<name>@h.com", "gone@h.com"}
		for range 3 {
			found, err := shared.Fetch(ctx, keys)
			require.NoError(t, err)
			for _, r := range found {
				if len(r.Members) == 0 {
					r.Members = nil
				}
			}
			assert.Equal(t, want, found)
			for _, k := range keys[:4] {
				require.NoError(t, shared.Update(ctx, k, func(r *room.Record) *room.Change {
					if len(r.Members) == 0 {
						r.Members = nil
					}
					assert.Equal(t, want[k], r)
					return nil
				}))
			}
		}
		lines = texts(met)
		for _, n := range notes {
			assert.Len(t, containing(lines, n), 1, n)
		}
		assert.Len(t, lines, len(notes))

		// Nothing of all this is touched by reading it.
		r, m := db.rows(t)
		assert.Equal(t, rooms, r)
		assert.Equal(t, members, m)

		list, err := shared.List(ctx)
		require.NoError(t, err)
		assert.Len(t, list, 4)
		for _, info := range list {
			if info.Key() == "plain@h.com" {
				assert.False(t, info.Private)
			}
		}

		// Odd rows can be changed, and then are like others.
		for _, mode := range []*Store{s, shared} {
			change := &room.Change{Room: plain.Address, Put: []room.Member{member("deleted@u.com", room.RoleAdmin)},
				Delete: []sip.Address{addr("skip@u.com"), addr("late@u.com")}}
			if mode == s {
				require.NoError(t, s.Commit(ctx, change))
			} else {
				require.NoError(t, mode.Update(ctx, "plain@h.com", func(*room.Record) *room.Change { return change }))
			}
		}
		r2 := fetch(t, s, "plain@h.com")
		assert.Equal(t, []room.Member{
			member("owner@u.com", room.RoleOwner), member("deleted@u.com", room.RoleAdmin), member("admin@u.com", room.RoleAdmin),
			member("invited@u.com", room.RoleInvited), member("both@u.com", room.RoleOwner),
		}, r2.Members)
		require.NoError(t, s.Commit(ctx, &room.Change{Room: plain.Address, Destroy: true}))
		require.NoError(t, shared.Update(ctx, "empty@h.com", func(*room.Record) *room.Change {
			return &room.Change{Room: addr("empty@h.com"), Destroy: true}
		}))
		r, m = db.rows(t)
		assert.Len(t, r, 3)
		assert.Len(t, m, 4)
	})
}

// A room that is created anew does not inherit the members whom an older one
// of its name left behind.
func TestOrphans(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		db.exec(t, "INSERT INTO imc_members (username,domain,room,flag) VALUES ('ghost','u.com','sip:Gone@h.com',1)",
			"INSERT INTO imc_members (username,domain,room,flag) VALUES ('ghost','u.com','sip:gone2@h.com',1)")
		ctx := within(t, 20*time.Second)
		s := db.open(t, storage.ModeDurable)
		assert.Len(t, load(t, s).notes, 2)
		owner := []room.Member{member("o@u.com", room.RoleOwner)}
		require.NoError(t, s.Commit(ctx, &room.Change{Room: addr("gone@h.com"), Create: true, Put: owner}))
		assert.Equal(t, owner, fetch(t, s, "gone@h.com").Members)
		require.NoError(t, s.Update(ctx, "gone2@h.com", func(r *room.Record) *room.Change {
			assert.Nil(t, r)
			return &room.Change{Room: addr("gone2@h.com"), Create: true, Put: owner}
		}))
		assert.Equal(t, owner, fetch(t, s, "gone2@h.com").Members)
	})
}

// A row that nobody could send to harms itself alone: it is told once, and
// left out, in whatever way it is read.
func TestBadRows(t *testing.T) {
	for _, b := range []backend{backends()[0], backends()[3], backends()[5]} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			db := b.fresh(t)
			bad := []string{strings.Repeat("😀", 64), "tab\there", "", "esc\x1b[31m", "a@b", "del\x7f"}
			db.exec(t, "INSERT INTO imc_rooms (name,domain,flag) VALUES ('room','h.com',0), ('nohost','',0), ('','h.com',0)",
				"INSERT INTO imc_members (username,domain,room,flag) VALUES ('owner','u.com','sip:room@h.com',1), ('nohost','','sip:room@h.com',0)")
			for _, name := range bad {
				db.exec(t, "INSERT INTO imc_members (username,domain,room,flag) VALUES ('"+name+"','u.com','sip:room@h.com',0)")
			}
			want := map[sip.Key]*room.Record{
				"room@h.com": {Address: addr("room@h.com"), Members: []room.Member{member("owner@u.com", room.RoleOwner)}},
			}
			s := db.open(t, storage.ModeDurable)
			l := load(t, s)
			assert.Equal(t, want, l.rooms)
			lines := texts(l.notes)
			assert.Len(t, containing(lines, "cannot be used"), 2+1+len(bad), lines)

			var met []log.Note
			shared, _ := db.openNoted(t, Config{Mode: storage.ModeDatabase, Note: func(n log.Note) { met = append(met, n) }})
			for range 3 {
				found, err := shared.Fetch(within(t, 5*time.Second), []sip.Key{"room@h.com", "nohost@"})
				require.NoError(t, err)
				assert.Equal(t, want, found)
			}
			lines = append(lines, texts(met)...)
			assert.Len(t, met, 1+1+len(bad), met)
			for _, line := range lines {
				assert.NotContains(t, line, "\x1b")
				assert.NotContains(t, line, "\t")
			}
			list, err := shared.List(within(t, 5*time.Second))
			require.NoError(t, err)
			assert.Equal(t, []room.Info{{Address: addr("room@h.com")}}, list)
			of, err := shared.RoomsOf(within(t, 5*time.Second), "OWNER@u.com")
			require.NoError(t, err)
			assert.Empty(t, of, "keys are in lower case")
			of, err = shared.RoomsOf(within(t, 5*time.Second), "owner@u.com")
			require.NoError(t, err)
			assert.Equal(t, []sip.Key{"room@h.com"}, of)
		})
	}
}

// A thousand odd rows do not make a thousand lines.
func TestManyOddities(t *testing.T) {
	db := backends()[0].fresh(t)
	var values []string
	for i := range 1000 {
		values = append(values, fmt.Sprintf("('r%d','h.com',2)", i))
	}
	db.exec(t, "INSERT INTO imc_rooms (name,domain,flag) VALUES "+strings.Join(values, ","))
	notes := texts(load(t, db.open(t, storage.ModeDurable)).notes)
	assert.Len(t, notes, 2*(20+1))
	assert.Len(t, containing(notes, "and 980 more rows like this: room"), 2)
}

func texts(notes []log.Note) []string {
	lines := make([]string, len(notes))
	for i, n := range notes {
		lines[i] = n.Text
	}
	return lines
}

func containing(lines []string, part string) []string {
	var found []string
	for _, l := range lines {
		if strings.Contains(l, part) {
			found = append(found, l)
		}
	}
	return found
}
