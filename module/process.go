package module

import (
	"bytes"
	"context"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"kamailio-imc/engine"
)

// Bounds of a worker's heap. Its cache of snapshots is not in it, but for an
// index of at most 1 MB; all else lives for a request.
const (
	workerGCPercent   = 50
	workerMemoryLimit = 16 << 20
)

// Request is a MESSAGE request; its fields are valid during a call.
type Request = engine.Request

// Refused is the code of a request that nothing is known of.
const Refused = engine.CodeMalformed

// Process is the library in one process. Its methods are for the process's
// main thread, one at a time. What they write goes into the Reply; see its
// Code and More. No argument is kept after a method returned.
type Process struct {
	settings Settings
	counters counters
	worker   *Worker // nil in a process that is both
	host     *Host   // nil in a process that is worker only
}

// Start starts the library. In a host it returns at once, see [Process.Next].
// On an error the sockets in s are the caller's still.
func Start(s Settings) (*Process, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	s.URL = strings.Clone(s.URL)
	s.RoomsTable = strings.Clone(s.RoomsTable)
	s.MembersTable = strings.Clone(s.MembersTable)
	p := &Process{settings: s, counters: s.Counters}
	var err error
	if s.Roles&RoleHost != 0 {
		p.host, err = newHost(&p.settings)
	} else {
		p.worker, err = newWorker(&p.settings)
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

// Handle handles a MESSAGE request. Its fields are valid during the call.
// reply.Code is what imc_manager() returns, also after a panic.
func (p *Process) Handle(r *engine.Request, reply *Reply) Status {
	reply.Code = engine.CodeMalformed
	if p.settings.Roles&RoleWorker == 0 {
		return StatusInvalid
	}
	if p.worker == nil {
		r = &engine.Request{
			From:        strings.Clone(r.From),
			RequestURI:  strings.Clone(r.RequestURI),
			CallID:      strings.Clone(r.CallID),
			ContentType: strings.Clone(r.ContentType),
			Headers:     strings.Clone(r.Headers),
			Socket:      strings.Clone(r.Socket),
			Body:        bytes.Clone(r.Body),
		}
	}
	content := engine.Classify(r, p.settings.CommandStart, p.settings.MaxHops)
	reply.Code = engine.RefusalCode(r, &content)
	defer p.count(content.Kind, reply)
	debugHandle(r)
	if out, settled := engine.Settle(r, &content); settled {
		reply.Code = outcome(&out, reply)
		return StatusOK
	}
	if p.worker != nil {
		return p.worker.handle(r, &content, reply)
	}
	ctx, cancel, err := p.host.local()
	if err != nil {
		if m := engine.Unanswered(r, &content, false); m != nil {
			message(reply, m)
		}
		note(reply, engine.LevelError, err.Error())
		return StatusTimeout
	}
	defer cancel()
	reply.Code = p.host.handle(ctx, r, &content, reply)
	return StatusOK
}

// count counts a request of this kind.
func (p *Process) count(kind engine.Kind, reply *Reply) {
	switch kind {
	case engine.KindCommand:
		p.counters.add(CounterCommands, 1)
	case engine.KindReceipt:
		p.counters.add(CounterReceipts, 1)
	case engine.KindLooped:
		p.counters.add(CounterLooped, 1)
	case engine.KindTyping:
		if reply.Code > 0 {
			p.counters.add(CounterTyping, 1)
		}
	case engine.KindText, engine.KindOther:
		if reply.Code > 0 {
			p.counters.add(CounterTexts, 1)
		}
	default:
	}
	if reply.Code < 0 {
		p.counters.add(CounterRefused, 1)
	}
}

// Query answers a question about rooms.
func (p *Process) Query(what int, room, user string, reply *Reply) Status {
	reply.Code = -1
	if p.settings.Roles&RoleWorker == 0 {
		return StatusInvalid
	}
	if p.worker != nil {
		return p.worker.query(what, room, user, reply)
	}
	ctx, cancel, err := p.host.local()
	if err != nil {
		note(reply, engine.LevelError, err.Error())
		return StatusTimeout
	}
	defer cancel()
	return p.host.query(ctx, what, strings.Clone(room), strings.Clone(user), reply,
		func(code int) { reply.Code = code })
}

// More writes the records that did not fit into reply before. reply comes
// from [Replies.Continue].
func (p *Process) More(reply *Reply) Status {
	if p.worker != nil {
		return p.worker.more(reply)
	}
	return StatusOK
}

// Event takes a report of what became of a MESSAGE. For EventUnsent of a
// worker's MESSAGE, reply.Code is 1 if the rest is queued now, and
// engine.CodeText if it is lost.
func (p *Process) Event(e *Event, reply *Reply) Status {
	if p.worker != nil {
		return p.worker.event(e, reply)
	}
	switch e.Kind {
	case EventSent:
		return p.host.sent(e)
	case EventUnsent:
		if id, ok := messageID(e.Message); ok && id != 0 {
			return p.host.unsent(e, reply)
		}
		h, to, ok := parseMessage(e.Message)
		if !ok || e.First < 0 || e.First > len(to) {
			return StatusInvalid
		}
		if e.Code != 0 {
			p.counters.add(CounterRetried, len(to)-e.First)
		}
		reply.Code = p.host.again(&h, to[e.First:], reply)
		return StatusOK
	case EventInvitationFailed:
		reply.Code = engine.CodeOK
		p.host.withdrawals.add(Event{
			Kind: e.Kind, Code: e.Code,
			Room: strings.Clone(e.Room), User: strings.Clone(e.User),
			Inviter: strings.Clone(e.Inviter), CallID: strings.Clone(e.CallID),
			Socket: strings.Clone(e.Socket),
		})
		return StatusOK
	}
	return StatusInvalid
}

// Next waits at most timeout for something to do on a host's main thread:
// log lines, READY once, and at most one MESSAGE with an id, to be reported
// with [Process.Event] as EventSent or EventUnsent.
func (p *Process) Next(timeout time.Duration, reply *Reply) Status {
	if p.host == nil {
		return StatusInvalid
	}
	return p.host.next(timeout, reply)
}

// Stop ends a host: no more requests are taken, storage is closed. What is
// queued can still be taken with [Process.Next].
func (p *Process) Stop() Status {
	if p.host == nil {
		return StatusOK
	}
	return p.host.stop()
}

// local returns the context of a request of the host's own process, once the
// rooms are loaded.
func (h *Host) local() (context.Context, context.CancelFunc, error) {
	if h.ended.Load() {
		return nil, nil, errStopping
	}
	ctx, cancel := context.WithTimeout(h.ctx, h.settings.Timeout)
	select {
	case <-h.ready:
		return ctx, cancel, nil
	case <-h.failed:
	case <-ctx.Done():
	}
	cancel()
	return nil, nil, errNotReady
}
