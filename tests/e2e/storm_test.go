package e2e

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
)

// TestStorm has many users join, leave, talk in and destroy one room at once,
// through 4 workers. When all is quiet there is one state, the same whoever is
// asked: RPC, #members, imc_room_member() and who receives a text.
func TestStorm(t *testing.T) {
	t.Parallel()
	const users, rounds = 30, 40
	c := newChat(t, kamailio.Options{Workers: 4, ShmMB: 256, NoTCP: true})
	ctx := bounded(t, 60*time.Second)
	name := func(i int) string { return fmt.Sprintf("user%d", i) }

	var wg sync.WaitGroup
	errs := make(chan error, users)
	for i := range users {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 1)) //nolint:gosec // not for secrets
			for range rounds {
				// an owner cannot leave, so rooms would only grow without #destroy
				body := []string{"#join", "#join", "#leave", "hello", "#destroy", "#members"}[rnd.IntN(6)]
				if _, err := c.send(ctx, name(i), "storm", body); err != nil {
					errs <- fmt.Errorf("%s: %s: %w", name(i), body, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	// whatever was left behind, now somebody is in
	_, err := c.send(ctx, "last", "storm", "#join")
	require.NoError(t, err)

	listed := c.listMembers("storm")
	assert.Contains(t, listed, "last")
	told, err := c.members(ctx, "last", "storm")
	require.NoError(t, err)
	sort.Strings(told)
	assert.Equal(t, listed, told, "RPC and #members")

	first := c.farm.Count()
	c.must(ctx, "1", "last", "storm", "who hears this?")
	receivers := map[string]int{}
	await.Until(t, 10*time.Second, func() error {
		clear(receivers)
		for _, m := range c.farm.Received(first) {
			if string(m.Body) == "[last]: who hears this?" {
				receivers[m.URI]++
			}
		}
		if len(receivers) < len(listed)-1 {
			return fmt.Errorf("%d of %d got the text: %v", len(receivers), len(listed)-1, receivers)
		}
		return nil
	})
	for _, m := range listed {
		want := 1
		if m == "last" {
			want = 0
		}
		assert.Equal(t, want, receivers[uri(m)], "the text to %s", m)
	}
	assert.Len(t, receivers, len(listed)-1)
	n, err := c.Statistic("imc:active_rooms")
	require.NoError(t, err)
	assert.EqualValues(t, 1, n)
	assert.Empty(t, c.LogLines(`ERROR:|CRITICAL:|BUG:`))
}

// listMembers gives the names of a room's members by RPC, sorted.
func (c *chat) listMembers(room string) []string {
	c.t.Helper()
	v, err := c.RPC("imc.list_members", uri(room))
	require.NoError(c.t, err)
	rooms := v.Structs()
	require.Len(c.t, rooms, 1)
	list, ok := rooms[0].Field("members")
	require.True(c.t, ok)
	var names []string
	for _, m := range list.Strings() {
		var user string
		_, err := fmt.Sscanf(m, "sip:%s", &user)
		require.NoError(c.t, err)
		names = append(names, user[:len(user)-len("@"+domain)])
	}
	sort.Strings(names)
	return names
}

// TestOneOwner has everybody create the same room at once: one of them is its
// owner, the others are in it.
func TestOneOwner(t *testing.T) {
	t.Parallel()
	const users = 30
	c := newChat(t, kamailio.Options{Workers: 4, ShmMB: 128, NoTCP: true})
	ctx := bounded(t, 30*time.Second)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	for i := range users {
		wg.Go(func() {
			if err := accepted(c.send(ctx, fmt.Sprintf("user%d", i), "race", "#create")); err != nil {
				mu.Lock()
				failed = append(failed, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Empty(t, failed)
	created := 0
	for _, m := range c.farm.Received(0) {
		if string(m.Body) == "*** Room was created" {
			created++
		}
	}
	assert.Equal(t, 1, created)
	assert.Len(t, c.listMembers("race"), users)
	v, err := c.RPC("imc.list_rooms")
	require.NoError(t, err)
	require.Len(t, v.Structs(), 1)
	assert.Equal(t, "30", v.Structs()[0].Get("members"))
}
