package database

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// ttls are the values of db_cache_ttl that the tests of two nodes run with, in
// milliseconds.
var ttls = []int{0, 1000}

// pair starts two nodes on one database.
func pair(t *testing.T, d *tables, ttl int) (a, b *node) {
	t.Helper()
	o := kamailio.Options{Params: d.params(2, map[string]any{"db_cache_ttl": ttl}), LogLevel: 1,
		Defines: map[string]string{"FAST_TM": ""}}
	return startNode(t, o), startNode(t, o)
}

// hears sends texts on a node until exactly those are reached who should be.
// Without a cache the first one has to do so; with one it may take the time
// that rows may be old.
func (n *node) hears(ctx context.Context, ttl int, from, room string, others ...string) {
	n.t.Helper()
	if ttl == 0 {
		n.talk(ctx, from, room, others...)
		return
	}
	slices.Sort(others)
	latest := time.Now().Add(time.Duration(ttl)*time.Millisecond + 2*time.Second)
	for {
		text := fmt.Sprintf("text %d", count.Add(1))
		res, callID, err := n.send(ctx, from, room, text)
		require.NoError(n.t, err)
		// the farm hears of all before it hears of this: it is one socket,
		// and one process sent them
		n.caused(ctx, n.must(ctx, "1", from, "none", "#help"), 1)
		var got []string
		for _, m := range n.farm.Received(0) {
			if m.Get("In-Reply-To") == callID {
				got = append(got, userOf(m.URI))
			}
		}
		slices.Sort(got)
		if res.Get("X-RC") == "1" && slices.Equal(got, others) {
			return
		}
		require.True(n.t, time.Now().Before(latest), "%s reached %q and not %q", res.Get("X-RC"), got, others)
	}
}

// TestTwoNodes changes rooms on one of two Kamailios and talks in them on the
// other one.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	for _, backend := range backends {
		for _, ttl := range ttls {
			t.Run(fmt.Sprintf("%s, db_cache_ttl %d", backend.name, ttl), func(t *testing.T) {
				t.Parallel()
				a, b := pair(t, backend.fresh(t), ttl)
				ctx := bounded(t, 60*time.Second)
				a.must(ctx, "1", "alice", "lobby", "#create")
				b.must(ctx, "1", "bob", "lobby", "#join")
				b.hears(ctx, ttl, "bob", "lobby", "alice")
				a.hears(ctx, ttl, "alice", "lobby", "bob")

				// join and remove
				a.must(ctx, "1", "carol", "lobby", "#join")
				b.hears(ctx, ttl, "bob", "lobby", "alice", "carol")
				a.must(ctx, "1", "alice", "lobby", "#remove carol")
				b.hears(ctx, ttl, "bob", "lobby", "alice")
				b.must(ctx, "-200", "carol", "lobby", "removed")

				// modify: what b does next is by the new role
				b.must(ctx, "-80", "bob", "lobby", "#remove dave")
				a.must(ctx, "1", "alice", "lobby", "#modify bob admin")
				b.must(ctx, "1", "bob", "lobby", "#add dave")
				a.hears(ctx, ttl, "alice", "lobby", "bob", "dave")

				// invited here, accepted there
				a.must(ctx, "1", "alice", "lobby", "#invite erin")
				b.must(ctx, "-200", "erin", "lobby", "not yet")
				b.must(ctx, "1", "erin", "lobby", "#accept")
				a.hears(ctx, ttl, "alice", "lobby", "bob", "dave", "erin")
				b.must(ctx, "1", "bob", "lobby", "#invite frank")
				a.must(ctx, "1", "frank", "lobby", "#reject")
				b.must(ctx, "-60", "frank", "lobby", "#accept")

				// own changes are always current, and so are all decisions
				b.must(ctx, "1", "dave", "lobby", "#leave")
				b.talk(ctx, "bob", "lobby", "alice", "erin")
				assert.Equal(t, "Members:\n*[alice]\n[erin]\n~[bob]", b.answer(ctx, "1", "bob", "lobby", "#members"))

				// destroyed here, gone there; created there, private
				a.must(ctx, "1", "alice", "lobby", "#destroy")
				if ttl == 0 {
					b.must(ctx, "-200", "bob", "lobby", "gone")
				}
				b.must(ctx, "-90", "bob", "lobby", "#leave")
				b.must(ctx, "1", "bob", "lobby", "#create lobby private")
				a.must(ctx, "1", "alice", "lobby", "#join") // no more than a knock
				a.must(ctx, "-200", "alice", "lobby", "I am no member")
				b.must(ctx, "1", "bob", "lobby", "#add alice")
				a.hears(ctx, ttl, "alice", "lobby", "bob")
				assert.Empty(t, a.LogLines("(ERROR|CRITICAL): imc "))
				assert.Empty(t, b.LogLines("(ERROR|CRITICAL): imc "))
			})
		}
	}
}

// TestTwoNodesStorm lets both nodes change the same rooms at once.
func TestTwoNodesStorm(t *testing.T) {
	t.Parallel()
	stormNodes(t, 2*time.Second)
}

// TestSoakTwoNodesStorm is TestTwoNodesStorm in full.
func TestSoakTwoNodesStorm(t *testing.T) {
	soak(t)
	t.Parallel()
	stormNodes(t, 2*time.Minute)
}

func stormNodes(t *testing.T, length time.Duration) {
	t.Helper()
	for _, backend := range backends {
		for _, ttl := range ttls {
			t.Run(fmt.Sprintf("%s, db_cache_ttl %d", backend.name, ttl), func(t *testing.T) {
				t.Parallel()
				d := backend.fresh(t)
				a, b := pair(t, d, ttl)
				ctx := bounded(t, length+60*time.Second)
				var stayed sync.Map // users who joined last, by room
				var sent, refused int64
				var mu sync.Mutex
				until := time.Now().Add(length)
				var wg sync.WaitGroup
				for _, n := range []*node{a, b} {
					for u := range 6 {
						wg.Go(func() {
							rnd := rand.New(rand.NewPCG(rand.Uint64(), 0)) //nolint:gosec // any order
							user := fmt.Sprintf("u%d-%d", n.Pid, u)
							for time.Now().Before(until) && ctx.Err() == nil {
								room := fmt.Sprintf("both%d", rnd.IntN(2))
								other := fmt.Sprintf("u%d-%d", n.Pid, rnd.IntN(6))
								body := []string{"#join", "#join", "#leave", "a text", "#invite " + other,
									"#accept", "#members", "#modify " + other + " owner", "#create"}[rnd.IntN(9)]
								if rnd.IntN(60) == 0 {
									body = "#destroy"
								}
								res, _, err := n.send(ctx, user, room, body)
								if !assert.NoError(t, err, body) {
									return
								}
								mu.Lock()
								sent++
								if strings.HasPrefix(res.Get("X-RC"), "-") {
									refused++
								}
								mu.Unlock()
							}
							// At last everybody is in room both0, whatever was before.
							if _, _, err := n.send(ctx, user, "both0", "#join"); assert.NoError(t, err) {
								stayed.Store(user, true)
							}
						})
					}
				}
				wg.Wait()
				t.Logf("%d requests, %d refused", sent, refused)
				time.Sleep(time.Duration(ttl) * time.Millisecond) // rows may be so old
				agree(ctx, t, d, a, b)
				_, members := d.rows(t)
				stayed.Range(func(user, _ any) bool {
					assert.True(t, slices.ContainsFunc(members, func(m string) bool {
						return strings.HasPrefix(m, user.(string)+"@") && strings.Contains(m, "both0@")
					}), "%s was lost", user)
					return true
				})
				assert.Empty(t, a.LogLines("(ERROR|CRITICAL): imc "))
				assert.Empty(t, b.LogLines("(ERROR|CRITICAL): imc "))
			})
		}
	}
}

// agree fails the test unless both nodes say of every room what the tables
// say, each has an owner, and no row is there twice.
func agree(ctx context.Context, t *testing.T, d *tables, nodes ...*node) {
	t.Helper()
	rooms, members := d.rows(t)
	for _, rows := range [][]string{rooms, members} {
		lower := make([]string, len(rows))
		for i, r := range rows {
			lower[i] = strings.ToLower(r[:strings.LastIndexByte(r, ' ')])
		}
		slices.Sort(lower)
		assert.Len(t, slices.Compact(slices.Clone(lower)), len(rows), "rows are there twice: %q", rows)
	}
	for _, r := range rooms {
		name, _, _ := strings.Cut(r, "@")
		var all, lines []string
		owners := 0
		asker := ""
		for _, m := range members {
			f := strings.Fields(m)
			if userOf(f[1]) != name {
				continue
			}
			user := userOf(f[0])
			all = append(all, uri(user))
			switch role(f[2]) {
			case owner:
				owners++
				lines = append(lines, "*["+user+"]")
			case admin:
				lines = append(lines, "~["+user+"]")
			case plain:
				lines = append(lines, "["+user+"]")
			default:
				continue
			}
			asker = user
		}
		assert.Positive(t, owners, "%s has no owner: %q", name, all)
		for _, n := range nodes {
			v, err := n.RPC("imc.list_members", uri(name))
			require.NoError(t, err)
			list, _ := v.Structs()[0].Field("members")
			assert.ElementsMatch(t, all, list.Strings(), name)
			shown := n.answer(ctx, "1", asker, name, "#members")
			assert.ElementsMatch(t, lines, strings.Split(strings.TrimPrefix(shown, "Members:\n"), "\n"), name)
		}
	}
}
