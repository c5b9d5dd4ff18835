package module

import (
	"runtime"
	"runtime/debug"
	"time"

	"kamailio-imc/engine"
	"kamailio-imc/module/host"
	"kamailio-imc/module/wire"
	"kamailio-imc/module/worker"
)

// Bounds of a worker's heap. Its cache of snapshots is not in it, but for an
// index of at most 1 MB; all else lives for a request.
const (
	workerGCPercent   = 50
	workerMemoryLimit = 16 << 20
)

// Process is the library in one process. Its methods are for the process's
// main thread, one at a time. What they write goes into the Reply; see its
// Code and More. No argument is kept after a method returned.
type Process struct {
	handles bool           // it has the role of a worker
	worker  *worker.Worker // nil in a process that is both
	host    *host.Host     // nil in a process that is worker only
}

// Start starts the library. In a host it returns at once, see [Process.Next].
// On an error the sockets in s are the caller's still.
func Start(s *Settings) (*Process, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	p := &Process{handles: s.Roles&RoleWorker != 0}
	var err error
	if s.Roles&RoleHost != 0 {
		p.host, err = host.New(s.host())
	} else {
		p.worker, err = worker.New(s.worker())
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// LimitRuntime bounds what the Go runtime of this process takes. It is apart
// from Start because it is in force for everything in the process.
func (p *Process) LimitRuntime() {
	if p.host == nil {
		// A worker runs one thing at a time. A second processor lets it keep
		// the first one between calls: with one only, the runtime would take
		// it away while the thread is in C, and give it back, each time.
		runtime.GOMAXPROCS(2)
		debug.SetGCPercent(workerGCPercent)
		debug.SetMemoryLimit(workerMemoryLimit)
	}
}

// Handle handles a MESSAGE request. reply.Code is what imc_manager() returns,
// also after a panic.
func (p *Process) Handle(r *wire.Request, reply *wire.Reply) wire.Status {
	reply.Code = engine.CodeMalformed
	switch {
	case !p.handles:
		return wire.StatusInvalid
	case p.worker != nil:
		return p.worker.Handle(r, reply)
	}
	return p.host.Handle(r, reply)
}

// Query answers a question about rooms.
func (p *Process) Query(what wire.Query, room, user wire.View, reply *wire.Reply) wire.Status {
	reply.Code = engine.CodeNo
	switch {
	case !p.handles:
		return wire.StatusInvalid
	case p.worker != nil:
		return p.worker.Query(what, room, user, reply)
	}
	return p.host.Query(what, room, user, reply)
}

// More writes the records that did not fit into reply before. reply comes
// from [Replies.Continue].
func (p *Process) More(reply *wire.Reply) wire.Status {
	if p.worker != nil {
		return p.worker.More(reply)
	}
	return wire.StatusOK
}

// Event takes a report of what became of a MESSAGE. For EventUnsent of a
// worker's MESSAGE, reply.Code is 1 if the rest is queued now, and
// engine.CodeText if it is lost.
func (p *Process) Event(e *wire.Event, reply *wire.Reply) wire.Status {
	if p.worker != nil {
		return p.worker.Event(e, reply)
	}
	return p.host.Event(e, reply)
}

// Next waits at most timeout for something to do on a host's main thread:
// log lines, READY once, and at most one MESSAGE with an id, to be reported
// with [Process.Event] as EventSent or EventUnsent.
func (p *Process) Next(timeout time.Duration, reply *wire.Reply) wire.Status {
	if p.host == nil {
		return wire.StatusInvalid
	}
	return p.host.Next(timeout, reply)
}

// Stop ends a host: no more requests are taken, storage is closed. What is
// queued can still be taken with [Process.Next].
func (p *Process) Stop() wire.Status {
	if p.host == nil {
		return wire.StatusOK
	}
	return p.host.Stop()
}
