package module

import (
	"errors"
	"fmt"

	"kamailio-imc/engine"
)

// Status is what a function of the boundary returns, as in imc_engine.h.
type Status int

// Values of Status.
const (
	StatusOK      Status = 0
	StatusInvalid Status = -1 // called with something that cannot be
	StatusStart   Status = -2 // not started, or the start failed
	StatusPanic   Status = -3 // recovered from a panic
	StatusTimeout Status = -4 // the host did not answer in time, or is gone
)

// Questions about rooms, as in enum imc_query.
const (
	QueryRoomActive  = 1
	QueryRoomMember  = 2
	QueryListRooms   = 3
	QueryListMembers = 4
)

// Worker handles requests in a process that is not the host. Not safe for
// concurrent use: it belongs to the main thread.
type Worker struct {
	settings *Settings
	versions versions
	counters counters
	cache    *cache
	link     *link
	id       uint32  // of the last frame asked
	stream   *stream // the answer that is not read to its end, if any
	asked    bool    // that frame was sent whole
	told     bool    // the log knows that the host is gone

	// used again for each request
	room  []byte // key of the room, see snapshot
	key   []byte // key of a user
	body  []byte
	made  []byte // the snapshot that the host sent
	frame []byte
}

// stream is a list that the host is still sending.
type stream struct {
	id uint32
}

func newWorker(s *Settings) (*Worker, error) {
	l, err := newLink(s.WorkerFD, s.Timeout)
	if err != nil {
		return nil, err
	}
	return &Worker{
		settings: s,
		versions: s.Versions,
		counters: s.Counters,
		cache:    newCache(cacheBytes, cacheRooms),
		link:     l,
	}, nil
}

// handle answers r into reply: a text from a snapshot if there is one that
// holds, everything else with the host's help.
func (w *Worker) handle(r *engine.Request, content *engine.Content, reply *Reply) Status {
	if content.GoesOn() && plain(r) {
		if s := w.snapshot(r.RequestURI); s != nil && w.fanOut(s, r, content, reply) {
			return StatusOK
		}
	}
	if requestSize(r) > frameMax {
		note(reply, engine.LevelInfo, fmt.Sprintf("room %s: request of %s refused: %d bytes",
			clip(r.RequestURI), clip(r.From), len(r.Body)))
		return StatusOK // the code is that of a refusal
	}
	deadline := w.deadline()
	answer, status, err := w.askRequest(frameRequest, deadline, r, reply)
	if err == nil && answer != nil {
		s, ok := makeSnapshot(w.made, answer, deadline-uint64(w.settings.Timeout))
		if w.made = s[:0]; cap(w.made) > answerChunk {
			w.made = nil
		}
		if ok && content.GoesOn() && s.of(w.room) {
			w.cache.put(w.room, s)
			if !w.fanOut(s, r, content, reply) {
				note(reply, engine.LevelInfo, fmt.Sprintf("room %s: text of %s refused: it does not fit into a MESSAGE", s.uri(), clip(r.From)))
			}
			return StatusOK
		}
		note(reply, engine.LevelError, fmt.Sprintf("room %s: a snapshot that cannot be used: the engine handles the request", clip(r.RequestURI)))
		if answer, status, err = w.askRequest(frameWhole, deadline, r, reply); err == nil && answer != nil {
			err = errFrame
		}
	}
	if err != nil {
		if m := engine.Unanswered(r, content, w.asked); m != nil {
			message(reply, m)
		}
		return w.unanswered(err, fmt.Sprintf("room %s: request of %s refused", clip(r.RequestURI), clip(r.From)), reply)
	}
	return status
}

// askRequest sends r as a frame of this kind and takes the answer, see answer.
func (w *Worker) askRequest(kind byte, deadline uint64, r *engine.Request, reply *Reply) (snapshot []byte, _ Status, _ error) {
	w.begin(kind)
	w.frame = appendRequest(w.frame, deadline, r)
	return w.ask(deadline, reply, false)
}

// snapshot returns the room's snapshot if there is one that holds, and sets
// w.room to its key. It is valid until the cache is given another.
func (w *Worker) snapshot(roomURI string) snapshot {
	var err error
	if w.room, err = engine.AppendKey(w.room[:0], roomURI); err != nil {
		w.room = w.room[:0]
		return nil
	}
	s := w.cache.get(w.room)
	if s == nil {
		return nil
	}
	if s.version() != w.versions.at(hash(w.room)).Load() || s.expires() != 0 && monotonic() >= s.expires() {
		w.cache.drop(w.room)
		return nil
	}
	return s
}

// find returns the member of s with this URI, -1 if there is none.
func (w *Worker) find(s snapshot, user string) int {
	key, err := engine.AppendKey(w.key[:0], user)
	w.key = key[:0]
	if err != nil {
		return -1
	}
	return s.find(key)
}

// fanOut writes the MESSAGE to every member but the sender. s is a snapshot of
// the room w.room. It reports false, with nothing written, if the host has to
// say what becomes of the text: its sender is no member, or it is too long.
func (w *Worker) fanOut(s snapshot, r *engine.Request, content *engine.Content, reply *Reply) bool {
	sender := w.find(s, r.From)
	if sender < 0 {
		return false
	}
	plan := engine.PlanText(w.body[:0], view(s.member(sender)), content)
	if w.body = plan.Body[:0]; cap(w.body) > answerChunk {
		w.body = nil
	}
	h := head{
		room: view(w.room), from: view(s.uri()), callID: r.CallID,
		contentType: plan.ContentType, headers: view(plan.Headers), socket: r.Socket, body: plan.Body,
	}
	if plan.Typing {
		h.flags = FlagTyping
	}
	if h.size()+longestField > RecordMax {
		return false
	}
	s.fanOut(&h, sender, reply)
	reply.Code = engine.CodeOK
	return true
}

// plain reports whether a text can be handled from a snapshot: it has a body,
// and its Call-ID can be written into a header as it is.
func plain(r *engine.Request) bool {
	for i := range len(r.CallID) {
		if r.CallID[i] <= ' ' || r.CallID[i] == 0x7f {
			return false
		}
	}
	return len(r.Body) > 0
}

// query answers a question about rooms into reply.
func (w *Worker) query(what int, room, user string, reply *Reply) Status {
	if what == QueryRoomActive || what == QueryRoomMember {
		if s := w.snapshot(room); s != nil {
			reply.Code = w.look(s, what, user)
			return StatusOK
		}
	}
	if len(room)+len(user) > RecordMax {
		return StatusInvalid
	}
	deadline := w.deadline()
	w.begin(frameQuery)
	w.frame = appendQuery(w.frame, deadline, what, room, user)
	_, status, err := w.ask(deadline, reply, true)
	if err != nil {
		reply.Code = -1
		return w.unanswered(err, fmt.Sprintf("question about room %s not answered", clip(room)), reply)
	}
	return status
}

// look answers a question about one room from its snapshot.
func (w *Worker) look(s snapshot, what int, user string) int {
	if what == QueryRoomMember && w.find(s, user) < 0 {
		return -1
	}
	return 1
}

// event passes an event on to the host.
func (w *Worker) event(e *Event, reply *Reply) Status {
	deadline := w.deadline()
	var what string
	switch e.Kind {
	case EventUnsent:
		n := messageRecipients(e.Message)
		if len(e.Message) > RecordMax || e.First < 0 || e.First > n {
			return StatusInvalid
		}
		if e.Code != 0 {
			w.counters.add(CounterRetried, n-e.First)
		}
		w.begin(frameUnsent)
		w.frame = appendUnsent(w.frame, uint32(e.First), e.Message)
		what = fmt.Sprintf("%d MESSAGEs that have to wait: not known to be queued", n-e.First)
	case EventInvitationFailed:
		if len(e.Room)+len(e.User)+len(e.Inviter)+len(e.CallID)+len(e.Socket) > RecordMax {
			return StatusInvalid
		}
		w.begin(frameFailed)
		w.frame = appendFailed(w.frame, e)
		what = fmt.Sprintf("room %s: invitation of %s failed: not known to be withdrawn", clip(e.Room), clip(e.User))
	default:
		return StatusInvalid
	}
	_, status, err := w.ask(deadline, reply, false)
	if err != nil {
		return w.unanswered(err, what, reply)
	}
	return status
}

// more goes on with the list that the host is sending.
func (w *Worker) more(reply *Reply) Status {
	if reply.stream == nil || len(reply.rest) > 0 {
		return StatusOK
	}
	if reply.stream != w.stream {
		reply.stream = nil
		return StatusTimeout
	}
	_, status, err := w.answer(w.stream.id, w.deadline(), reply, true)
	if err != nil {
		reply.stream = nil
		return w.unanswered(err, "a list was cut", reply)
	}
	return status
}

func (w *Worker) deadline() uint64 {
	return monotonic() + uint64(w.settings.Timeout)
}

// begin starts w.frame as a frame of this kind with the next id.
func (w *Worker) begin(kind byte) {
	w.id++
	w.asked = false
	w.stream = nil
	if cap(w.frame) > answerChunk {
		w.frame = nil
	}
	w.frame = beginFrame(w.frame[:0], kind, w.id)
}

// ask sends w.frame and takes the answer, see answer.
func (w *Worker) ask(deadline uint64, reply *Reply, lazily bool) (snapshot []byte, _ Status, _ error) {
	if err := w.link.send(endFrame(w.frame, 0), deadline); err != nil {
		return nil, StatusTimeout, err
	}
	w.asked = true
	return w.answer(w.id, deadline, reply, lazily)
}

// answer writes the records of the answer with this id to reply, or returns
// the snapshot that is the answer. lazily leaves a long list in the socket
// for more.
func (w *Worker) answer(id uint32, deadline uint64, reply *Reply, lazily bool) (snapshot []byte, _ Status, _ error) {
	for {
		kind, of, payload, err := w.link.receive(deadline)
		if err != nil {
			return nil, StatusTimeout, err
		}
		if of != id {
			w.late(kind, payload, reply)
			if until(deadline) <= 0 {
				return nil, StatusTimeout, errTimeout
			}
			continue
		}
		if kind == frameSnapshot {
			return payload, StatusOK, nil
		}
		last, code, status, records, ok := parseAnswer(payload)
		if kind != frameAnswer || !ok {
			return nil, StatusTimeout, errFrame
		}
		reply.Code = code
		reply.records(records)
		reply.stream = nil
		if last {
			return nil, Status(status), nil
		}
		if lazily && len(reply.rest) > 0 {
			w.stream = &stream{id: id}
			reply.stream = w.stream
			return nil, StatusOK, nil
		}
	}
}

// late takes a frame of an exchange that was given up: its sender was told so
// already, and the MESSAGEs in it are not sent. Only an invitation is, since it
// is stored by now.
func (w *Worker) late(kind byte, payload []byte, reply *Reply) {
	if kind != frameAnswer {
		return
	}
	_, code, _, records, ok := parseAnswer(payload)
	if !ok {
		return
	}
	n := 0
	for len(records) > 0 {
		record, after, whole := nextRecord(records)
		if !whole {
			break
		}
		records = after
		if isInvitation(record) {
			reply.records(record)
		} else {
			n += messageRecipients(record)
		}
	}
	if n > 0 {
		w.counters.add(CounterDropped, n)
		note(reply, engine.LevelWarning, fmt.Sprintf(
			"the engine answered a request too late (code %d): %d MESSAGEs dropped", code, n))
	}
}

// unanswered reports that the host did not answer, or not with what was asked
// for. That a host is gone is an error once, and then the reason of refusals.
func (w *Worker) unanswered(err error, what string, reply *Reply) Status {
	switch {
	case errors.Is(err, errTimeout):
		note(reply, engine.LevelWarning, fmt.Sprintf("%s: %v (%v)", what, err, w.settings.Timeout))
	case errors.Is(err, errClosed) && w.told:
		note(reply, engine.LevelInfo, fmt.Sprintf("%s: %v", what, err))
	default:
		w.told = w.told || errors.Is(err, errClosed)
		note(reply, engine.LevelError, fmt.Sprintf("%s: %v", what, err))
	}
	return StatusTimeout
}

// clip shortens what a user sent for the log.
func clip(s string) string {
	const most = 128
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
