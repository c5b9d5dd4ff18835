package moduletest

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/module/snapshot"
	"kamailio-imc/module/wire"
)

// Room is a room's URI.
const Room = "sip:room@example.org"

// User returns the URI of a user.
func User(i int) string { return fmt.Sprintf("sip:user%d@example.org", i) }

// URIs returns n URIs of users whose names begin with prefix.
func URIs(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("sip:%s%d@h", prefix, i)
	}
	return out
}

// Stored returns Room with these users as a database holds it, the first its
// owner.
func Stored(users ...int) *room.Record {
	r := &room.Record{Address: sip.Address{User: "room", Host: "example.org"}}
	for i, u := range users {
		a, _ := sip.ParseURI(User(u))
		m := room.Member{Address: a}
		if i == 0 {
			m.Role = room.RoleOwner
		}
		r.Members = append(r.Members, m)
	}
	return r
}

// System is a host and its workers over real socket pairs, all in this
// process.
type System struct {
	Host     *Caller
	Workers  []*Caller
	Versions snapshot.Versions
}

// StartWorker starts a worker on its end of a socket pair.
type StartWorker func(fd int, versions snapshot.Versions, row wire.Counters) (Process, error)

// StartHost starts a host on its ends of all socket pairs.
type StartHost func(fds []int, versions snapshot.Versions, row wire.Counters) (Process, error)

// Start starts a host and n workers. The host ends with the test.
func Start(tb testing.TB, n int, worker StartWorker, host StartHost) *System {
	tb.Helper()
	s := &System{Versions: make(snapshot.Versions, 1<<10)}
	var ends []int
	for range n {
		mine, theirs := SocketPair(tb)
		ends = append(ends, theirs)
		w := NewCaller(tb)
		var err error
		w.Process, err = worker(mine, s.Versions, w.Counters)
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = syscall.Close(mine) })
		s.Workers = append(s.Workers, w)
	}
	s.Host = NewCaller(tb)
	var err error
	s.Host.Process, err = host(ends, s.Versions, s.Host.Counters)
	require.NoError(tb, err)
	tb.Cleanup(func() { s.Host.Stop() })
	return s
}

// Ready waits until the host serves.
func (s *System) Ready() *System {
	s.Host.UntilReady()
	return s
}

// SocketPair returns the ends of a worker and of its host.
func SocketPair(tb testing.TB) (worker, host int) {
	tb.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(tb, err)
	return pair[0], pair[1]
}
