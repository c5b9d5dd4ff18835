package room

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		r := New(sip.Address{User: "room", Host: "example.org"}, false)
		var stock stockList
		for round := range rounds {
			a := sip.Address{User: fmt.Sprintf("u%d", rng.IntN(users)), Host: "example.org"}
			m := r.Find(a.Key())
			require.Equal(t, slices.Contains(stock, a.URI()), m != nil)
			if m != nil {
				require.Equal(t, a.URI(), m.URI)
				r.Apply(&Change{Delete: []sip.Address{a}})
				stock.remove(a.URI())
			} else {
				r.Apply(&Change{Put: []Member{{Address: a}}})
				stock.add(a.URI())
			}
			if round%every != 0 {
				continue
			}
			v := r.View()
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
		r := New(sip.Address{User: "room", Host: "example.org"}, true)
		for i := range users {
			role := RoleMember
			if i%3 == 1 {
				role = RoleInvited
			}
			r.Apply(&Change{Put: []Member{{Address: sip.Address{User: fmt.Sprintf("U%d", i), Host: "example.org"}, Role: role}}})
		}
		v := r.View()
		assert.Same(t, v, r.View())
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
		r.Apply(&Change{Put: []Member{{Address: sip.Address{User: "u1", Host: "EXAMPLE.org"}, Role: RoleMember}}})
		assert.Equal(t, v.All, r.View().All)
		assert.Contains(t, r.View().Members, "sip:U1@example.org")
		assert.NotContains(t, v.Members, "sip:U1@example.org")
	}
}

func TestViewIndex(t *testing.T) {
	for _, users := range []int{0, 1, 16, 17, 100} {
		var members []string
		for i := range users {
			members = append(members, fmt.Sprintf("sip:User%d@example.org", i))
		}
		v := &View{Members: members, index: &memberIndex{}}
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
		rec := &Record{Address: sip.Address{User: "Room", Host: "example.org"}}
		for i := range size {
			rec.Members = append(rec.Members, Member{Address: sip.Address{User: fmt.Sprintf("u%d", i), Host: "example.org"}, Role: Role(i % 3)})
		}
		r := From(rec)
		assert.True(t, r.Matches(rec))
		assert.Equal(t, rec.Members, r.roster.members())
		if size > 0 {
			assert.Zero(t, testing.AllocsPerRun(10, func() { r.Matches(rec) }))
		}
		for i := range rec.Members {
			if i > 10 && i < size-10 {
				continue
			}
			m := &rec.Members[i]
			was := *m
			m.Role ^= RoleAdmin
			assert.False(t, r.Matches(rec))
			*m = was
			m.User = "U" + m.User[1:]
			assert.False(t, r.Matches(rec))
			*m = was
			m.User, m.Host = m.User+"@", m.Host[1:]
			assert.False(t, r.Matches(rec))
			*m = was
		}
		rec.Private = true
		assert.False(t, r.Matches(rec))
		rec.Private = false
		rec.User = "room"
		assert.False(t, r.Matches(rec))
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	for _, size := range []int{10, 10000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r := New(sip.Address{User: "room", Host: "example.org"}, false)
			for i := range size {
				r.Apply(&Change{Put: []Member{{Address: sip.Address{User: fmt.Sprintf("u%d", i), Host: "example.org"}}}})
			}
			a := sip.Address{User: "joiner", Host: "example.org"}
			b.ReportAllocs()
			for b.Loop() {
				r.Apply(&Change{Put: []Member{{Address: a}}})
				r.roster.recipients()
				r.Apply(&Change{Delete: []sip.Address{a}})
				r.roster.recipients()
			}
		})
	}
}
