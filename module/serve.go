package module

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"kamailio-imc/engine"
)

// answer is what the host sends back for one frame of a worker: frames of
// records, each of about answerChunk bytes.
type answer struct {
	conn   *conn
	id     uint32
	code   int
	status Status
	buf    []byte
	done   bool  // nothing is to be answered any more
	err    error // of the socket; nothing more is sent
}

const answerStart = frameHead + answerHead

func newAnswer(c *conn, id uint32, buf []byte) *answer {
	return &answer{conn: c, id: id, buf: append(buf[:0], make([]byte, answerStart)...)}
}

// room implements sink.
func (a *answer) room(n int) *[]byte {
	if len(a.buf) > answerStart && len(a.buf)+n > answerChunk {
		a.send(0)
	}
	return &a.buf
}

// send sends what there is as a frame.
func (a *answer) send(flags byte) {
	h := beginFrame(a.buf[:0], frameAnswer, a.id)
	h = append(h, flags)
	h = appendU32(h, uint32(int32(a.code)))
	appendU32(h, uint32(int32(a.status)))
	if a.err == nil {
		a.err = a.conn.write(endFrame(a.buf, 0))
	}
	a.buf = a.buf[:answerStart]
}

// serve answers a worker's frames until its socket is closed. The worker asks
// one thing at a time, so its requests are handled one after the other, those
// of different workers at the same time.
func (h *Host) serve(c *conn) {
	defer h.serving.Done()
	defer c.close()
	defer h.guard()
	var buf []byte
	for {
		kind, id, payload, err := c.read()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				h.notes.addf(engine.LevelError, "connection to a worker: %v", err)
			}
			return
		}
		a := newAnswer(c, id, buf)
		h.serveFrame(kind, payload, a)
		if a.err != nil {
			if !h.ended.Load() {
				h.notes.addf(engine.LevelError, "answer to a worker: %v", a.err)
			}
			return
		}
		if buf = a.buf; cap(buf) > 2*answerChunk {
			buf = nil
		}
	}
}

// serveFrame handles one frame and answers it, whatever happens.
func (h *Host) serveFrame(kind byte, payload []byte, a *answer) {
	// The main thread begins to send when the answer has been written: before,
	// it would take the processor from the worker that waits.
	defer func() {
		if h.queue.ready() {
			h.awake()
		}
	}()
	defer func() {
		if v := recover(); v != nil {
			a.status = StatusPanic
			for _, n := range panicNotes(v) {
				note(a, n.Level, n.Text)
			}
			a.send(answerLast)
		}
	}()
	if !isClosed(h.ready) && (kind == frameRequest || kind == frameQuery) {
		h.serveNotReady(kind, payload, a)
		a.send(answerLast)
		return
	}
	switch kind {
	case frameRequest, frameWhole:
		h.serveRequest(payload, kind == frameWhole, a)
	case frameQuery:
		h.serveQuery(payload, a)
	case frameUnsent:
		head, to, ok := parseUnsent(payload)
		if !ok {
			a.status = StatusInvalid
			break
		}
		a.code = h.again(&head, to, a)
	case frameFailed:
		e, ok := parseFailed(payload)
		if !ok {
			a.status = StatusInvalid
			break
		}
		a.code = engine.CodeOK
		h.withdrawals.add(e)
	default:
		a.status = StatusInvalid
	}
	if !a.done {
		a.send(answerLast)
	}
}

// serveNotReady refuses at once what comes while the rooms are being loaded,
// which may take as long as the database does.
func (h *Host) serveNotReady(kind byte, payload []byte, a *answer) {
	a.status = StatusTimeout
	a.code = -1
	if kind == frameRequest {
		_, r, ok := parseRequest(payload)
		if !ok {
			a.status = StatusInvalid
			return
		}
		content := engine.Classify(&r, h.settings.CommandStart, h.settings.MaxHops)
		a.code = engine.RefusalCode(&r, &content)
		if m := engine.Unanswered(&r, &content, false); m != nil {
			message(a, m)
		}
		note(a, engine.LevelInfo, fmt.Sprintf("room %s: request of %s refused: %v", clip(r.RequestURI), clip(r.From), errNotReady))
	}
}

// within returns a context that ends early enough for the answer to reach
// the worker before its deadline. ok is false if there is no time left: the
// worker has refused the request by now.
func (h *Host) within(deadline uint64) (_ context.Context, _ context.CancelFunc, ok bool) {
	left := until(deadline)
	if left <= 0 {
		return nil, nil, false
	}
	left = min(left, maxTimeout)
	ctx, cancel := context.WithTimeout(h.ctx, left-min(left/5, time.Second))
	return ctx, cancel, true
}

func (h *Host) serveRequest(payload []byte, whole bool, a *answer) {
	deadline, r, ok := parseRequest(payload)
	if !ok {
		a.status = StatusInvalid
		return
	}
	debugServe(&r)
	content := engine.Classify(&r, h.settings.CommandStart, h.settings.MaxHops)
	a.code = engine.RefusalCode(&r, &content)
	ctx, cancel, ok := h.within(deadline)
	if !ok {
		a.done = true
		return
	}
	defer cancel()
	if content.GoesOn() && !whole && h.sendSnapshot(ctx, &r, a) {
		a.done = true
		return
	}
	a.code = h.handle(ctx, &r, &content, a)
}

// sendSnapshot answers a text with a snapshot of its room, for the worker to
// handle it and those that follow. It reports false if the host has to handle
// the text: it is not plain, there is no such room, the sender is no member,
// the room is large, has MESSAGEs in the queue or a member whose URI is too
// long for a snapshot, or the database has to be asked each time.
func (h *Host) sendSnapshot(ctx context.Context, r *engine.Request, a *answer) bool {
	if !plain(r) || h.settings.Mode == 2 && h.settings.CacheTTL == 0 {
		return false
	}
	address, err := engine.ParseURI(r.RequestURI)
	if err != nil {
		return false
	}
	key := address.Key()
	// The version is read first: a change that comes after makes the snapshot
	// out of date, whether it is in it or not.
	version := h.versions.at(hash(string(key))).Load()
	most := min(h.settings.FanoutInline+1, maxSnapshotMembers)
	if h.queue.busy(key) || h.conf.Size(key) > 2*most {
		return false // without a look at a view, which would have to be made first
	}
	v, err := h.conf.View(ctx, key)
	if err != nil || v == nil || len(v.Members) > most || !storable(v) {
		return false
	}
	var buf [256]byte
	from, err := engine.AppendKey(buf[:0], r.From)
	if err != nil || v.Index(from) < 0 {
		return false
	}
	ttl := uint64(0)
	if h.settings.Mode == 2 {
		left := h.settings.CacheTTL - time.Since(v.ReadAt)
		if left <= 0 {
			return false
		}
		ttl = uint64(left)
	}
	frame := appendSnapshot(beginFrame(nil, frameSnapshot, a.id), version, ttl, v.URI, v.Members)
	if len(frame) > frameMax {
		return false
	}
	a.err = a.conn.write(endFrame(frame, 0))
	return true
}
