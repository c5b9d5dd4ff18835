package host

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kamailio-imc/module/moduletest"
	"kamailio-imc/module/snapshot"
	"kamailio-imc/module/wire"
	"kamailio-imc/module/worker"
)

const room = moduletest.Room

func user(i int) string { return moduletest.User(i) }

// system is a host and its workers.
type system struct {
	*moduletest.System
	t    testing.TB
	host *Host
}

func testSettings(versions snapshot.Versions, row wire.Counters) Settings {
	return Settings{
		Intake:       worker.Intake{CommandStart: '#', Counters: row},
		CreateOnJoin: true, CheckOnCreate: true,
		FanoutInline: 32, QueueSize: 100000, QueueBytes: 64 << 20, Timeout: 5 * time.Second,
		Versions: versions,
	}
}

// start starts a host and n workers; change may be nil.
func start(tb testing.TB, n int, change func(*Settings)) *system {
	tb.Helper()
	s := &system{t: tb}
	settings := func(versions snapshot.Versions, row wire.Counters) *Settings {
		out := testSettings(versions, row)
		if change != nil {
			change(&out)
		}
		return &out
	}
	s.System = moduletest.Start(tb, n,
		func(fd int, versions snapshot.Versions, row wire.Counters) (moduletest.Process, error) {
			set := settings(versions, row)
			return worker.New(&worker.Settings{Intake: set.Intake, FD: fd, Timeout: set.Timeout, Versions: versions})
		},
		func(fds []int, versions snapshot.Versions, row wire.Counters) (moduletest.Process, error) {
			set := settings(versions, row)
			set.FDs = fds
			h, err := New(set)
			s.host = h
			return h, err
		})
	return s
}

// ready waits until the host serves.
func (s *system) ready() *system {
	s.Ready()
	return s
}

// answered returns what the host sends back for one frame.
func (s *system) answered(tb testing.TB, kind wire.FrameKind, payload []byte) (frames []wire.Frame) {
	tb.Helper()
	mine, theirs := moduletest.SocketPair(tb)
	end, err := wire.NewHostEnd(theirs)
	require.NoError(tb, err)
	received := make(chan []wire.Frame)
	go func() { received <- receiveAll(mine) }()
	a := wire.NewAnswer(end)
	a.Begin(1)
	s.host.serveFrame(kind, payload, a)
	end.Close()
	frames = <-received
	require.NoError(tb, a.Err)
	return frames
}

// receiveAll returns the frames that come until the other end is closed.
func receiveAll(fd int) (frames []wire.Frame) {
	defer func() { _ = syscall.Close(fd) }()
	end, err := wire.NewWorkerEnd(fd, 5*time.Second)
	if err != nil {
		return nil
	}
	for {
		f, err := end.Receive(wire.Now().Add(5 * time.Second))
		if err != nil {
			return frames
		}
		f.Payload = bytes.Clone(f.Payload)
		frames = append(frames, f)
	}
}
