package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/testdb"
)

// TestBigRoom sends texts to a room whose MESSAGEs need many times the shared
// memory that there is. All arrive, once, and each member's in the order in
// which they were sent; the sender does not wait for them, nor do others.
func TestBigRoom(t *testing.T) {
	t.Parallel()
	const members, texts = 2500, 4
	url := bigRoom(t, members)
	c := newChat(t, kamailio.Options{Workers: 2, ShmMB: 16, NoTCP: true,
		Params:  map[string]any{"db_url": url, "db_mode": 1},
		Defines: map[string]string{"FAST_TM": ""}})
	ctx := bounded(t, 80*time.Second)
	c.must(ctx, "1", "erin", "small", "#create")
	c.must(ctx, "1", "frank", "small", "#join")
	first := c.farm.Count()

	for i := range texts {
		begin := time.Now()
		c.must(ctx, "1", "user0", "big", fmt.Sprintf("text %d", i))
		assert.Less(t, time.Since(begin), time.Second, "the sender's wait")
	}
	// while these go out
	begin := time.Now()
	c.must(ctx, "1", "erin", "small", "and we?")
	assert.Less(t, time.Since(begin), time.Second, "the wait of a small room")

	_, err := c.farm.Await(ctx, first, texts*(members-1)+1)
	require.NoError(t, err)
	next := map[string]int{}
	for _, m := range c.farm.Received(first) {
		if strings.HasPrefix(string(m.Body), "[erin]") {
			continue
		}
		assert.Equal(t, fmt.Sprintf("[user0]: text %d", next[m.URI]), string(m.Body), "to %s", m.URI)
		next[m.URI]++
	}
	assert.Len(t, next, members-1)
	assert.Empty(t, c.LogLines(`ERROR:|CRITICAL:|BUG:`), "tm has had no shortage of memory")
}

// bigRoom makes a database with the room "big" and gives its db_url.
func bigRoom(t *testing.T, members int) string {
	t.Helper()
	m := testdb.StartMariaDB(t)
	require.NoError(t, m.CreateDatabase("kamailio", "", testdb.StockFiles()...))
	db := m.Open("kamailio")
	defer func() { assert.NoError(t, db.Close()) }()
	rows := make([]string, 0, members)
	for i := range members {
		owner := 0
		if i == 0 {
			owner = 1
		}
		rows = append(rows, fmt.Sprintf("('user%d', '%s', '%s', %d)", i, domain, uri("big"), owner))
	}
	ctx := context.Background()
	_, err := db.ExecContext(ctx, "INSERT INTO imc_rooms (name, domain, flag) VALUES ('big', '"+domain+"', 0)")
	require.NoError(t, err)
	_, err = db.ExecContext(ctx, "INSERT INTO imc_members (username, domain, room, flag) VALUES "+strings.Join(rows, ", "))
	require.NoError(t, err)
	return m.URL("kamailio")
}
