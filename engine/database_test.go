package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/engine/storage/storagetest"
)

// TestTwoNodes: what one node changes is in force for the next request on the
// other one.
func TestTwoNodes(t *testing.T) {
	s := storagetest.NewStore()
	a, _ := withStore(t, storage.ModeDatabase, s, nil)
	b, _ := withStore(t, storage.ModeDatabase, s, nil)
	for _, step := range []struct {
		on   *engine.Conference
		from string
		body string
		want []string
	}{
		{a, "alice", "#create", []string{"room -> alice | *** Room was created"}},
		{b, "bob", "#join", []string{"room -> alice,bob | *** [bob] has joined the room"}},
		{a, "alice", "hello", []string{"room -> bob | [alice]: hello"}},
		{b, "alice", "hello", []string{"room -> bob | [alice]: hello"}},
		{a, "alice", "#modify bob admin", []string{"room -> alice,bob | *** sip:bob@example.org is now admin"}},
		{b, "bob", "#invite carol", []string{"room -> carol | *** [bob] invites you to join the room (send '#accept' or '#reject')"}},
		{a, "carol", "#accept", []string{"room -> alice,carol,bob | *** [carol] has joined the room"}},
		{b, "carol", "hello", []string{"room -> alice,bob | [carol]: hello"}},
		{a, "alice", "#remove carol", []string{"room -> carol | *** You have been removed from the room", "room -> alice,bob | *** [carol] has left the room"}},
		{b, "carol", "hello", nil},
		{b, "bob", "hello", []string{"room -> alice | [bob]: hello"}},
		{b, "bob", "#members", []string{"room -> bob | Members:\n*[alice]\n~[bob]"}},
		{a, "alice", "#destroy", []string{"room -> alice,bob | *** Room has been destroyed"}},
		{b, "bob", "hello", nil},
		{b, "bob", "#rooms", []string{"room:5060 -> bob:5070 | Rooms:"}},
	} {
		assert.Equal(t, step.want, renderAll(send(t, step.on, step.from, "", step.body)), step.body)
	}
}

// TestDatabaseOrder: rows know the order of joining only, so when the first
// member goes the list goes on with the oldest one.
func TestDatabaseOrder(t *testing.T) {
	s := storagetest.NewStore(record("room", member("alice", room.RoleMember),
		member("bob", room.RoleOwner), member("carol", room.RoleMember), member("dave", room.RoleMember)))
	c, _ := withStore(t, storage.ModeDatabase, s, nil)
	play(t, c, []step{
		{"bob", "", "#list", 1, []string{"room -> bob | Members:\n[alice]\n[dave]\n[carol]\n*[bob]"}},
		{"alice", "", "#leave", 1, []string{"room -> alice,dave,carol,bob | *** [alice] has left the room"}},
		{"bob", "", "#list", 1, []string{"room -> bob | Members:\n*[bob]\n[dave]\n[carol]"}},
	})
}

func TestRacesAreDecidedAgain(t *testing.T) {
	s := storagetest.NewStore()
	c, _ := withStore(t, storage.ModeDatabase, s, nil)
	s.BeforeWrite(func() { s.Put(record("room", member("zoe", room.RoleOwner))) })
	play(t, c, []step{{"alice", "", "#create", 1, []string{"room -> zoe,alice | *** [alice] has joined the room"}}})
	s.BeforeWrite(func() { s.Drop(roomKey) })
	play(t, c, []step{{"zoe", "", "#destroy", -110, []string{"room:5060 -> zoe:5070 | *** Room not found"}}})
}

func TestCacheTTL(t *testing.T) { synctest.Test(t, cacheTTL) }

func cacheTTL(t *testing.T) {
	const ttl = 200 * time.Millisecond
	s := storagetest.NewStore(record("room", member("alice", room.RoleOwner), member("bob", room.RoleMember)))
	var bumped []sip.Key
	c, _ := withStore(t, storage.ModeDatabase, s, func(set *engine.Settings) {
		set.CacheTTL = ttl
		set.Changed = func(k sip.Key) { bumped = append(bumped, k) }
	})
	start := time.Now()
	v, err := c.View(t.Context(), roomKey)
	require.NoError(t, err)
	assert.WithinRange(t, v.ReadAt, start, time.Now())
	for range 10 {
		send(t, c, "bob", "", "hello")
	}
	assert.Equal(t, 1, s.Counts().Fetches)

	// Own changes are current at once, those of others when the rows are old.
	send(t, c, "carol", "", "#join")
	assert.Equal(t, engine.CodeOK, send(t, c, "carol", "", "hello").Code)
	assert.Equal(t, 1, s.Counts().Fetches)
	s.Put(record("room", member("alice", room.RoleOwner)))
	assert.Equal(t, engine.CodeOK, send(t, c, "carol", "", "hello").Code)
	time.Sleep(ttl)
	assert.Equal(t, engine.CodeText, send(t, c, "carol", "", "hello").Code)
	assert.Equal(t, 2, s.Counts().Fetches)
	assert.Equal(t, []sip.Key{roomKey, roomKey}, bumped)
}

// TestReadsAreShared: while a query runs, all who come share the next one.
func TestReadsAreShared(t *testing.T) { synctest.Test(t, readsAreShared) }

func readsAreShared(t *testing.T) {
	var rooms []*room.Record
	for i := range 10 {
		rooms = append(rooms, record(fmt.Sprintf("room%d", i), member("alice", room.RoleOwner)))
	}
	s := storagetest.NewStore(rooms...)
	c, _ := withStore(t, storage.ModeDatabase, s, nil)
	release := s.Block()
	var group sync.WaitGroup
	read := func(name string) {
		group.Go(func() { assert.Equal(t, engine.CodeOK, send(t, c, "alice", name, "hello").Code) })
	}
	read("room0")
	synctest.Wait() // for the query
	require.Equal(t, 1, s.Counts().Fetches)
	for i := range 100 {
		read(fmt.Sprintf("room%d", i%10))
	}
	synctest.Wait() // all wait for the next one
	release()
	group.Wait()
	// Three queries run at once, and three when they are done.
	assert.LessOrEqual(t, s.Counts().Fetches, 7)
	assert.LessOrEqual(t, s.Counts().Keys, 21)
}

// TestOldReadDoesNotUndo: a query that read before a change of this node, and
// answers after it, does not bring the old state back.
func TestOldReadDoesNotUndo(t *testing.T) {
	s := storagetest.NewStore(record("room", member("alice", room.RoleOwner)))
	slow := &slowFetch{Store: s, reached: make(chan struct{}), goOn: make(chan struct{})}
	c, _ := withStore(t, storage.ModeDatabase, slow, func(set *engine.Settings) { set.CacheTTL = time.Hour })
	read := make(chan engine.Outcome)
	go func() { read <- send(t, c, "bob", "", "hello") }()
	<-slow.reached
	require.Equal(t, engine.CodeOK, send(t, c, "bob", "", "#join").Code)
	close(slow.goOn)
	// The reader gets what this node has written since it asked.
	assert.Equal(t, []string{"room -> alice | [bob]: hello"}, renderAll(<-read))
	assert.Equal(t, engine.CodeOK, send(t, c, "bob", "", "hello").Code)
	assert.Equal(t, 1, s.Counts().Fetches)
}

// slowFetch holds the answer of the first Fetch back.
type slowFetch struct {
	storage.Store
	once          sync.Once
	reached, goOn chan struct{}
}

func (s *slowFetch) Fetch(ctx context.Context, keys []sip.Key) (map[sip.Key]*room.Record, error) {
	found, err := s.Store.Fetch(ctx, keys)
	s.once.Do(func() {
		close(s.reached)
		<-s.goOn
	})
	return found, err
}

// A change that may be in the tables although its commit was not confirmed is
// not called refused where other nodes may know of it.
func TestDoubtfulShared(t *testing.T) {
	for mode, want := range map[storage.Mode]string{
		storage.ModeDurable:  textAway,
		storage.ModeDatabase: "*** The room's database did not confirm the change: please see whether it was made before you try again",
	} {
		s := storagetest.NewStore(record("room", member("alice", room.RoleOwner), member("bob", room.RoleMember)))
		c, _ := withStore(t, mode, s, nil)
		s.Fail(storage.ErrDoubtful)
		out := send(t, c, "bob", "", "#leave")
		assert.Equal(t, -90, out.Code)
		assert.Equal(t, []string{"room:5060 -> bob:5070 | " + want}, renderAll(out))
	}
}

func TestDatabaseAwayShared(t *testing.T) {
	s := storagetest.NewStore(record("room", member("alice", room.RoleOwner), member("bob", room.RoleMember)),
		record("unread", member("alice", room.RoleOwner)))
	c, l := withStore(t, storage.ModeDatabase, s, nil)
	send(t, c, "bob", "", "hello")
	s.Fail(storage.ErrUnavailable)
	for range 3 {
		assert.Equal(t, []string{"room -> alice | [bob]: hello"}, renderAll(send(t, c, "bob", "", "hello")))
	}
	for _, test := range []struct {
		from, to, body string
		code           int
		want           []string
	}{
		{"alice", "unread", "hello", -200, nil},
		{"bob", "", "#members", -100, []string{"room:5060 -> bob:5070 | " + textAway}},
		{"bob", "", "#leave", -90, []string{"room:5060 -> bob:5070 | " + textAway}},
		{"bob", "", "#help", 1, renderAll(send(t, c, "bob", "", "#help"))},
		{"bob", "", "#rooms", -100, []string{"room:5060 -> bob:5070 | *** The rooms cannot be listed now, because their database does not answer: please try again later"}},
	} {
		out := send(t, c, test.from, test.to, test.body)
		assert.Equal(t, test.code, out.Code, test.body)
		assert.Equal(t, test.want, renderAll(out), test.body)
	}
	_, err := c.Rooms(t.Context())
	require.ErrorIs(t, err, storage.ErrUnavailable)
	_, err = c.RoomActive(t.Context(), "sip:unread@example.org")
	require.ErrorIs(t, err, storage.ErrUnavailable)
	is, err := c.RoomMember(t.Context(), roomURI, "sip:bob@example.org")
	require.NoError(t, err)
	assert.True(t, is)
	assert.Equal(t, []log.Level{log.Error}, l.levels())
	s.Fail(nil)
	require.Eventually(t, func() bool { return len(l.levels()) == 2 }, waitLong, waitStep)
	assert.Equal(t, log.Notice, l.levels()[1])
	assert.Equal(t, engine.CodeOK, send(t, c, "alice", "unread", "hello").Code)
	assert.Equal(t, engine.CodeOK, send(t, c, "bob", "", "#leave").Code)
}

// TestRefusedReads: the database answers, but does not let rooms be read.
func TestRefusedReads(t *testing.T) {
	s := storagetest.NewStore(record("room", member("alice", room.RoleOwner)))
	c, l := withStore(t, storage.ModeDatabase, s, nil)
	s.Fail(errors.New("no such column"))
	assert.Equal(t, engine.CodeText, send(t, c, "alice", "", "hello").Code)
	assert.Equal(t, -100, send(t, c, "alice", "", "#members").Code)
	assert.Equal(t, -100, send(t, c, "alice", "", "#rooms").Code)
	assert.Equal(t, []log.Level{log.Error, log.Error}, l.levels(), "rooms and the list, each told once")
	s.Fail(nil)
	assert.Equal(t, engine.CodeOK, send(t, c, "alice", "", "hello").Code)
}

// TestOutageFoundByAList: the first to meet the outage is #rooms.
func TestOutageFoundByAList(t *testing.T) {
	s := storagetest.NewStore(record("room", member("alice", room.RoleOwner)))
	c, l := withStore(t, storage.ModeDatabase, s, nil)
	s.Fail(storage.ErrUnavailable)
	assert.Equal(t, -100, send(t, c, "alice", "", "#rooms").Code)
	assert.Equal(t, []log.Level{log.Error}, l.levels())
	c.Close()
	c.Close()
}
