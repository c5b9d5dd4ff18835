package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// crowd is who is in which room: rooms of the same size, every user in one.
type crowd struct {
	rooms, perRoom, texts int
}

func (c crowd) room(r int) string    { return fmt.Sprintf("room%d", r) }
func (c crowd) user(r, u int) string { return fmt.Sprintf("user%d-%d", r, u) }

// each runs fn for every user at once and gives the first error.
func (c crowd) each(fn func(r, u int) error) error {
	errs := make(chan error, c.rooms*c.perRoom)
	var wg sync.WaitGroup
	for r := range c.rooms {
		for u := range c.perRoom {
			wg.Go(func() { errs <- fn(r, u) })
		}
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestCrowd has 200 users in 20 rooms talk at once through 4 workers. Every
// member receives every text of its room that others wrote exactly once, and
// the texts of each sender in the order in which they were sent.
func TestCrowd(t *testing.T) {
	t.Parallel()
	cr := crowd{rooms: 20, perRoom: 10, texts: 12}
	c := newChat(t, kamailio.Options{Workers: 4, ShmMB: 512, NoTCP: true})
	ctx := bounded(t, 90*time.Second)

	require.NoError(t, cr.each(func(r, u int) error {
		return accepted(c.send(ctx, cr.user(r, u), cr.room(r), "#join"))
	}))
	// each newcomer is told to everybody who is in by then; "Room was created"
	// stands for the first one's
	joins := cr.rooms * cr.perRoom * (cr.perRoom + 1) / 2
	_, err := c.farm.Await(ctx, 0, joins)
	require.NoError(t, err)

	require.NoError(t, cr.each(func(r, u int) error {
		for n := range cr.texts {
			if err := accepted(c.send(ctx, cr.user(r, u), cr.room(r), fmt.Sprintf("text %d", n))); err != nil {
				return err
			}
		}
		return nil
	}))
	due := cr.rooms * cr.perRoom * cr.texts * (cr.perRoom - 1)
	_, err = c.farm.Await(ctx, joins, due)
	require.NoError(t, err)
	cr.check(t, c.farm.Received(joins))
	assert.Equal(t, joins+due, c.farm.Count(), "MESSAGEs in all")

	n, err := c.Statistic("imc:active_rooms")
	require.NoError(t, err)
	assert.EqualValues(t, cr.rooms, n)
	assert.Empty(t, c.LogLines(`ERROR:|CRITICAL:|BUG:`))
}

func accepted(res *sipua.Message, err error) error {
	if err == nil && res.Get("X-RC") != "1" {
		err = fmt.Errorf("imc_manager() returned %s", res.Get("X-RC"))
	}
	return err
}

// check holds what arrived against what every member was to receive.
func (c crowd) check(t *testing.T, got []*sipua.Message) {
	t.Helper()
	next := map[[2]string]int{} // receiver and sender: the text that is to come next
	for _, m := range got {
		var r, u, n int
		if _, err := fmt.Sscanf(string(m.Body), "[user%d-%d]: text %d", &r, &u, &n); err != nil {
			assert.Fail(t, "not a text of this test", "%s", m)
			continue
		}
		key := [2]string{m.URI, c.user(r, u)}
		assert.Equal(t, next[key], n, "to %s from %s", m.URI, c.user(r, u))
		next[key] = n + 1
		assert.Contains(t, m.Get("From"), uri(c.room(r)), "to %s", m.URI)
	}
	for r := range c.rooms {
		for u := range c.perRoom {
			for sender := range c.perRoom {
				key := [2]string{uri(c.user(r, u)), c.user(r, sender)}
				want := c.texts
				if sender == u {
					want = 0
				}
				assert.Equal(t, want, next[key], "texts to %s from %s", key[0], key[1])
			}
		}
	}
}
