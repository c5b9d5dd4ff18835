package engine_test

import (
	"context"
	"errors"
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

const (
	textAway = "*** The room cannot be changed now, because its database does not answer: please try again later"
	textBusy = "*** The room is busy, please try again later"
)

// journal collects what belongs to no request.
type journal struct {
	mu    sync.Mutex
	notes []log.Note
}

func (l *journal) add(n log.Note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, n)
}

// levels returns the levels of the notes so far.
func (l *journal) levels() []log.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	var levels []log.Level
	for _, n := range l.notes {
		levels = append(levels, n.Level)
	}
	return levels
}

// withStore returns a conference on a store, and its log.
func withStore(t testing.TB, mode storage.Mode, s storage.Store, change func(*engine.Settings)) (*engine.Conference, *journal) {
	t.Helper()
	l := &journal{}
	set := settings()
	set.Mode = mode
	set.Note = l.add
	if change != nil {
		change(&set)
	}
	c := engine.New(set, s)
	t.Cleanup(c.Close)
	require.NoError(t, c.Load(t.Context(), func(int, int) {}, l.add))
	return c, l
}

// TestContractInEveryMode plays the commands in the modes with a store: what
// users see is the same.
func TestContractInEveryMode(t *testing.T) {
	for _, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
		for _, test := range contractTests {
			if mode == storage.ModeDatabase && test.name == "the first member goes" {
				continue // rows know joining order only, TestDatabaseOrder
			}
			t.Run(test.name, func(t *testing.T) {
				s := storagetest.NewStore()
				c, l := withStore(t, mode, s, test.set)
				for i := range test.steps {
					play(t, c, test.steps[i:i+1])
					sameAsStored(t, c, s)
				}
				assert.Empty(t, l.levels())
			})
		}
	}
}

// sameAsStored checks that the rooms are those of the store.
func sameAsStored(t testing.TB, c *engine.Conference, s *storagetest.Store) {
	t.Helper()
	infos, err := c.Rooms(context.Background())
	require.NoError(t, err)
	stored, err := s.List(context.Background())
	require.NoError(t, err)
	require.Len(t, infos, len(stored))
	for _, info := range infos {
		rec := s.Room(info.Key())
		require.NotNil(t, rec)
		require.Equal(t, rec.Private, info.Private)
		v, err := c.View(context.Background(), info.Key())
		require.NoError(t, err)
		var uris []string
		owners := 0
		for _, m := range rec.Members {
			uris = append(uris, m.URI())
			if m.Role&room.RoleOwner != 0 {
				owners++
			}
		}
		require.ElementsMatch(t, uris, v.All)
		require.True(t, owners > 0 || len(uris) == 0, "room %s has no owner", info.URI())
	}
}

func TestChangesAreCommittedFirst(t *testing.T) { synctest.Test(t, changesAreCommittedFirst) }

func changesAreCommittedFirst(t *testing.T) {
	s := storagetest.NewStore()
	var seen []sip.Key
	var c *engine.Conference
	set := func(set *engine.Settings) {
		set.Changed = func(k sip.Key) {
			seen = append(seen, k)
			_, err := c.View(context.Background(), k) // may be called from here
			assert.NoError(t, err)
		}
	}
	c, _ = withStore(t, storage.ModeDurable, s, set)
	send(t, c, "alice", "", "#create")
	send(t, c, "bob", "", "#join")
	send(t, c, "bob", "", "#join")
	send(t, c, "bob", "", "hello")
	send(t, c, "bob", "", "#members")
	send(t, c, "alice", "", "#modify bob member")
	assert.Equal(t, []sip.Key{roomKey, roomKey}, seen)
	assert.Equal(t, 2, s.Counts().Commits)

	// Until the commit is through, everybody sees the old state, and other
	// rooms are not held up.
	release := s.Block()
	done := make(chan engine.Outcome)
	go func() { done <- send(t, c, "carol", "", "#join") }()
	synctest.Wait() // it is at its commit
	assert.Equal(t, []string{"room -> alice | [bob]: hello"}, renderAll(send(t, c, "bob", "", "hello")))
	assert.Equal(t, engine.CodeText, send(t, c, "carol", "", "hello").Code)
	assert.Len(t, renderAll(send(t, c, "carol", "", "#rooms")), 1)
	assert.Empty(t, done)
	release()
	assert.Equal(t, []string{"room -> alice,carol,bob | *** [carol] has joined the room"}, renderAll(<-done))
}

func renderAll(o engine.Outcome) []string {
	var lines []string
	for i := range o.Messages {
		lines = append(lines, render(&o.Messages[i]))
	}
	return lines
}

func TestDatabaseAwayDurable(t *testing.T) {
	s := storagetest.NewStore()
	c, l := withStore(t, storage.ModeDurable, s, nil)
	send(t, c, "alice", "", "#create")
	send(t, c, "bob", "", "#join")
	s.Fail(storage.ErrUnavailable)
	play(t, c, []step{
		{"carol", "", "#join", -40, []string{"room:5060 -> carol:5070 | " + textAway}},
		{"carol", "new", "#create", -30, []string{"new:5060 -> carol:5070 | " + textAway}},
		{"carol", "", "hello", -200, nil},
		{"bob", "", "hello", 1, []string{"room -> alice | [bob]: hello"}},
		{"bob", "", "#members", 1, []string{"room -> bob | Members:\n*[alice]\n[bob]"}},
		{"bob", "", "#rooms", 1, []string{"room:5060 -> bob:5070 | Rooms:\n[room]"}},
		{"bob", "", "#leave", -90, []string{"room:5060 -> bob:5070 | " + textAway}},
		{"alice", "", "#destroy", -110, []string{"room:5060 -> alice:5070 | " + textAway}},
	})
	assert.Equal(t, []log.Level{log.Error}, l.levels())
	out := c.InvitationFailed(t.Context(), roomURI, "sip:nobody@example.org", "sip:alice@example.org", "1", "")
	assert.Equal(t, engine.CodeOK, out.Code)
	s.Fail(nil)
	require.Eventually(t, func() bool { return len(l.levels()) == 2 }, waitLong, waitStep)
	assert.Equal(t, []log.Level{log.Error, log.Notice}, l.levels())
	assert.Contains(t, l.notes[1].Text, "database answers again after ")
	play(t, c, []step{{"carol", "", "#join", 1, []string{"room -> alice,carol,bob | *** [carol] has joined the room"}}})
	sameAsStored(t, c, s)
}

// TestLostAnswer: the change is in the database, but its confirmation got
// lost, so it was refused. When the database is back it is taken out again.
func TestLostAnswer(t *testing.T) {
	for _, body := range []string{"#create other", "#leave", "#modify carol admin", "#add erin", "#destroy", "#invite erin"} {
		t.Run(body, func(t *testing.T) {
			s := storagetest.NewStore(record("room",
				member("alice", room.RoleOwner), member("bob", room.RoleAdmin), member("carol", room.RoleMember)))
			c, l := withStore(t, storage.ModeDurable, s, nil)
			from := "alice"
			if body == "#leave" {
				from = "carol"
			}
			s.LoseAnswers(1)
			out := send(t, c, from, "", body)
			assert.Negative(t, out.Code)
			assert.Contains(t, renderAll(out)[0], textAway)
			s.Fail(nil)
			require.Eventually(t, func() bool { return len(l.levels()) == 2 }, waitLong, waitStep)
			sameAsStored(t, c, s)
			rooms, members := c.Counts()
			assert.Equal(t, 1, rooms)
			assert.Equal(t, 3, members)
			assert.Equal(t, "bob", s.Room(roomKey).Members[1].User)
		})
	}
}

func TestOtherFailures(t *testing.T) {
	s := storagetest.NewStore()
	c, l := withStore(t, storage.ModeDurable, s, nil)
	s.Fail(storage.ErrValue)
	play(t, c, []step{{"alice", "", "#create", -30, []string{"room:5060 -> alice:5070 | *** The room cannot be changed: its database cannot hold one of the names"}}})
	s.Fail(errors.New("table is read-only"))
	play(t, c, []step{{"alice", "", "#create", -30, []string{"room:5060 -> alice:5070 | *** The room cannot be changed: its database refused the change"}}})
	assert.Equal(t, []log.Level{log.Warning, log.Error}, l.levels())
	s.Fail(nil)
	play(t, c, []step{{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}}})
}

// TestForeignWriter: somebody else wrote the room's rows. They count.
func TestForeignWriter(t *testing.T) {
	s := storagetest.NewStore()
	c, l := withStore(t, storage.ModeDurable, s, nil)
	s.Put(record("room", member("zoe", room.RoleOwner)))
	play(t, c, []step{{"alice", "", "#create", 1, []string{"room -> zoe,alice | *** [alice] has joined the room"}}})
	s.Drop(roomKey)
	play(t, c, []step{{"alice", "", "#leave", -90, []string{"room:5060 -> alice:5070 | *** Room not found"}}})
	assert.Equal(t, []log.Level{log.Warning, log.Warning}, l.levels())
}

// TestWaitsAreBounded: a database that hangs holds nobody longer than allowed.
func TestWaitsAreBounded(t *testing.T) {
	for _, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
		s := storagetest.NewStore(record("room", member("alice", room.RoleOwner), member("bob", room.RoleMember)))
		c, l := withStore(t, mode, s, nil)
		send(t, c, "bob", "", "hello")
		release := s.Block()
		start := time.Now()
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				out := c.Handle(ctx, request("carol", "", "#join"))
				assert.Equal(t, -40, out.Code)
				assert.Contains(t, []string{"room:5060 -> carol:5070 | " + textAway, "room:5060 -> carol:5070 | " + textBusy}, renderAll(out)[0])
				out = c.Handle(ctx, request("bob", "", "hello"))
				assert.Equal(t, engine.CodeOK, out.Code)
			})
		}
		group.Wait()
		assert.Less(t, time.Since(start), 2*time.Second)
		// When it is known that the database hangs, nobody waits for it.
		count := func(level log.Level) (n int) {
			for _, is := range l.levels() {
				if is == level {
					n++
				}
			}
			return n
		}
		require.Eventually(t, func() bool { return count(log.Error) == 1 }, waitLong, waitStep)
		start = time.Now()
		assert.Equal(t, []string{"room:5060 -> carol:5070 | " + textAway}, renderAll(send(t, c, "carol", "", "#join")))
		assert.Less(t, time.Since(start), 100*time.Millisecond)
		release()
		require.Eventually(t, func() bool { return count(log.Notice) == 1 }, waitLong, waitStep)
		assert.Equal(t, 1, count(log.Error))
	}
}
