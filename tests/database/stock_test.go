package database

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/testdb"
)

// stockTables are Kamailio's own tables, as kamdbctl makes them.
func stockTables(t *testing.T) *tables {
	t.Helper()
	return newTables(t, mariadb.get(t), "CHARACTER SET latin1", testdb.StockFiles()...)
}

// TestOldRows starts with the rows that years with the stock module leave:
// each oddity is logged once, however often it is met, and nothing of them is
// touched; mode 2 says with which statement the index is made that it misses.
func TestOldRows(t *testing.T) {
	t.Parallel()
	for _, mode := range []int{1, 2} {
		t.Run([]string{"", "durable", "shared"}[mode], func(t *testing.T) {
			t.Parallel()
			d := stockTables(t)
			// without the unique keys, as very old versions made the tables
			d.exec(t, "ALTER TABLE imc_rooms DROP INDEX name_domain_idx", "ALTER TABLE imc_members DROP INDEX account_room_idx",
				"INSERT INTO imc_rooms (name, domain, flag) VALUES ('Lobby','chat.test',0), ('flags','chat.test',3), "+
					"('empty','chat.test',0), ('ownerless','chat.test',1), ('LOBBY','Chat.Test',1)",
				"INSERT INTO imc_members (username, domain, room, flag) VALUES "+
					"('alice','chat.test','sip:Lobby@chat.test',17), ('Bob','chat.test','sip:lobby@CHAT.test',24), "+
					"('carol','chat.test','sip:Lobby@chat.test',8), ('ALICE','chat.test','sip:Lobby@chat.test',0), "+
					"('dave','chat.test','sip:flags@chat.test',1), ('erin','chat.test','sip:ownerless@chat.test',2), "+
					"('ghost','chat.test','sip:nowhere@chat.test',1), ('frank','chat.test','sip:Lobby@chat.test',4)")
			rooms, members := d.rows(t)
			n := startNode(t, kamailio.Options{Params: d.params(mode)})
			ctx := bounded(t, 30*time.Second)
			for range 5 { // in mode 2 the rows are read again and again
				n.talk(ctx, "alice", "lobby", "Bob", "carol")
				n.talk(ctx, "Bob", "LOBBY", "alice", "carol")
				n.must(ctx, "1", "dave", "flags", "alone")
				n.must(ctx, "1", "erin", "ownerless", "alone")
				n.must(ctx, "-200", "alice", "empty", "nobody there")
				assert.Equal(t, "Members:\n*[alice]\n[carol]\n[Bob]", n.answer(ctx, "1", "alice", "lobby", "#members"))
			}
			odd := []string{
				"flags@.* has the flag 3", "empty@.* has no members", "ownerless@.* has no owner", "is there more than once",
				"Bob@.* has the flag 24", "carol@.* has the flag 8", "ALICE@.* more than once",
			}
			if mode == 1 {
				odd = append(odd, "ghost@.* does not exist")
			}
			for _, pattern := range odd {
				assert.Len(t, n.LogLines(` imc .*`+pattern), 1, pattern)
			}
			index := n.LogLines("WARNING: imc .*ALTER TABLE .?imc_members.? ADD INDEX")
			if mode == 2 {
				assert.Len(t, index, 1, "one WARNING with the statement")
			} else {
				assert.Empty(t, index)
			}
			n.Stop()
			r, m := d.rows(t)
			assert.Equal(t, rooms, r)
			assert.Equal(t, members, m)
		})
	}
}

// TestUpgrade executes the statement of the documents on the stock tables:
// nothing is left to complain about.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	d := stockTables(t)
	d.exec(t, upgrade)
	n := startNode(t, kamailio.Options{Params: d.params(2)})
	ctx := bounded(t, 20*time.Second)
	n.must(ctx, "1", "alice", "lobby", "#create")
	n.must(ctx, "1", "bob", "lobby", "#join")
	n.talk(ctx, "bob", "lobby", "alice")
	assert.Empty(t, n.LogLines(`(WARNING|ERROR|CRITICAL): imc `))
}

// TestToStockAndBack stops ours, starts the stock module on the same tables,
// talks and changes rooms there, and comes back.
func TestToStockAndBack(t *testing.T) {
	t.Parallel()
	for _, mode := range []int{1, 2} {
		t.Run([]string{"", "durable", "shared"}[mode], func(t *testing.T) {
			t.Parallel()
			d := stockTables(t)
			ctx := bounded(t, 60*time.Second)
			n := startNode(t, kamailio.Options{Params: d.params(mode)})
			for _, step := range []struct{ from, room, body string }{
				{"alice", "Lobby", "#create"}, {"bob", "lobby", "#join"}, {"carol", "lobby", "#join"},
				{"alice", "lobby", "#modify bob admin"}, {"alice", "lobby", "#invite dave"}, {"erin", "second", "#create"},
			} {
				n.must(ctx, "1", step.from, step.room, step.body)
			}
			n.Stop()

			n.start(kamailio.Options{Module: kamailio.Stock, Params: map[string]any{"db_url": d.url}})
			// Its text goes to the invited one too, and it lists in an order of its own.
			got := n.caused(ctx, n.must(ctx, "1", "carol", "Lobby", "stock"), 2)
			assert.Subset(t, got, []string{"alice: [carol]: stock", "bob: [carol]: stock"})
			list := strings.Split(n.answer(ctx, "1", "alice", "Lobby", "#members"), "\n")
			assert.Subset(t, list, []string{"*[alice]", "~[bob]", "[carol]"})
			n.must(ctx, "1", "dave", "Lobby", "#accept")
			n.must(ctx, "1", "frank", "second", "#join")
			n.must(ctx, "1", "grace", "third", "#create")
			n.Stop() // writes its rows

			n.start(kamailio.Options{Params: d.params(mode)})
			ctx = bounded(t, 30*time.Second)
			n.talk(ctx, "dave", "lobby", "alice", "bob", "carol")
			n.talk(ctx, "frank", "second", "erin")
			list = strings.Split(n.answer(ctx, "1", "dave", "lobby", "#members"), "\n")
			assert.ElementsMatch(t, []string{"Members:", "*[alice]", "~[bob]", "[carol]", "[dave]"}, list)
			assert.Equal(t, "Members:\n*[grace]", n.answer(ctx, "1", "grace", "third", "#members"))
			n.must(ctx, "1", "grace", "third", "#destroy")
			n.Stop()
			rooms, _ := d.rows(t)
			require.Len(t, rooms, 2)
			assert.Empty(t, n.LogLines("CRITICAL|BUG"))
		})
	}
}
