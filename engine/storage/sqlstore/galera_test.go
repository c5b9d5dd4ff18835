package sqlstore

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/storage"
	"kamailio-imc/tests/await"
	"kamailio-imc/tests/testdb"
)

// On a cluster the nodes do not see each other's locks. Two of them take a
// role from a different owner of the same room at the same moment: one has to
// decide again, so that an owner remains; what one has committed the other
// reads next; and joins at both lose nobody.
func TestGalera(t *testing.T) {
	if !testdb.HasGalera() {
		t.Skip("the Galera library is not installed")
	}
	t.Parallel()
	cluster := testdb.StartGalera(t, 2)
	require.NoError(t, cluster[0].CreateDatabase("imc", "", testFiles("MariaDB")...))
	var stores []*Store
	for _, m := range cluster {
		await.Until(t, 30*time.Second, func() error { return m.Exec("imc", "SELECT 1 FROM imc_members") })
		s, notes, err := Open(within(t, 10*time.Second), Config{URL: m.URL("imc"), Mode: storage.ModeDatabase})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		assert.Empty(t, notes)
		assert.True(t, s.d.galera)
		stores = append(stores, s)
	}
	ctx := within(t, 60*time.Second)
	owners := func(r *room.Record) (n int) {
		for _, m := range r.Members {
			if m.Role == room.RoleOwner {
				n++
			}
		}
		return n
	}

	address := addr("duel@h.com")
	who := []room.Member{member("a@h.com", room.RoleOwner), member("b@h.com", room.RoleOwner)}
	require.NoError(t, stores[0].Update(ctx, address.Key(), func(*room.Record) *room.Change {
		return &room.Change{Room: address, Create: true, Put: who}
	}))
	var decided, wg sync.WaitGroup
	decided.Add(len(stores))
	for i, s := range stores {
		wg.Go(func() {
			calls := 0
			assert.NoError(t, s.Update(ctx, address.Key(), func(r *room.Record) *room.Change {
				if calls++; calls == 1 {
					assert.Equal(t, 2, owners(r))
					decided.Done()
					decided.Wait() // both have decided before one has written
				}
				if owners(r) < 2 {
					return nil
				}
				return &room.Change{Room: address, Put: []room.Member{{Address: who[i].Address, Role: room.RoleMember}}}
			}))
		})
	}
	wg.Wait()
	for _, s := range stores {
		assert.Equal(t, 1, owners(fetch(t, s, address.Key())))
	}

	for i := range 20 {
		name := fmt.Sprintf("c%d@h.com", i)
		require.NoError(t, stores[i%2].Update(ctx, address.Key(), func(r *room.Record) *room.Change {
			return joinOrCreate(address, addr(name), r)
		}))
		assert.Len(t, fetch(t, stores[(i+1)%2], address.Key()).Members, 3+i, "at once at the other node")
	}

	const joins = 25
	for n, s := range stores {
		for w := range 2 {
			wg.Go(func() {
				for i := range joins {
					user := addr(fmt.Sprintf("u%d_%d_%d@h.com", n, w, i))
					address := addr(fmt.Sprintf("storm%d@h.com", i%2))
					assert.NoError(t, s.Update(ctx, address.Key(), func(r *room.Record) *room.Change {
						return joinOrCreate(address, user, r)
					}))
				}
			})
		}
	}
	wg.Wait()
	for _, s := range stores {
		l := load(t, s)
		assert.Empty(t, l.notes)
		assert.Equal(t, 22+4*joins, l.members)
		for _, r := range l.rooms {
			assert.Equal(t, 1, owners(r))
		}
	}
}
