package database

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// TestRoomsSurvive ends and starts the server, in order and by kill -9, in
// both modes in turn: rooms, members in their order, roles, invitations and
// what is private are as they were.
func TestRoomsSurvive(t *testing.T) {
	t.Parallel()
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			d := b.fresh(t)
			ctx := bounded(t, 90*time.Second)
			n := startNode(t, kamailio.Options{Params: d.params(1)})
			for _, step := range []struct{ from, room, body string }{
				{"alice", "lobby", "#create"}, {"bob", "lobby", "#join"}, {"Carol", "lobby", "#join"}, {"dave", "lobby", "#join"},
				{"alice", "lobby", "#modify bob admin"}, {"alice", "lobby", "#modify dave owner"},
				{"bob", "lobby", "#remove carol"}, {"carol", "lobby", "#join"}, {"bob", "lobby", "#invite erin"},
				{"alice", "Club", "#create Club private"}, {"alice", "club", "#add bob"},
				{"alice", "club", "#invite frank"}, {"alice", "club", "#invite grace"}, {"grace", "club", "#accept"},
				{"alice", "gone", "#create"}, {"alice", "gone", "#destroy"},
			} {
				n.must(ctx, "1", step.from, step.room, step.body)
			}
			rooms, members := d.rows(t)
			assert.Equal(t, []string{"lobby@chat.test 0", "Club@chat.test 1"}, rooms)
			assert.Len(t, members, 9)

			for _, next := range []struct {
				kill bool
				mode int
			}{{false, 1}, {true, 1}, {false, 2}, {true, 2}, {true, 1}} {
				if next.kill {
					n.Kill()
				} else {
					n.Stop()
				}
				r, m := d.rows(t)
				assert.Equal(t, rooms, r)
				assert.Equal(t, members, m)
				n.start(kamailio.Options{Params: d.params(next.mode)})
				n.asBefore(bounded(t, 20*time.Second))
			}
			// what was only offered can still be taken
			n.must(ctx, "1", "frank", "club", "#accept")
			n.must(ctx, "1", "erin", "lobby", "#reject")
			n.Kill()
			n.start(kamailio.Options{Params: d.params(1)})
			n.talk(ctx, "frank", "club", "alice", "bob", "grace")
			n.must(ctx, "-60", "erin", "lobby", "#accept")
			assert.Empty(t, n.LogLines(`(WARNING|ERROR|CRITICAL): imc `))
		})
	}
}

// asBefore looks at all that TestRoomsSurvive has made.
func (n *node) asBefore(ctx context.Context) {
	n.t.Helper()
	assert.Equal(n.t, "Members:\n*[alice]\n[carol]\n*[dave]\n~[bob]", n.answer(ctx, "1", "bob", "lobby", "#members"))
	assert.Equal(n.t, "Members:\n*[alice]\n[grace]\n[bob]", n.answer(ctx, "1", "bob", "club", "#members"))
	assert.Equal(n.t, "Rooms:\n[lobby]", n.answer(ctx, "1", "mallory", "lobby", "#rooms"))
	n.talk(ctx, "dave", "lobby", "alice", "bob", "carol")
	n.talk(ctx, "grace", "CLUB", "alice", "bob")
	for _, outsider := range []string{"mallory", "erin"} {
		n.must(ctx, "-200", outsider, "lobby", "I am no member")
	}
	n.must(ctx, "1", "mallory", "club", "#join") // the owners are told, no more
	n.must(ctx, "-70", "mallory", "lobby", "#reject")

	list, err := n.RPC("imc.list_rooms")
	require.NoError(n.t, err)
	var got [][3]string
	for _, s := range list.Structs() {
		got = append(got, [3]string{s.Get("room"), s.Get("members"), s.Get("owner")})
	}
	assert.Equal(n.t, [][3]string{{uri("lobby"), "5", uri("alice")}, {uri("Club"), "4", uri("alice")}}, got)
	v, err := n.RPC("imc.list_members", uri("lobby"))
	require.NoError(n.t, err)
	require.Len(n.t, v.Structs(), 1)
	users, _ := v.Structs()[0].Field("members")
	assert.ElementsMatch(n.t, []string{uri("alice"), uri("bob"), uri("dave"), uri("carol"), uri("erin")}, users.Strings())
	rooms, err := n.Statistic("imc:active_rooms")
	require.NoError(n.t, err)
	assert.Equal(n.t, int64(2), rooms)
}
