package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/storage"
	"kamailio-imc/engine/storage/storagetest"
)

// storm has users send random commands and texts to a few rooms at once.
func storm(t *testing.T, nodes []*engine.Conference, users, messages int) {
	t.Helper()
	var group sync.WaitGroup
	for u := range users {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(u), 7))
			for range messages {
				other := fmt.Sprintf("user%d", rng.IntN(users))
				bodies := []string{
					"hello", "#create", "#create private", "#join", "#join", "#join", "#leave", "#accept", "#reject", "#members", "#rooms", "#destroy",
					"#invite " + other, "#add " + other, "#remove " + other,
					"#modify " + other + " owner", "#modify " + other + " admin", "#modify " + other + " member",
				}
				body := bodies[rng.IntN(len(bodies))]
				if body == "#destroy" && rng.IntN(5) > 0 {
					body = "#join"
				}
				room := fmt.Sprintf("room%d", rng.IntN(3))
				out := send(t, nodes[rng.IntN(len(nodes))], fmt.Sprintf("user%d", u), room, body)
				for _, m := range out.Messages {
					to := slices.Sorted(slices.Values(slices.Concat(m.To...)))
					if len(to) == 0 || len(to) != m.Recipients() || m.From == "" || m.ContentType == "" {
						t.Errorf("%s: %+v", body, m)
					}
					if len(slices.Compact(to)) != m.Recipients() {
						t.Errorf("%s: somebody twice in %v", body, m.To)
					}
				}
			}
		})
	}
	group.Wait()
}

// owned checks that every room has an owner.
func owned(t testing.TB, c *engine.Conference) {
	t.Helper()
	infos, err := c.Rooms(t.Context())
	require.NoError(t, err)
	for _, info := range infos {
		v, err := c.View(t.Context(), info.Key())
		require.NoError(t, err)
		require.NotEmpty(t, v.Members)
		list := renderAll(send(t, c, v.Members[0], info.URI(), "#members"))
		assert.Contains(t, strings.Join(list, "\n"), "*[", "room %s has no owner", info.URI())
	}
}

func TestStormInMemory(t *testing.T) {
	c := engine.New(settings(), nil)
	storm(t, []*engine.Conference{c}, 30, 300)
	checkInvariants(t, c)
	owned(t, c)
}

func TestStormDurable(t *testing.T) {
	s := storagetest.NewStore()
	c, l := withStore(t, storage.ModeDurable, s, nil)
	storm(t, []*engine.Conference{c}, 30, 200)
	checkInvariants(t, c)
	owned(t, c)
	sameAsStored(t, c, s)
	assert.Empty(t, l.levels())
	again, _ := withStore(t, storage.ModeDurable, s, nil)
	sameAsStored(t, again, s)
}

func TestStormOfTwoNodes(t *testing.T) {
	s := storagetest.NewStore()
	a, l := withStore(t, storage.ModeDatabase, s, nil)
	b, _ := withStore(t, storage.ModeDatabase, s, nil)
	storm(t, []*engine.Conference{a, b}, 30, 100)
	owned(t, a)
	sameAsStored(t, a, s)
	sameAsStored(t, b, s)
	assert.Empty(t, l.levels())
}

// TestStormWithFailures: the database comes and goes, answers get lost. At the
// end memory and rows agree.
func TestStormWithFailures(t *testing.T) {
	s := storagetest.NewStore()
	c, l := withStore(t, storage.ModeDurable, s, nil)
	for round := range 4 {
		var group sync.WaitGroup
		group.Go(func() { storm(t, []*engine.Conference{c}, 20, 50) })
		if round%2 == 0 {
			s.LoseAnswers(1)
		} else {
			s.Fail(storage.ErrUnavailable)
		}
		group.Wait()
		s.Fail(nil)
		s.LoseAnswers(0)
		require.Eventually(t, func() bool { return len(l.levels())%2 == 0 }, waitLong, waitStep)
	}
	assert.NotEmpty(t, l.levels())
	sameAsStored(t, c, s)
	owned(t, c)
}

// TestLargeRoom: everybody gets a broadcast once, in the order of the list,
// also across the parts that a large room is kept in.
func TestLargeRoom(t *testing.T) {
	c := engine.New(settings(), nil)
	const size = 3000
	send(t, c, "user0", "", "#create")
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := 1 + w; i < size; i += 4 {
				send(t, c, fmt.Sprintf("user%d", i), "", "#join")
			}
		})
	}
	group.Wait()
	checkInvariants(t, c)
	v, err := c.View(t.Context(), roomKey)
	require.NoError(t, err)
	require.Len(t, v.Members, size)
	for _, sender := range []int{0, 1, 63, 64, 65, 127, 128, 129, size / 2, size - 1} {
		from := v.Members[sender]
		out := send(t, c, from, "", "hello")
		require.Len(t, out.Messages, 1)
		assert.Equal(t, slices.Concat(v.Members[:sender], v.Members[sender+1:]), slices.Concat(out.Messages[0].To...))
	}
	out := send(t, c, "user0", "", "#destroy")
	require.Len(t, out.Messages, 1)
	assert.Equal(t, v.Members, slices.Concat(out.Messages[0].To...))
	rooms, members := c.Counts()
	assert.Zero(t, rooms)
	assert.Zero(t, members)
}
