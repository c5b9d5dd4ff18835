package host

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/engine/storage/storagetest"
	"kamailio-imc/module/moduletest"
	"kamailio-imc/module/wire"
)

// withStore starts the system in a mode with a database.
func withStore(t *testing.T, mode storage.Mode, ttl time.Duration, store *storagetest.Store) *system {
	t.Helper()
	return start(t, 2, func(s *Settings) {
		s.Mode, s.CacheTTL, s.Timeout = mode, ttl, time.Second
		s.Open = func(context.Context, *Storage, storage.Mode, func(log.Note)) (storage.Store, []log.Note, error) {
			return store, nil, nil
		}
	})
}

func recipients(r moduletest.Result) []string { return r.Recipients() }

// TestInvitationFailsWhileTheDatabaseIsAway: it is withdrawn when the database
// is back, and who reported it does not wait.
func TestInvitationFailsWhileTheDatabaseIsAway(t *testing.T) {
	const guest = "sip:guest@example.org"
	for _, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
		store := storagetest.NewStore()
		s := withStore(t, mode, 0, store).ready()
		w := s.Workers[0]
		w.MakeRoom(room, 1)
		require.Equal(t, 1, w.Handle(user(0), room, "#invite "+guest).Code)
		store.Fail(storage.ErrUnavailable)
		for _, reporter := range []*moduletest.Caller{w, s.Host} {
			began := time.Now()
			r := reporter.Event(moduletest.Failed(408, room, guest, user(0)))
			assert.Equal(t, wire.StatusOK, r.Status)
			assert.Less(t, time.Since(began), 500*time.Millisecond)
		}
		require.Eventually(t, func() bool { // it was tried in vain
			return strings.Contains(strings.Join(s.Host.Next(10*time.Millisecond).Logs, "\n"), "database does not answer")
		}, 5*time.Second, time.Millisecond)
		store.Fail(nil)
		m := s.Host.AwaitMessage()
		assert.Equal(t, []string{user(0)}, m.To)
		assert.Contains(t, string(m.Body), "guest")
		assert.Equal(t, -1, w.Query(wire.QueryRoomMember, room, guest).Code)
		require.Equal(t, 1, w.Handle(user(0), room, "#invite "+guest).Code, "can be invited again")
	}
}

// TestMemberThatNoSnapshotHolds: a table may hold longer names than commands
// let anybody have.
func TestMemberThatNoSnapshotHolds(t *testing.T) {
	for _, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
		rec := moduletest.Stored(0, 1, 2)
		rec.Members[2].User = strings.Repeat("\U0001f600", 64)
		long := "sip:" + rec.Members[2].User + "@example.org"
		require.Greater(t, len(long), 256)
		store := storagetest.NewStore()
		store.Put(rec)
		s := withStore(t, mode, time.Minute, store).ready()
		w := s.Workers[0]
		for range 3 {
			r := w.Handle(user(0), room, "hello")
			assert.Equal(t, wire.StatusOK, r.Status)
			assert.Equal(t, 1, r.Code)
			assert.Contains(t, r.Recipients(), user(1))
			assert.Empty(t, r.Logs)
		}
		assert.Equal(t, 1, w.Handle(user(3), room, "#join").Code)
		assert.Equal(t, 1, w.Handle(user(0), "sip:other@example.org", "#create").Code)
	}
}

func TestRoomsSurviveInMode1(t *testing.T) {
	store := storagetest.NewStore()
	s := withStore(t, 1, 0, store).ready()
	s.Workers[0].MakeRoom(room, 3)
	s.Host.Stop()

	s = withStore(t, 1, 0, store).ready()
	assert.Equal(t, 3, s.Host.Counter(wire.CounterMembers), "loaded")
	for range 2 {
		r := s.Workers[1].Handle(user(1), room, "still here?")
		assert.Equal(t, 1, r.Code)
		assert.ElementsMatch(t, []string{user(0), user(2)}, r.Recipients())
	}
	fetches := store.Counts().Fetches

	store.Fail(storage.ErrUnavailable)
	r := s.Workers[0].Handle(user(3), room, "#join")
	assert.Equal(t, -40, r.Code)
	require.Len(t, r.Messages, 1, "the sender is told")
	r = s.Workers[1].Handle(user(1), room, "texts go on")
	assert.ElementsMatch(t, []string{user(0), user(2)}, r.Recipients())
	assert.Equal(t, fetches, store.Counts().Fetches)
}

func TestOtherNodesAreSeenAtOnceInMode2(t *testing.T) {
	store := storagetest.NewStore(moduletest.Stored(0, 1))
	s := withStore(t, 2, 0, store).ready()
	w := s.Workers[0]
	assert.Equal(t, []string{user(1)}, recipients(w.Handle(user(0), room, "1")))
	store.Put(moduletest.Stored(0, 1, 2)) // on another node
	assert.ElementsMatch(t, []string{user(1), user(2)}, recipients(w.Handle(user(0), room, "2")))
	store.Put(moduletest.Stored(0, 2))
	assert.Equal(t, -200, w.Handle(user(1), room, "3").Code)
	assert.Equal(t, -1, w.Query(wire.QueryRoomMember, room, user(1)).Code)
}

func TestOtherNodesAreSeenInTimeInMode2(t *testing.T) {
	const ttl = 300 * time.Millisecond
	store := storagetest.NewStore(moduletest.Stored(0, 1))
	s := withStore(t, 2, ttl, store).ready()
	a, b := s.Workers[0], s.Workers[1]
	began := time.Now()
	for i := 0; time.Since(began) < ttl/2; i++ {
		to, fetches := recipients(a.Handle(user(0), room, "hello")), store.Counts().Fetches
		if time.Since(began) >= ttl {
			break // the machine was so long about it
		}
		require.Equal(t, []string{user(1)}, to)
		require.LessOrEqual(t, fetches, 2, "answered from the snapshot")
		if i == 0 {
			store.Put(moduletest.Stored(0, 1, 2))
		}
	}
	time.Sleep(time.Until(began.Add(ttl + 10*time.Millisecond)))
	assert.ElementsMatch(t, []string{user(1), user(2)}, recipients(a.Handle(user(0), room, "2")))

	// an own change is seen at once
	assert.Equal(t, 1, b.Handle(user(0), room, "#remove "+user(1)).Code)
	assert.Equal(t, []string{user(2)}, recipients(a.Handle(user(0), room, "3")))
}

func TestOutageInMode2(t *testing.T) {
	store := storagetest.NewStore(moduletest.Stored(0, 1))
	s := withStore(t, 2, 0, store).ready()
	w := s.Workers[0]
	assert.Equal(t, []string{user(1)}, recipients(w.Handle(user(0), room, "1")))
	store.Fail(storage.ErrUnavailable)
	assert.Equal(t, []string{user(1)}, recipients(w.Handle(user(0), room, "2")), "by the last known members")
	began := time.Now()
	assert.Equal(t, -40, w.Handle(user(2), room, "#join").Code)
	assert.Less(t, time.Since(began), time.Second, "a bounded wait")
	store.Fail(nil)
	require.Eventually(t, func() bool {
		return w.Handle(user(2), room, "#join").Code == 1
	}, 10*time.Second, 50*time.Millisecond, "recovery by itself")
	var logs []string
	for r := s.Host.Next(0); len(r.Logs) > 0; r = s.Host.Next(0) {
		logs = append(logs, r.Logs...)
	}
	assert.NotEmpty(t, logs, "%s", strings.Join(logs, "\n"))
}

// TestStopWaitsForCommits: a commit that is under way when the server is
// stopped is not cut short.
func TestStopWaitsForCommits(t *testing.T) {
	store := storagetest.NewStore()
	s := withStore(t, 1, 0, store).ready()
	w := s.Workers[0]
	require.Equal(t, 1, w.Handle(user(0), room, "#create").Code)
	release := store.Block()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		w.Handle(user(1), room, "#join")
	}()
	require.Eventually(t, func() bool { return store.Waiting() == 1 }, 5*time.Second, time.Millisecond)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		assert.Equal(t, wire.StatusOK, s.Host.Stop())
	}()
	require.Eventually(t, func() bool { return s.host.ended.Load() }, 5*time.Second, time.Millisecond)
	time.Sleep(20 * time.Millisecond) // for what cancels it
	release()
	<-stopped
	<-answered
	address, err := sip.ParseURI(room)
	require.NoError(t, err)
	assert.Len(t, store.Room(address.Key()).Members, 2)
}
