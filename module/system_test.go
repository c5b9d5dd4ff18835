package module

import (
	"testing"
	"time"

	"kamailio-imc/module/moduletest"
	"kamailio-imc/module/snapshot"
	"kamailio-imc/module/wire"
)

const room = moduletest.Room

func user(i int) string { return moduletest.User(i) }

// system is a host and its workers.
type system struct{ *moduletest.System }

func testSettings(versions snapshot.Versions, row wire.Counters) Settings {
	return Settings{
		CommandStart: '#', CreateOnJoin: true, CheckOnCreate: true,
		FanoutInline: 32, QueueSize: 100000, QueueBytes: 64 << 20, Timeout: 5 * time.Second,
		Versions: versions, Counters: row,
	}
}

// start starts a host and n workers; change may be nil.
func start(tb testing.TB, n int, change func(*Settings)) *system {
	tb.Helper()
	run := func(s Settings) (moduletest.Process, error) {
		if change != nil {
			change(&s)
		}
		return Start(&s)
	}
	return &system{moduletest.Start(tb, n,
		func(fd int, versions snapshot.Versions, row wire.Counters) (moduletest.Process, error) {
			s := testSettings(versions, row)
			s.Roles, s.WorkerFD = RoleWorker, fd
			return run(s)
		},
		func(fds []int, versions snapshot.Versions, row wire.Counters) (moduletest.Process, error) {
			s := testSettings(versions, row)
			s.Roles, s.HostFDs = RoleHost, fds
			return run(s)
		})}
}

// ready waits until the host serves.
func (s *system) ready() *system {
	s.Ready()
	return s
}
