package module

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/enginetest"
)

// withStore starts the system in a mode with a database.
func withStore(t *testing.T, mode int, ttl time.Duration, store *enginetest.Store) *system {
	t.Helper()
	return start(t, 2, func(s *Settings) {
		s.Mode, s.CacheTTL, s.Timeout = mode, ttl, time.Second
		s.Open = func(context.Context, *Settings, func(engine.Note)) (engine.Store, []engine.Note, error) {
			return store, nil, nil
		}
	})
}

// recipientsOf returns who got the text that r is about.
func recipientsOf(r result) (to []string) {
	for _, m := range r.messages {
		to = append(to, m.to...)
	}
	return to
}

func record(users ...int) *engine.RoomRecord {
	r := &engine.RoomRecord{Address: engine.Address{User: "room", Host: "example.org"}}
	for i, u := range users {
		a, _ := engine.ParseURI(user(u))
		m := engine.Member{Address: a}
		if i == 0 {
			m.Role = engine.RoleOwner
		}
		r.Members = append(r.Members, m)
	}
	return r
}

// TestInvitationFailsWhileTheDatabaseIsAway: it is withdrawn when the database
// is back, and who reported it does not wait.
func TestInvitationFailsWhileTheDatabaseIsAway(t *testing.T) {
	const guest = "sip:guest@example.org"
	for _, mode := range []int{1, 2} {
		store := enginetest.NewStore()
		s := withStore(t, mode, 0, store).ready()
		w := s.workers[0]
		w.room(room, 1)
		require.Equal(t, 1, w.handle(user(0), room, "#invite "+guest).code)
		store.Fail(engine.ErrUnavailable)
		for _, reporter := range []*tester{w, s.host} {
			began := time.Now()
			r := reporter.event(&Event{Kind: EventInvitationFailed, Code: 408, Room: room, User: guest, Inviter: user(0), CallID: "call"})
			assert.Equal(t, StatusOK, r.status)
			assert.Less(t, time.Since(began), 500*time.Millisecond)
		}
		require.Eventually(t, func() bool { // it was tried in vain
			return strings.Contains(strings.Join(s.host.next(10*time.Millisecond).logs, "\n"), "database does not answer")
		}, 5*time.Second, time.Millisecond)
		store.Fail(nil)
		m := s.host.awaitMessage()
		assert.Equal(t, []string{user(0)}, m.to)
		assert.Contains(t, string(m.body), "guest")
		assert.Equal(t, -1, w.query(QueryRoomMember, room, guest).code)
		require.Equal(t, 1, w.handle(user(0), room, "#invite "+guest).code, "can be invited again")
	}
}

// TestMemberThatNoSnapshotHolds: a table may hold longer names than commands
// let anybody have.
func TestMemberThatNoSnapshotHolds(t *testing.T) {
	for _, mode := range []int{1, 2} {
		rec := record(0, 1, 2)
		rec.Members[2].User = strings.Repeat("\U0001f600", 64)
		long := "sip:" + rec.Members[2].User + "@example.org"
		require.Greater(t, len(long), 256)
		store := enginetest.NewStore()
		store.Put(rec)
		s := withStore(t, mode, time.Minute, store).ready()
		w := s.workers[0]
		for range 3 {
			r := w.handle(user(0), room, "hello")
			assert.Equal(t, StatusOK, r.status)
			assert.Equal(t, 1, r.code)
			assert.Contains(t, recipientsOf(r), user(1))
			assert.Empty(t, r.logs)
		}
		assert.Equal(t, 1, w.handle(user(3), room, "#join").code)
		assert.Equal(t, 1, w.handle(user(0), "sip:other@example.org", "#create").code)
	}
}

func TestRoomsSurviveInMode1(t *testing.T) {
	store := enginetest.NewStore()
	s := withStore(t, 1, 0, store).ready()
	s.workers[0].room(room, 3)
	s.host.p.Stop()

	s = withStore(t, 1, 0, store).ready()
	assert.Equal(t, 3, s.host.counter(CounterMembers), "loaded")
	for range 2 {
		r := s.workers[1].handle(user(1), room, "still here?")
		assert.Equal(t, 1, r.code)
		assert.ElementsMatch(t, []string{user(0), user(2)}, recipientsOf(r))
	}
	fetches := store.Counts().Fetches

	store.Fail(engine.ErrUnavailable)
	r := s.workers[0].handle(user(3), room, "#join")
	assert.Equal(t, -40, r.code)
	require.Len(t, r.messages, 1, "the sender is told")
	r = s.workers[1].handle(user(1), room, "texts go on")
	assert.ElementsMatch(t, []string{user(0), user(2)}, recipientsOf(r))
	assert.Equal(t, fetches, store.Counts().Fetches)
}

func TestOtherNodesAreSeenAtOnceInMode2(t *testing.T) {
	store := enginetest.NewStore(record(0, 1))
	s := withStore(t, 2, 0, store).ready()
	w := s.workers[0]
	assert.Equal(t, []string{user(1)}, recipientsOf(w.handle(user(0), room, "1")))
	store.Put(record(0, 1, 2)) // on another node
	assert.ElementsMatch(t, []string{user(1), user(2)}, recipientsOf(w.handle(user(0), room, "2")))
	store.Put(record(0, 2))
	assert.Equal(t, -200, w.handle(user(1), room, "3").code)
	assert.Equal(t, -1, w.query(QueryRoomMember, room, user(1)).code)
}

func TestOtherNodesAreSeenInTimeInMode2(t *testing.T) {
	const ttl = 300 * time.Millisecond
	store := enginetest.NewStore(record(0, 1))
	s := withStore(t, 2, ttl, store).ready()
	a, b := s.workers[0], s.workers[1]
	began := time.Now()
	for i := 0; time.Since(began) < ttl/2; i++ {
		to, fetches := recipientsOf(a.handle(user(0), room, "hello")), store.Counts().Fetches
		if time.Since(began) >= ttl {
			break // the machine was so long about it
		}
		require.Equal(t, []string{user(1)}, to)
		require.LessOrEqual(t, fetches, 2, "answered from the snapshot")
		if i == 0 {
			store.Put(record(0, 1, 2))
		}
	}
	time.Sleep(time.Until(began.Add(ttl + 10*time.Millisecond)))
	assert.ElementsMatch(t, []string{user(1), user(2)}, recipientsOf(a.handle(user(0), room, "2")))

	// an own change is seen at once
	assert.Equal(t, 1, b.handle(user(0), room, "#remove "+user(1)).code)
	assert.Equal(t, []string{user(2)}, recipientsOf(a.handle(user(0), room, "3")))
}

func TestOutageInMode2(t *testing.T) {
	store := enginetest.NewStore(record(0, 1))
	s := withStore(t, 2, 0, store).ready()
	w := s.workers[0]
	assert.Equal(t, []string{user(1)}, recipientsOf(w.handle(user(0), room, "1")))
	store.Fail(engine.ErrUnavailable)
	assert.Equal(t, []string{user(1)}, recipientsOf(w.handle(user(0), room, "2")), "by the last known members")
	began := time.Now()
	assert.Equal(t, -40, w.handle(user(2), room, "#join").code)
	assert.Less(t, time.Since(began), time.Second, "a bounded wait")
	store.Fail(nil)
	require.Eventually(t, func() bool {
		return w.handle(user(2), room, "#join").code == 1
	}, 10*time.Second, 50*time.Millisecond, "recovery by itself")
	var logs []string
	for r := s.host.next(0); len(r.logs) > 0; r = s.host.next(0) {
		logs = append(logs, r.logs...)
	}
	assert.NotEmpty(t, logs, "%s", strings.Join(logs, "\n"))
}

// TestStopWaitsForCommits: a commit that is under way when the server is
// stopped is not cut short.
func TestStopWaitsForCommits(t *testing.T) {
	store := enginetest.NewStore()
	s := withStore(t, 1, 0, store).ready()
	w := s.workers[0]
	require.Equal(t, 1, w.handle(user(0), room, "#create").code)
	release := store.Block()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		w.handle(user(1), room, "#join")
	}()
	require.Eventually(t, func() bool { return store.Waiting() == 1 }, 5*time.Second, time.Millisecond)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		assert.Equal(t, StatusOK, s.host.p.Stop())
	}()
	require.Eventually(t, func() bool { return s.host.p.host.ended.Load() }, 5*time.Second, time.Millisecond)
	time.Sleep(20 * time.Millisecond) // for what cancels it
	release()
	<-stopped
	<-answered
	address, err := engine.ParseURI(room)
	require.NoError(t, err)
	assert.Len(t, store.Room(address.Key()).Members, 2)
}
