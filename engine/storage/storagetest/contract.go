package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// Contract tries what every Store promises, whatever it keeps rooms in. open
// returns an empty one, for several nodes on one database (db_mode 2) if shared
// is set, for one otherwise (db_mode 1).
func Contract(t *testing.T, open func(t *testing.T, shared bool) storage.Store) {
	for name, test := range map[string]struct {
		shared bool
		try    func(*trial)
	}{
		"commit":   {false, (*trial).commits},
		"load":     {false, (*trial).loads},
		"update":   {true, (*trial).updates},
		"settle":   {true, (*trial).settles},
		"lists":    {true, (*trial).lists},
		"deadline": {true, (*trial).ends},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			test.try(&trial{T: t, Store: open(t, test.shared), ctx: ctx})
		})
	}
}

// trial is one part of the contract on one store.
type trial struct {
	*testing.T
	storage.Store
	ctx context.Context
}

var lounge = sip.Address{User: "Lounge", Host: "Example.com"}

func person(user string, role room.Role) room.Member {
	return room.Member{Address: sip.Address{User: user, Host: "Home.org"}, Role: role}
}

func address(user string) sip.Address { return person(user, 0).Address }

// commit commits a change of the lounge.
func (t *trial) commit(c room.Change) {
	t.Helper()
	c.Room = lounge
	require.NoError(t, t.Commit(t.ctx, &c))
}

// is holds the lounge against what is expected, nil for none.
func (t *trial) is(want *room.Record) {
	t.Helper()
	found, err := t.Fetch(t.ctx, []sip.Key{"nowhere@example.com", lounge.Key()})
	require.NoError(t, err)
	if want == nil {
		assert.Empty(t, found)
		return
	}
	assert.Equal(t, map[sip.Key]*room.Record{lounge.Key(): want}, found)
}

// commits: a room from its creation to its end. Keys have no case, what is
// stored keeps it.
func (t *trial) commits() {
	t.commit(room.Change{}) // changes nothing
	t.is(nil)
	t.commit(room.Change{Create: true, Private: true, Put: []room.Member{person("Alice", room.RoleOwner)}})
	t.commit(room.Change{Put: []room.Member{person("bob", room.RoleInvited)}})
	t.commit(room.Change{Put: []room.Member{person("carol", room.RoleMember)}})
	want := &room.Record{Address: lounge, Private: true, Members: []room.Member{
		person("Alice", room.RoleOwner), person("bob", room.RoleInvited), person("carol", room.RoleMember),
	}}
	t.is(want)

	// Roles change in place, several at once, in whatever case.
	t.commit(room.Change{Put: []room.Member{person("BOB", room.RoleOwner), person("alice", room.RoleAdmin)}})
	want.Members[0].Role, want.Members[1].Role = room.RoleAdmin, room.RoleOwner
	t.is(want)

	t.commit(room.Change{Delete: []sip.Address{address("CAROL"), address("nobody")}})
	t.commit(room.Change{Put: []room.Member{person("dave", room.RoleMember)}, Delete: []sip.Address{address("alice")}})
	want.Members = []room.Member{person("bob", room.RoleOwner), person("dave", room.RoleMember)}
	t.is(want)

	// A room that is there already is a conflict, and stays as it is.
	again := room.Change{Room: sip.Address{User: "LOUNGE", Host: "example.com"}, Create: true}
	require.ErrorIs(t, t.Commit(t.ctx, &again), storage.ErrConflict)
	t.is(want)

	// What is both destroyed and created is written anew.
	t.commit(room.Change{Destroy: true, Create: true, Put: []room.Member{person("eve", room.RoleOwner)}})
	t.is(&room.Record{Address: lounge, Members: []room.Member{person("eve", room.RoleOwner)}})

	t.commit(room.Change{Destroy: true})
	t.is(nil)
	t.commit(room.Change{Destroy: true})
	t.commit(room.Change{Create: true, Put: []room.Member{person("eve", room.RoleOwner)}}) // none of its members are left
	t.is(&room.Record{Address: lounge, Members: []room.Member{person("eve", room.RoleOwner)}})
}

// loads: rooms in the order of their creation, then members in joining order.
func (t *trial) loads() {
	var want []sip.Address
	for _, name := range []string{"zoo", "Attic", "mill"} {
		a := sip.Address{User: name, Host: "example.com"}
		want = append(want, a)
		require.NoError(t, t.Commit(t.ctx, &room.Change{
			Room: a, Create: true, Private: name == "mill", Put: []room.Member{person("zoe", room.RoleOwner), person("adam", room.RoleInvited)},
		}))
	}
	var rooms []sip.Address
	members := map[sip.Key][]room.Member{}
	require.NoError(t, t.Load(t.ctx,
		func(a sip.Address, private bool) {
			assert.Empty(t, members, "a room after a member")
			assert.Equal(t, a.User == "mill", private)
			rooms = append(rooms, a)
		},
		func(k sip.Key, m room.Member) { members[k] = append(members[k], m) },
		func(n log.Note) { t.Error(n.Text) }))
	assert.Equal(t, want, rooms)
	for _, a := range want {
		assert.Equal(t, []room.Member{person("zoe", room.RoleOwner), person("adam", room.RoleInvited)}, members[a.Key()])
	}
}

// updates: the decision gets the room as it stands, and what it returns is
// written.
func (t *trial) updates() { t.decide(t.Update) }

// settles: nothing is on its way, so it is an update.
func (t *trial) settles() { t.decide(t.Settle) }

func (t *trial) decide(update func(context.Context, sip.Key, func(*room.Record) *room.Change) error) {
	step := func(want *room.Record, c *room.Change) {
		t.Helper()
		if c != nil {
			c.Room = lounge
		}
		calls := 0
		require.NoError(t, update(t.ctx, lounge.Key(), func(r *room.Record) *room.Change {
			calls++
			assert.Equal(t, want, r)
			return c
		}))
		assert.Equal(t, 1, calls)
	}
	step(nil, nil)
	step(nil, &room.Change{})
	step(nil, &room.Change{Create: true, Put: []room.Member{person("Alice", room.RoleOwner)}})
	want := &room.Record{Address: lounge, Members: []room.Member{person("Alice", room.RoleOwner)}}
	step(want, &room.Change{Put: []room.Member{person("bob", room.RoleInvited), person("ALICE", room.RoleAdmin)}})
	want.Members = []room.Member{person("Alice", room.RoleAdmin), person("bob", room.RoleInvited)}
	step(want, &room.Change{Delete: []sip.Address{address("BOB"), address("nobody")}})
	want.Members = want.Members[:1]
	step(want, nil)

	// A change that does not go with the room as it is.
	for k, c := range map[sip.Key]*room.Change{
		lounge.Key():          {Room: lounge, Create: true},
		"nowhere@example.com": {Room: sip.Address{User: "nowhere", Host: "example.com"}, Put: []room.Member{person("a", 0)}},
	} {
		err := update(t.ctx, k, func(*room.Record) *room.Change { return c })
		require.ErrorIs(t, err, storage.ErrConflict)
	}
	step(want, &room.Change{Destroy: true})
	step(nil, nil)
}

// lists: all rooms in the order of their creation, and those of one user.
func (t *trial) lists() {
	var want []room.Info
	for _, name := range []string{"zoo", "Attic", "mill"} {
		a := sip.Address{User: name, Host: "example.com"}
		want = append(want, room.Info{Address: a, Private: name == "mill"})
		role := room.RoleMember
		if name == "Attic" {
			role = room.RoleInvited
		}
		require.NoError(t, t.Update(t.ctx, a.Key(), func(*room.Record) *room.Change {
			return &room.Change{Room: a, Create: true, Private: name == "mill", Put: []room.Member{person("zoe", room.RoleOwner), person("Adam", role)}}
		}))
	}
	list, err := t.List(t.ctx)
	require.NoError(t, err)
	assert.Equal(t, want, list)
	for user, rooms := range map[string][]sip.Key{
		"aDAM": {"zoo@example.com", "mill@example.com"}, // not where he is merely invited
		"zoe":  {"zoo@example.com", "attic@example.com", "mill@example.com"},
		"eve":  nil,
	} {
		keys, err := t.RoomsOf(t.ctx, address(user).Key())
		require.NoError(t, err)
		assert.ElementsMatch(t, rooms, keys, user)
	}
	require.NoError(t, t.Probe(t.ctx))
}

// ends: nothing waits beyond its context.
func (t *trial) ends() {
	over, cancel := context.WithCancel(t.ctx)
	cancel()
	_, err := t.Fetch(over, []sip.Key{lounge.Key()})
	require.Error(t, err)
	require.Error(t, t.Probe(over))
	require.Error(t, t.Update(over, lounge.Key(), func(*room.Record) *room.Change {
		return &room.Change{Room: lounge, Create: true}
	}))
	t.is(nil)
}
