package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// stockList is the list of imc_add_member and imc_del_member: the first member
// stays at its head, a new one comes right after it.
type stockList []string

func (l *stockList) add(uri string) {
	if len(*l) == 0 {
		*l = stockList{uri}
		return
	}
	*l = slices.Insert(*l, 1, uri)
}

func (l *stockList) remove(uri string) {
	*l = slices.DeleteFunc(*l, func(u string) bool { return u == uri })
}

// TestOrderIsStock compares rooms with the stock module's list under random
// joins and leaves, the first member's too, in small and in indexed rooms.
func TestOrderIsStock(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, users := range []int{3, 12, 60, 4000} {
		rounds, every := 3000, 1
		if users > maxPart {
			rounds, every = 20000, 500
		}
		r := newRoom(sip.Address{User: "room", Host: "example.org"}, false)
		var stock stockList
		for round := range rounds {
			a := sip.Address{User: fmt.Sprintf("u%d", rng.IntN(users)), Host: "example.org"}
			m := r.find(string(a.Key()))
			require.Equal(t, slices.Contains(stock, a.URI()), m != nil)
			if m != nil {
				require.Equal(t, a.URI(), m.uri)
				r.apply(&room.Change{Delete: []sip.Address{a}})
				stock.remove(a.URI())
			} else {
				r.apply(&room.Change{Put: []room.Member{{Address: a}}})
				stock.add(a.URI())
			}
			if round%every != 0 {
				continue
			}
			v := r.snapshot()
			require.True(t, slices.Equal(stock, v.Members))
			checkRoster(t, r)
			for i, uri := range v.Members {
				require.Equal(t, i, located(t, r, sip.KeyOf(uri)))
				require.Equal(t, i, v.Index([]byte(sip.KeyOf(uri))))
			}
		}
	}
}

// checkRoster checks what holds for every roster.
func checkRoster(t *testing.T, r *Room) {
	t.Helper()
	size := 0
	for i, p := range r.roster {
		require.NotEmpty(t, p.uris)
		require.LessOrEqual(t, len(p.uris), maxPart)
		require.Len(t, p.tags, len(p.uris))
		size += len(p.uris)
		if i > 0 && i < len(r.roster)-1 {
			require.Greater(t, len(p.uris)+len(r.roster[i+1].uris), halfPart/2)
		}
	}
	require.Equal(t, size, r.size)
}

// located returns the position among the members at which locate finds one.
func located(t *testing.T, r *Room, key string) int {
	t.Helper()
	list, at, ok := r.locate(key)
	if !ok {
		return -1
	}
	p := list[at.part]
	i := p.position(at.entry)
	require.Equal(t, p.uris[at.entry], p.to[i])
	for _, before := range list[:at.part] {
		i += len(before.to)
	}
	return i
}

func TestViewLeavesInvitedOut(t *testing.T) {
	for _, users := range []int{6, 40} {
		r := newRoom(sip.Address{User: "room", Host: "example.org"}, true)
		for i := range users {
			role := room.RoleMember
			if i%3 == 1 {
				role = room.RoleInvited
			}
			r.apply(&room.Change{Put: []room.Member{{Address: sip.Address{User: fmt.Sprintf("U%d", i), Host: "example.org"}, Role: role}}})
		}
		v := r.snapshot()
		assert.Same(t, v, r.snapshot())
		assert.True(t, v.Private)
		assert.Equal(t, sip.Key("room@example.org"), v.Key())
		assert.Len(t, v.Members, users-users/3-(users%3)/2)
		assert.Len(t, v.All, users)
		for i := range users {
			uri := fmt.Sprintf("sip:U%d@example.org", i)
			key := fmt.Sprintf("u%d@example.org", i)
			at := located(t, r, key)
			assert.Equal(t, slices.Index(v.Members, uri), at)
			assert.Equal(t, at, v.Index([]byte(key)))
			assert.Equal(t, i%3 == 1, slices.Contains(v.Invited, uri))
		}
		assert.Equal(t, -1, v.Index([]byte("nobody@example.org")))

		// An accepted invitation keeps its place; the old view stays as it was.
		r.apply(&room.Change{Put: []room.Member{{Address: sip.Address{User: "u1", Host: "EXAMPLE.org"}, Role: room.RoleMember}}})
		assert.Equal(t, v.All, r.snapshot().All)
		assert.Contains(t, r.snapshot().Members, "sip:U1@example.org")
		assert.NotContains(t, v.Members, "sip:U1@example.org")
	}
}

func TestRoomViewIndex(t *testing.T) {
	for _, users := range []int{0, 1, 16, 17, 100} {
		var members []string
		for i := range users {
			members = append(members, fmt.Sprintf("sip:User%d@example.org", i))
		}
		v := &RoomView{Members: members, index: &memberIndex{}}
		for i := range users {
			assert.Equal(t, i, v.Index(fmt.Appendf(nil, "user%d@example.org", i)))
		}
		assert.Equal(t, -1, v.Index([]byte("user100@example.org")))
		key := []byte("user0@example.org")
		assert.Zero(t, testing.AllocsPerRun(100, func() { v.Index(key) }))
	}
}

func TestMatches(t *testing.T) {
	for _, size := range []int{0, 1, 2, 5, 1500} {
		rec := &room.Record{Address: sip.Address{User: "Room", Host: "example.org"}}
		for i := range size {
			rec.Members = append(rec.Members, room.Member{Address: sip.Address{User: fmt.Sprintf("u%d", i), Host: "example.org"}, Role: room.Role(i % 3)})
		}
		r := newRoomFrom(rec)
		assert.True(t, r.matches(rec))
		assert.Equal(t, rec.Members, r.roster.members())
		if size > 0 {
			assert.Zero(t, testing.AllocsPerRun(10, func() { r.matches(rec) }))
		}
		for i := range rec.Members {
			if i > 10 && i < size-10 {
				continue
			}
			m := &rec.Members[i]
			was := *m
			m.Role ^= room.RoleAdmin
			assert.False(t, r.matches(rec))
			*m = was
			m.User = "U" + m.User[1:]
			assert.False(t, r.matches(rec))
			*m = was
			m.User, m.Host = m.User+"@", m.Host[1:]
			assert.False(t, r.matches(rec))
			*m = was
		}
		rec.Private = true
		assert.False(t, r.matches(rec))
		rec.Private = false
		rec.User = "room"
		assert.False(t, r.matches(rec))
	}
}

func TestSplitList(t *testing.T) {
	assert.Equal(t, []string{"Rooms:"}, splitList(headingRooms, nil))
	assert.Equal(t, []string{"Rooms:\n[a]\n[b]"}, splitList(headingRooms, []string{"[a]", "[b]"}))
	var entries []string
	for i := range 10000 {
		entries = append(entries, fmt.Sprintf("[user%d]", i))
	}
	bodies := splitList(headingMembers, entries)
	assert.Len(t, bodies, 4)
	var got []string
	for i, body := range bodies {
		assert.LessOrEqual(t, len(body), maxNotice)
		if i < len(bodies)-1 {
			assert.Greater(t, len(body), maxNotice-len("\n[user9999]"))
		}
		lines := splitLines(body)
		assert.Equal(t, headingMembers, lines[0])
		got = append(got, lines[1:]...)
	}
	assert.Equal(t, entries, got)
}

func splitLines(s string) []string {
	var lines []string
	start := 0
	for i := range len(s) {
		if s[i] == '\n' {
			lines = append(lines, s[start:i])
			start = i + 1
		}
	}
	return append(lines, s[start:])
}

func BenchmarkJoinLeave(b *testing.B) {
	for _, size := range []int{10, 10000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r := newRoom(sip.Address{User: "room", Host: "example.org"}, false)
			for i := range size {
				r.apply(&room.Change{Put: []room.Member{{Address: sip.Address{User: fmt.Sprintf("u%d", i), Host: "example.org"}}}})
			}
			a := sip.Address{User: "joiner", Host: "example.org"}
			b.ReportAllocs()
			for b.Loop() {
				r.apply(&room.Change{Put: []room.Member{{Address: a}}})
				r.roster.recipients()
				r.apply(&room.Change{Delete: []sip.Address{a}})
				r.roster.recipients()
			}
		})
	}
}

// TestRegistry creates and destroys rooms at random: their order stays that of
// their creation, and the counts stay right.
func TestRegistry(t *testing.T) {
	c := New(Settings{CommandStart: '#'}, nil)
	rng := rand.New(rand.NewPCG(3, 4))
	var want []sip.Key
	for range 2000 {
		a := sip.Address{User: fmt.Sprintf("r%d", rng.IntN(300)), Host: "example.org"}
		k := a.Key()
		if i := slices.Index(want, k); i >= 0 {
			c.apply(k, c.lookup(k), &room.Change{Room: a, Destroy: true})
			want = slices.Delete(want, i, i+1)
			require.Zero(t, c.Size(k))
		} else {
			c.apply(k, nil, &room.Change{Room: a, Create: true, Put: []room.Member{{Address: a}, {Address: sip.Address{User: "x", Host: "y"}}}})
			want = append(want, k)
			require.Equal(t, 2, c.Size(k))
		}
		rooms, members := c.Counts()
		require.Equal(t, len(want), rooms)
		require.Equal(t, 2*len(want), members)
		require.LessOrEqual(t, len(c.order), max(64, 2*len(want)+2))
	}
	var got []sip.Key
	for _, r := range c.all() {
		got = append(got, r.address().Key())
	}
	assert.Equal(t, want, got)
}
