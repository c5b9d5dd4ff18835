package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/engine/storage/storagetest"
)

func member(name string, role room.Role) room.Member {
	return room.Member{Address: sip.Address{User: name, Host: "example.org"}, Role: role}
}

func record(name string, members ...room.Member) *room.Record {
	return &room.Record{Address: sip.Address{User: name, Host: "example.org"}, Members: members}
}

// durable returns a conference in ModeDurable that has loaded the store.
func durable(t testing.TB, s *storagetest.Store) *engine.Conference {
	t.Helper()
	set := settings()
	set.Mode = storage.ModeDurable
	c := engine.New(set, s)
	t.Cleanup(c.Close)
	require.NoError(t, c.Load(t.Context(), func(int, int) {}, func(n log.Note) { t.Error(n.Text) }))
	return c
}

func TestLoad(t *testing.T) {
	private := record("den", member("bob", room.RoleOwner), member("carol", room.RoleInvited))
	private.Private = true
	c := durable(t, storagetest.NewStore(
		record("room", member("alice", room.RoleOwner), member("bob", room.RoleAdmin), member("carol", room.RoleMember)),
		record("empty"), private,
	))
	rooms, members := c.Counts()
	assert.Equal(t, 3, rooms)
	assert.Equal(t, 5, members)
	play(t, c, []step{
		{"alice", "", "#members", 1, []string{"room -> alice | Members:\n*[alice]\n[carol]\n~[bob]"}},
		{"bob", "", "#rooms", 1, []string{"room:5060 -> bob:5070 | Rooms:\n[room]\n[empty]\n[den]"}},
		{"carol", "", "#rooms", 1, []string{"room:5060 -> carol:5070 | Rooms:\n[room]\n[empty]"}},
		{"carol", "den", "#accept", 1, []string{"den -> bob,carol | *** [carol] has joined the room"}},
		{"dave", "empty", "#join", 1, []string{"empty -> dave | *** [dave] has joined the room"}},
	})
}

func TestLoadFails(t *testing.T) {
	s := storagetest.NewStore()
	s.Fail(storage.ErrSchema)
	set := settings()
	set.Mode = storage.ModeDurable
	err := engine.New(set, s).Load(t.Context(), func(int, int) {}, func(log.Note) {})
	require.ErrorIs(t, err, storage.ErrSchema)
	for _, mode := range []storage.Mode{storage.ModeMemory, storage.ModeDatabase} {
		set.Mode = mode
		require.NoError(t, engine.New(set, s).Load(t.Context(), nil, nil))
	}
}

// bulk is a store of many rooms that are made up while they are read.
type bulk struct {
	storage.Store
	rooms, members int
}

func (b *bulk) Load(_ context.Context, addRoom func(sip.Address, bool), addMember func(sip.Key, room.Member), _ func(log.Note)) error {
	for i := range b.rooms {
		addRoom(sip.Address{User: fmt.Sprintf("room%d", i), Host: "conference.example.org"}, false)
	}
	for i := range b.rooms {
		k := sip.Key(fmt.Sprintf("room%d@conference.example.org", i))
		for j := range b.members {
			m := room.Member{Address: sip.Address{User: fmt.Sprintf("user%d", i*b.members+j), Host: "example.org"}}
			if j == 0 {
				m.Role = room.RoleOwner
			}
			addMember(k, m)
		}
	}
	return nil
}

// TestMemory bounds what a membership in a room of ten costs, the room's part
// included, when all rooms have been looked at. A million of them have to fit
// into 250 MB resident, which is about twice what is in use.
func TestMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	set := settings()
	set.Mode = storage.ModeDurable
	b := &bulk{rooms: 10_000, members: 10}
	c := engine.New(set, b)
	require.NoError(t, c.Load(t.Context(), func(int, int) {}, func(log.Note) {}))
	for i := range b.rooms {
		v, err := c.View(t.Context(), sip.Key(fmt.Sprintf("room%d@conference.example.org", i)))
		if err != nil || len(v.Members) != b.members {
			t.Fatal("room", i)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := (after.HeapAlloc - before.HeapAlloc) / uint64(b.rooms*b.members)
	t.Logf("%d bytes a membership", used)
	assert.Less(t, used, uint64(130))
	rooms, members := c.Counts()
	assert.Equal(t, b.rooms, rooms)
	assert.Equal(t, b.rooms*b.members, members)
}
