package host

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/module/snapshot"
	"kamailio-imc/module/wire"
	"kamailio-imc/module/worker"
)

// serve answers a worker's frames until its socket is closed. The worker asks
// one thing at a time, so its requests are handled one after the other, those
// of different workers at the same time.
func (h *Host) serve(end *wire.HostEnd) {
	defer h.serving.Done()
	defer end.Close()
	defer h.guard()
	a := wire.NewAnswer(end)
	for {
		f, err := end.Receive()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				h.notes.addf(log.Error, "connection to a worker: %v", err)
			}
			return
		}
		a.Begin(f.ID)
		h.serveFrame(f.Kind, f.Payload, a)
		if a.Err != nil {
			if !h.ended.Load() {
				h.notes.addf(log.Error, "answer to a worker: %v", a.Err)
			}
			return
		}
	}
}

// serveFrame handles one frame and answers it, whatever happens.
func (h *Host) serveFrame(kind wire.FrameKind, payload []byte, a *wire.Answer) {
	// The main thread begins to send when the answer has been written: before,
	// it would take the processor from the worker that waits.
	defer func() {
		if h.queue.ready() {
			h.awake()
		}
	}()
	defer func() {
		if v := recover(); v != nil {
			a.Status = wire.StatusPanic
			wire.WriteNotes(a, wire.PanicNotes(v))
			a.End()
		}
	}()
	if !isClosed(h.ready) && (kind == wire.FrameRequest || kind == wire.FrameQuery) {
		h.serveNotReady(kind, payload, a)
		a.End()
		return
	}
	switch kind {
	case wire.FrameRequest, wire.FrameWhole:
		h.serveRequest(payload, kind == wire.FrameWhole, a)
	case wire.FrameQuery:
		h.serveQuery(payload, a)
	case wire.FrameUnsent:
		m, to, ok := wire.ParseUnsent(payload)
		if !ok {
			a.Status = wire.StatusInvalid
			break
		}
		a.Code = h.again(&m, to, a)
	case wire.FrameFailed:
		e, ok := wire.ParseFailed(payload)
		if !ok {
			a.Status = wire.StatusInvalid
			break
		}
		a.Code = engine.CodeOK
		h.withdrawals.add(failureOf(&e))
	default:
		a.Status = wire.StatusInvalid
	}
	if !a.Done {
		a.End()
	}
}

// serveNotReady refuses at once what comes while the rooms are being loaded,
// which may take as long as the database does.
func (h *Host) serveNotReady(kind wire.FrameKind, payload []byte, a *wire.Answer) {
	a.Status = wire.StatusTimeout
	a.Code = engine.CodeNo
	if kind == wire.FrameRequest {
		_, r, ok := wire.ParseRequest(payload)
		if !ok {
			a.Status = wire.StatusInvalid
			return
		}
		content := sip.Classify(&r, h.settings.CommandStart, h.settings.MaxHops)
		a.Code = engine.RefusalCode(&r, &content)
		if m := engine.Unanswered(&r, &content, false); m != nil {
			wire.WriteMessage(a, m)
		}
		wire.WriteLogf(a, log.Info, "room %s: request of %s refused: %s", wire.ForLog(r.RequestURI), wire.ForLog(r.From), notReady)
	}
}

// within returns a context that ends early enough for the answer to reach
// the worker before its deadline. ok is false if there is no time left: the
// worker has refused the request by now.
func (h *Host) within(deadline wire.Time) (_ context.Context, _ context.CancelFunc, ok bool) {
	left := deadline.Left()
	if left <= 0 {
		return nil, nil, false
	}
	left = min(left, worker.MaxTimeout)
	ctx, cancel := context.WithTimeout(h.ctx, left-min(left/5, time.Second))
	return ctx, cancel, true
}

func (h *Host) serveRequest(payload []byte, whole bool, a *wire.Answer) {
	deadline, r, ok := wire.ParseRequest(payload)
	if !ok {
		a.Status = wire.StatusInvalid
		return
	}
	debugServe(&r)
	content := sip.Classify(&r, h.settings.CommandStart, h.settings.MaxHops)
	a.Code = engine.RefusalCode(&r, &content)
	ctx, cancel, ok := h.within(deadline)
	if !ok {
		a.Done = true
		return
	}
	defer cancel()
	if content.GoesOn() && !whole && h.sendSnapshot(ctx, &r, a) {
		return
	}
	a.Code = h.handle(ctx, &r, &content, a)
}

// sendSnapshot answers a text with a snapshot of its room, for the worker to
// handle it and those that follow. It reports false if the host has to handle
// the text: it is not plain, there is no such room, the sender is no member,
// the room is large, has MESSAGEs in the queue or a member whose URI is too
// long for a snapshot, or the database has to be asked each time.
func (h *Host) sendSnapshot(ctx context.Context, r *sip.Request, a *wire.Answer) bool {
	if !snapshot.Suffices(r) || h.settings.Mode == storage.ModeDatabase && h.settings.CacheTTL == 0 {
		return false
	}
	address, err := sip.ParseURI(r.RequestURI)
	if err != nil {
		return false
	}
	key := address.Key()
	// The version is read first: a change that comes after makes the snapshot
	// out of date, whether it is in it or not.
	version := h.versions.Of([]byte(key))
	most := min(h.settings.FanoutInline+1, snapshot.MaxMembers)
	if h.queue.busy(key) || h.conf.Size(key) > 2*most {
		return false // without a look at a view, which would have to be made first
	}
	v, err := h.conf.View(ctx, key)
	if err != nil || v == nil || len(v.Members) > most || !snapshot.Storable(v) {
		return false
	}
	var buf [256]byte
	from, err := sip.AppendKey(buf[:0], r.From)
	if err != nil || v.Index(from) < 0 {
		return false
	}
	ttl := time.Duration(0)
	if h.settings.Mode == storage.ModeDatabase {
		ttl = h.settings.CacheTTL - time.Since(v.ReadAt)
		if ttl <= 0 {
			return false
		}
	}
	return a.EndSnapshot(snapshot.AppendPayload(a.BeginSnapshot(), version, ttl, v.URI, v.Members))
}
