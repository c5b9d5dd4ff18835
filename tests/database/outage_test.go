package database

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/testdb"
)

// patience is the longest that anybody may wait for an answer while the
// database is away: the time a write may take, and a margin for a loaded
// machine.
const patience = 8 * time.Second

// TestDatabaseAway takes the database away for a while: texts go on,
// commands are refused with a text that says why, one ERROR and one NOTICE are
// logged, and all is well again by itself.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	m := testdb.StartMariaDB(t)
	for _, mode := range []int{1, 2} {
		d := newTables(t, m, "", testdb.ProjectFile("sql/imc-create.sql"))
		n := startNode(t, kamailio.Options{Params: d.params(mode), Workers: 2})
		ctx := bounded(t, 60*time.Second)
		n.must(ctx, "1", "alice", "lobby", "#create")
		n.must(ctx, "1", "bob", "lobby", "#join")
		n.talk(ctx, "alice", "lobby", "bob")
		began := time.Now()
		require.NoError(t, m.Kill())
		n.talk(ctx, "alice", "lobby", "bob")
		for _, c := range []struct{ rc, from, room, body string }{
			{"-40", "carol", "lobby", "#join"}, {"-30", "carol", "new", "#create"}, {"-90", "bob", "lobby", "#leave"},
			{"-50", "alice", "lobby", "#invite carol"}, {"-110", "alice", "lobby", "#destroy"}, {"-120", "alice", "lobby", "#modify bob admin"},
		} {
			asked := time.Now()
			answer := n.answer(ctx, c.rc, c.from, c.room, c.body)
			assert.True(t, strings.HasPrefix(answer, "*** ") && strings.Contains(answer, "database does not answer"), "%s: %q", c.body, answer)
			assert.Less(t, time.Since(asked), patience, c.body)
			n.talk(ctx, "bob", "lobby", "alice")
		}
		// many at once do not pile up: texts are answered at once
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				_, _, err := n.send(ctx, fmt.Sprintf("u%d", i), "lobby", "#join")
				assert.NoError(t, err)
			})
		}
		asked := time.Now()
		n.talk(ctx, "alice", "lobby", "bob")
		assert.Less(t, time.Since(asked), patience)
		wg.Wait()
		require.NoError(t, m.Start())
		away := time.Since(began)
		line, err := n.AwaitLog("NOTICE: imc .*answers again after", 20*time.Second)
		require.NoError(t, err)
		_, text, _ := strings.Cut(line, "after ")
		length, err := time.ParseDuration(strings.TrimSpace(text))
		require.NoError(t, err, line)
		assert.Less(t, length, away+5*time.Second)
		n.must(ctx, "1", "carol", "lobby", "#join")
		n.talk(ctx, "carol", "lobby", "alice", "bob")
		assert.Len(t, n.lines("ERROR"), 1)
		assert.Len(t, n.LogLines("answers again"), 1)
		n.Stop()
	}
}

// TestDatabaseStalled stops the database without ending it, as a network does
// that loses everything: nobody waits for it longer than a bound.
func TestDatabaseStalled(t *testing.T) {
	t.Parallel()
	m := testdb.StartMariaDB(t)
	for _, mode := range []int{1, 2} {
		d := newTables(t, m, "", testdb.ProjectFile("sql/imc-create.sql"))
		n := startNode(t, kamailio.Options{Params: d.params(mode), Workers: 2})
		ctx := bounded(t, 60*time.Second)
		n.must(ctx, "1", "alice", "lobby", "#create")
		n.must(ctx, "1", "bob", "lobby", "#join")
		require.NoError(t, m.Pause())
		t.Cleanup(func() { _ = m.Resume() }) // before its end is waited for
		asked := time.Now()
		n.answer(ctx, "-40", "carol", "lobby", "#join")
		assert.Less(t, time.Since(asked), patience)
		for range 20 {
			n.talk(ctx, "alice", "lobby", "bob")
		}
		assert.Less(t, time.Since(asked), 2*patience)
		// One request may have been slow for a reason of its own: the database
		// is tried before it is called away. From then on nobody waits.
		_, err := n.AwaitLog("ERROR: imc .*does not answer", 10*time.Second)
		require.NoError(t, err)
		asked = time.Now()
		n.answer(ctx, "-40", "carol", "lobby", "#join")
		assert.Less(t, time.Since(asked), time.Second)
		require.NoError(t, m.Resume())
		_, err = n.AwaitLog("NOTICE: imc .*answers again after", 20*time.Second)
		require.NoError(t, err)
		rooms, members := d.rows(t)
		assert.Len(t, rooms, 1)
		assert.Len(t, members, 2, "what was refused is not there: %q", members)
		n.must(ctx, "1", "carol", "lobby", "#join")
		n.talk(ctx, "carol", "lobby", "alice", "bob")
		assert.Len(t, n.lines("ERROR"), 1)
		n.Stop()
	}
}

// TestDatabaseKilled kills MariaDB under a storm of commands, and starts it
// again: what was confirmed is there, what was refused is not, texts went on.
func TestDatabaseKilled(t *testing.T) {
	t.Parallel()
	killDatabase(t, 3)
}

// TestSoakDatabaseKilled is TestDatabaseKilled in full.
func TestSoakDatabaseKilled(t *testing.T) {
	soak(t)
	t.Parallel()
	killDatabase(t, 50)
}

func killDatabase(t *testing.T, rounds int) {
	t.Helper()
	for _, mode := range []int{1, 2} {
		t.Run(fmt.Sprintf("db_mode %d", mode), func(t *testing.T) {
			t.Parallel()
			m := testdb.StartMariaDB(t)
			d := newTables(t, m, "", testdb.ProjectFile("sql/imc-create.sql"))
			n := startNode(t, kamailio.Options{Params: d.params(mode), Workers: 4, LogLevel: 1, ShmMB: 256,
				Defines: map[string]string{"FAST_TM": ""}})
			seed := rand.Uint64() //nolint:gosec // which moments does not matter
			s := newStorm(n, seed, 6)
			moments := rand.New(rand.NewPCG(seed, 1000)) //nolint:gosec // repeatable
			s.away.Store(true)
			n.must(bounded(t, 10*time.Second), "1", "alice", "lobby", "#create")
			n.must(bounded(t, 10*time.Second), "1", "bob", "lobby", "#join")
			var texts, slowest int64
			for round := range rounds {
				before, beforeAway := s.confirmed.Load(), s.refusedAway.Load()
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { s.run(ctx, t.Context()) })
				wg.Go(func() {
					for ctx.Err() == nil {
						began := time.Now()
						res, _, err := n.send(t.Context(), "alice", "lobby", "a text")
						if !assert.NoError(t, err) || !assert.Equal(t, "1", res.Get("X-RC"), "a text") {
							return
						}
						texts++
						slowest = max(slowest, time.Since(began).Milliseconds())
					}
				})
				enough := before + 20 + int64(moments.IntN(40))
				await.Until(t, 30*time.Second, s.atLeast(&s.confirmed, enough))
				time.Sleep(time.Duration(moments.IntN(5000)) * time.Microsecond)
				require.NoError(t, m.Kill())
				await.Until(t, 20*time.Second, s.atLeast(&s.refusedAway, beforeAway+6))
				require.NoError(t, m.Start())
				notices := func() int { return len(n.LogLines("NOTICE: imc .*answers again")) }
				await.Until(t, 20*time.Second, await.True(func() bool { return notices() > round }, "the end of the outage is not logged"))
				n.must(bounded(t, 20*time.Second), "1", "alice", fmt.Sprintf("after%d", round), "#create") // recovery by itself
				cancel()
				wg.Wait()
				require.False(t, t.Failed(), "round %d", round)
				s.check(d)
				assert.Len(t, n.lines("ERROR"), round+1, "one ERROR an outage")
				assert.Equal(t, round+1, notices(), "one NOTICE an outage")
				require.False(t, t.Failed(), "round %d", round)
			}
			assert.Less(t, slowest, patience.Milliseconds(), "a text waited")
			assert.Less(t, time.Duration(s.slowest.Load()), patience, "a command waited")
			t.Logf("%d rounds: %d commands confirmed, %d refused for their sake, %d for the database's; %d texts; slowest text %d ms, command %v",
				rounds, s.confirmed.Load(), s.refused.Load(), s.refusedAway.Load(), texts, slowest, time.Duration(s.slowest.Load()))
		})
	}
}
