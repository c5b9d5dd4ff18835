package sqlstore

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// joinOrCreate is what #join with create_on_join decides.
func joinOrCreate(address, user sip.Address, r *room.Record) *room.Change {
	if r == nil {
		return &room.Change{Room: address, Create: true, Put: []room.Member{{Address: user, Role: room.RoleOwner}}}
	}
	for _, m := range r.Members {
		if m.Key() == user.Key() {
			return nil
		}
	}
	return &room.Change{Room: r.Address, Put: []room.Member{{Address: user, Role: room.RoleMember}}}
}

// Two nodes storm rooms that do not exist yet, each writing the names in
// another case: every room is created once, has one owner and all who joined.
func TestStormOfJoins(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		if db.kind.name == "MariaDB_stock_utf8_bin" {
			return // its unique key does not decide between names in different case; Open warns
		}
		const workers, rooms, joins = 3, 4, 8
		ctx := within(t, 60*time.Second)
		stores := []*Store{db.open(t, storage.ModeDatabase), db.open(t, storage.ModeDatabase)}
		var wg sync.WaitGroup
		for n, s := range stores {
			for w := range workers {
				wg.Go(func() {
					for _, i := range rand.Perm(rooms * joins) {
						address := addr(fmt.Sprintf("%s%d@H.com", []string{"Room", "rOOM"}[n], i%rooms))
						user := addr(fmt.Sprintf("%s%d_%d@u.com", []string{"User", "user"}[n], w%2, i/rooms))
						assert.NoError(t, s.Update(ctx, address.Key(), func(r *room.Record) *room.Change {
							return joinOrCreate(address, user, r)
						}))
					}
				})
			}
		}
		wg.Wait()
		l := load(t, stores[0])
		assert.Empty(t, l.notes)
		assert.Len(t, l.rooms, rooms)
		for k, r := range l.rooms {
			assert.Len(t, r.Members, 2*joins, k)
			owners := 0
			for _, m := range r.Members {
				if m.Role == room.RoleOwner {
					owners++
				}
			}
			assert.Equal(t, 1, owners, k)
		}
	})
}

// Rooms are created, joined, left and destroyed by two nodes at once: what
// each was told agrees with the tables at the end.
func TestStormOfAll(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		if db.kind.name == "MariaDB_stock_utf8_bin" {
			return // as above
		}
		const workers, rounds, rooms = 3, 25, 2
		ctx := within(t, 60*time.Second)
		stores := []*Store{db.open(t, storage.ModeDatabase), db.open(t, storage.ModeDatabase)}
		// Whoever decides on a room that is there has it locked, so the order
		// of this clock is the order of such changes.
		var clock atomic.Int64
		var mu sync.Mutex
		destroyed := map[string]int64{}         // when a room was destroyed last
		joined := map[string]map[string]int64{} // when a member did join last; 0: left
		for i := range rooms {
			joined[fmt.Sprintf("r%d@h.com", i)] = map[string]int64{}
		}
		var wg sync.WaitGroup
		for n, s := range stores {
			for w := range workers {
				wg.Go(func() {
					me := fmt.Sprintf("u%d_%d@u.com", n, w)
					for range rounds {
						name := fmt.Sprintf("r%d@h.com", rand.IntN(rooms))
						action := rand.IntN(5)
						var at int64
						var did string
						err := s.Update(ctx, sip.Key(name), func(r *room.Record) *room.Change {
							at, did = clock.Add(1), ""
							switch {
							case action == 0 && r != nil:
								did = "destroy"
								return &room.Change{Room: r.Address, Destroy: true}
							case action == 1 && r != nil:
								did = "leave"
								return &room.Change{Room: r.Address, Delete: []sip.Address{addr(me)}}
							case action >= 2:
								did = "join"
								return joinOrCreate(addr(name), addr(me), r)
							}
							return nil
						})
						if !assert.NoError(t, err) {
							return
						}
						mu.Lock()
						switch did {
						case "destroy":
							destroyed[name] = max(destroyed[name], at)
						case "leave":
							joined[name][me] = 0
						case "join":
							joined[name][me] = at
						}
						mu.Unlock()
					}
				})
			}
		}
		wg.Wait()
		l := load(t, stores[1])
		n := 0
		for name, members := range joined {
			in := map[string]bool{}
			owners := 0
			if r := l.rooms[sip.Key(name)]; r != nil {
				n += len(r.Members)
				for _, m := range r.Members {
					in[string(m.Key())] = true
					if m.Role == room.RoleOwner {
						owners++
					}
				}
			}
			assert.LessOrEqual(t, owners, 1, name)
			for who, at := range members {
				switch {
				case at == 0:
					assert.False(t, in[who], "%s left %s", who, name)
				case at > destroyed[name]:
					assert.True(t, in[who], "%s joined %s", who, name)
				}
			}
		}
		_, rows := db.rows(t)
		assert.Len(t, rows, n, "no row is left of a room that is gone")
	})
}

// One owner of rooms in memory commits from many goroutines.
func TestStormOfCommits(t *testing.T) {
	eachBackend(t, func(t *testing.T, db database) {
		const workers, rounds = 6, 15
		s := db.open(t, storage.ModeDurable)
		ctx := within(t, 60*time.Second)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				address := addr(fmt.Sprintf("r%d@h.com", w))
				commit := func(c *room.Change) {
					c.Room = address
					assert.NoError(t, s.Commit(ctx, c))
				}
				commit(&room.Change{Create: true, Put: []room.Member{member("o@u.com", room.RoleOwner)}})
				for i := range rounds {
					m := member(fmt.Sprintf("u%d@u.com", i), room.RoleInvited)
					commit(&room.Change{Put: []room.Member{m}})
					m.Role = room.RoleMember
					commit(&room.Change{Put: []room.Member{m}})
					if i%3 == 0 {
						commit(&room.Change{Delete: []sip.Address{m.Address}})
					}
				}
				if w == 0 {
					commit(&room.Change{Destroy: true})
				}
			})
		}
		wg.Wait()
		l := load(t, s)
		assert.Empty(t, l.notes)
		require.Len(t, l.rooms, workers-1)
		for _, r := range l.rooms {
			assert.Len(t, r.Members, 1+rounds-rounds/3)
		}
	})
}
