package database

import (
	"context"
	"fmt"
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

// TestQueriesAreShared holds the tables while many texts arrive: the first one
// waits for its query, all others share a few, whether they go to one room or
// to many. The server's own counter tells.
func TestQueriesAreShared(t *testing.T) {
	t.Parallel()
	const workers = 8
	m := testdb.StartMariaDB(t)
	for _, rooms := range []int{1, workers} {
		d := newTables(t, m, "", testdb.ProjectFile("sql/imc-create.sql"))
		n := startNode(t, kamailio.Options{Params: d.params(2), Workers: workers})
		ctx := bounded(t, 60*time.Second)
		for i := range rooms {
			n.must(ctx, "1", "alice", fmt.Sprintf("room%d", i), "#create")
			n.must(ctx, "1", "bob", fmt.Sprintf("room%d", i), "#join")
		}
		for round := range 5 {
			conn, err := d.db.Conn(ctx)
			require.NoError(t, err)
			_, err = conn.ExecContext(ctx, "LOCK TABLES imc_rooms WRITE, imc_members WRITE")
			require.NoError(t, err)
			before, received := selects(ctx, t, d), n.requests()
			var wg sync.WaitGroup
			for i := range workers {
				wg.Go(func() { n.must(ctx, "1", "alice", fmt.Sprintf("room%d", i%rooms), "all at once") })
				if i == 0 { // its query is under way before the others come
					await.Until(t, 10*time.Second, await.True(func() bool { return waiting(ctx, t, d) == 1 }, "no query waits for the tables"))
				}
			}
			await.Until(t, 10*time.Second, await.True(func() bool { return n.requests() >= received+workers }, "requests are on the way"))
			for quiet := 0; quiet < 5; { // each worker has asked, and the engine has heard it
				quiet++
				if !n.Asleep() {
					quiet = 0
				}
				time.Sleep(await.Step)
			}
			_, err = conn.ExecContext(ctx, "UNLOCK TABLES")
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			wg.Wait()
			used := selects(ctx, t, d) - before
			t.Logf("%d rooms, round %d: %d texts, %d SELECTs", rooms, round, workers, used)
			// a query is one SELECT. One room is in one query at a time; of
			// several rooms three queries run at once. A worker may come too
			// late once.
			most := 3
			if rooms > 1 {
				most = 7
			}
			assert.LessOrEqual(t, used, most)
			assert.GreaterOrEqual(t, used, 2)
		}
		n.Stop()
	}
}

// requests is how many requests the server has received.
func (n *node) requests() int64 {
	v, err := n.Statistic("core:rcv_requests")
	require.NoError(n.t, err)
	return v
}

// selects is the server's counter of SELECTs; these tests' own reading of it
// is none.
func selects(ctx context.Context, t *testing.T, d *tables) (n int) {
	t.Helper()
	var name string
	require.NoError(t, d.db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Com_select'").Scan(&name, &n))
	return n
}

// waiting counts the sessions that wait for the locked tables.
func waiting(ctx context.Context, t *testing.T, d *tables) (n int) {
	t.Helper()
	rows, err := d.db.QueryContext(ctx, "SHOW FULL PROCESSLIST")
	require.NoError(t, err)
	defer func() { assert.NoError(t, rows.Close()) }()
	for rows.Next() {
		var id, seconds int64
		var user, host, progress string
		var database, command, state, info *string
		require.NoError(t, rows.Scan(&id, &user, &host, &database, &command, &seconds, &state, &info, &progress))
		if state != nil && strings.Contains(*state, "Waiting for table") {
			n++
		}
	}
	require.NoError(t, rows.Err())
	return n
}

// TestCacheSpares counts the queries of texts to a hot room: with db_cache_ttl
// one is enough for the time that it allows.
func TestCacheSpares(t *testing.T) {
	t.Parallel()
	m := testdb.StartMariaDB(t)
	d := newTables(t, m, "", testdb.ProjectFile("sql/imc-create.sql"))
	n := startNode(t, kamailio.Options{Params: d.params(2, map[string]any{"db_cache_ttl": 60000})})
	ctx := bounded(t, 30*time.Second)
	n.must(ctx, "1", "alice", "lobby", "#create")
	n.must(ctx, "1", "bob", "lobby", "#join")
	n.talk(ctx, "alice", "lobby", "bob")
	before := selects(ctx, t, d)
	for range 100 {
		n.talk(ctx, "alice", "lobby", "bob")
	}
	assert.Zero(t, selects(ctx, t, d)-before)
}
