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

	"kamailio-imc/engine"
)

// joinOrCreate is what #join with create_on_join decides.
func joinOrCreate(room, user engine.Address, r *engine.RoomRecord) *engine.Change {
	if r == nil {
		return &engine.Change{Room: room, Create: true, Put: []engine.Member{{Address: user, Role: engine.RoleOwner}}}
	}
	for _, m := range r.Members {
		if m.Key() == user.Key() {
			return nil
		}
	}
	return &engine.Change{Room: r.Address, Put: []engine.Member{{Address: user, Role: engine.RoleMember}}}
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
		stores := []*Store{db.open(t, modeShared), db.open(t, modeShared)}
		var wg sync.WaitGroup
		for n, s := range stores {
			for w := range workers {
				wg.Go(func() {
					for _, i := range rand.Perm(rooms * joins) {
						room := addr(fmt.Sprintf("%s%d@H.com", []string{"Room", "rOOM"}[n], i%rooms))
						user := addr(fmt.Sprintf("%s%d_%d@u.com", []string{"User", "user"}[n], w%2, i/rooms))
						assert.NoError(t, s.Update(ctx, room.Key(), func(r *engine.RoomRecord) *engine.Change {
							return joinOrCreate(room, user, r)
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
				if m.Role == engine.RoleOwner {
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
		stores := []*Store{db.open(t, modeShared), db.open(t, modeShared)}
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
						room := fmt.Sprintf("r%d@h.com", rand.IntN(rooms))
						action := rand.IntN(5)
						var at int64
						var did string
						err := s.Update(ctx, engine.Key(room), func(r *engine.RoomRecord) *engine.Change {
							at, did = clock.Add(1), ""
							switch {
							case action == 0 && r != nil:
								did = "destroy"
								return &engine.Change{Room: r.Address, Destroy: true}
							case action == 1 && r != nil:
								did = "leave"
								return &engine.Change{Room: r.Address, Delete: []engine.Address{addr(me)}}
							case action >= 2:
								did = "join"
								return joinOrCreate(addr(room), addr(me), r)
							}
							return nil
						})
						if !assert.NoError(t, err) {
							return
						}
						mu.Lock()
						switch did {
						case "destroy":
							destroyed[room] = max(destroyed[room], at)
						case "leave":
							joined[room][me] = 0
						case "join":
							joined[room][me] = at
						}
						mu.Unlock()
					}
				})
			}
		}
		wg.Wait()
		l := load(t, stores[1])
		n := 0
		for room, members := range joined {
			in := map[string]bool{}
			owners := 0
			if r := l.rooms[engine.Key(room)]; r != nil {
				n += len(r.Members)
				for _, m := range r.Members {
					in[string(m.Key())] = true
					if m.Role == engine.RoleOwner {
						owners++
					}
				}
			}
			assert.LessOrEqual(t, owners, 1, room)
			for who, at := range members {
				switch {
				case at == 0:
					assert.False(t, in[who], "%s left %s", who, room)
				case at > destroyed[room]:
					assert.True(t, in[who], "%s joined %s", who, room)
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
		s := db.open(t, modeDurable)
		ctx := within(t, 60*time.Second)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				room := addr(fmt.Sprintf("r%d@h.com", w))
				commit := func(c *engine.Change) {
					c.Room = room
					assert.NoError(t, s.Commit(ctx, c))
				}
				commit(&engine.Change{Create: true, Put: []engine.Member{member("o@u.com", engine.RoleOwner)}})
				for i := range rounds {
					m := member(fmt.Sprintf("u%d@u.com", i), engine.RoleInvited)
					commit(&engine.Change{Put: []engine.Member{m}})
					m.Role = engine.RoleMember
					commit(&engine.Change{Put: []engine.Member{m}})
					if i%3 == 0 {
						commit(&engine.Change{Delete: []engine.Address{m.Address}})
					}
				}
				if w == 0 {
					commit(&engine.Change{Destroy: true})
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
