package worker

import (
	"time"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
	"kamailio-imc/module/snapshot"
	"kamailio-imc/module/wire"
)

// Worker handles requests in a process that is not the host. Not safe for
// concurrent use: it belongs to the main thread.
type Worker struct {
	intake   Intake
	timeout  time.Duration
	versions snapshot.Versions
	cache    *snapshot.Cache
	end      *wire.WorkerEnd
	id       uint32 // of the last frame asked
	asked    bool   // that frame was sent whole
	pending  uint32 // of the answer that is not read to its end, 0 if of none
	told     bool   // the log knows that the host is gone

	// used again for each request
	room  []byte // key of the room, see snapshot
	key   []byte // key of a user
	body  []byte
	made  []byte // the snapshot that the host sent
	frame []byte
}

// MaxTimeout bounds how long a worker may be told to wait.
const MaxTimeout = 10 * time.Minute

// Settings are what a worker is started with.
type Settings struct {
	Intake
	FD       int           // the worker's end of its socket pair; New takes it over
	Timeout  time.Duration // how long the worker waits for the host
	Versions snapshot.Versions
}

// New starts a worker.
func New(s *Settings) (*Worker, error) {
	end, err := wire.NewWorkerEnd(s.FD, s.Timeout)
	if err != nil {
		return nil, err
	}
	return &Worker{
		intake:   s.Intake,
		timeout:  s.Timeout,
		versions: s.Versions,
		cache:    snapshot.NewCache(),
		end:      end,
	}, nil
}

// Handle answers r into reply: a text from a snapshot if there is one that
// holds, everything else with the host's help. reply.Code is the code for the
// script, also after a panic.
func (w *Worker) Handle(r *wire.Request, reply *wire.Reply) wire.Status {
	// Nothing of it is kept: what goes on is written to reply or to a frame.
	request := r.Peek()
	content := w.intake.Classify(&request, reply)
	defer w.intake.Count(content.Kind, reply)
	if w.intake.Settle(&request, &content, reply) {
		return wire.StatusOK
	}
	if content.GoesOn() && snapshot.Suffices(&request) {
		if s := w.snapshot(r.RequestURI); s != nil && w.fanOut(s, r, &content, reply) {
			return wire.StatusOK
		}
	}
	return w.askHost(r, &request, &content, reply)
}

// askHost has the host handle a request, or send the snapshot to do it with.
func (w *Worker) askHost(r *wire.Request, request *sip.Request, content *sip.Content, reply *wire.Reply) wire.Status {
	if wire.RequestSize(request) > wire.FrameMax {
		wire.WriteLogf(reply, log.Info, "room %s: request of %s refused: %d bytes",
			wire.ForLog(request.RequestURI), wire.ForLog(request.From), len(request.Body))
		return wire.StatusOK // the code is that of a refusal
	}
	asked := wire.Now()
	deadline := asked.Add(w.timeout)
	answer, status, err := w.askRequest(wire.FrameRequest, deadline, request, reply)
	if err == nil && answer != nil {
		s, ok := snapshot.Make(w.made, answer, asked)
		if w.made = s[:0]; cap(w.made) > wire.AnswerChunk {
			w.made = nil
		}
		if ok && content.GoesOn() && s.Of(w.room) {
			w.cache.Put(w.room, s)
			if !w.fanOut(s, r, content, reply) {
				wire.WriteLogf(reply, log.Info, "room %s: text of %s refused: it does not fit into a MESSAGE",
					s.URI().Peek(), wire.ForLog(request.From))
			}
			return wire.StatusOK
		}
		wire.WriteLogf(reply, log.Error, "room %s: a snapshot that cannot be used: the engine handles the request",
			wire.ForLog(request.RequestURI))
		if answer, status, err = w.askRequest(wire.FrameWhole, deadline, request, reply); err == nil && answer != nil {
			err = wire.ErrFrame
		}
	}
	if err != nil {
		if m := engine.Unanswered(request, content, w.asked); m != nil {
			wire.WriteMessage(reply, m)
		}
		return w.unanswered(err, reply, "room %s: request of %s refused", wire.ForLog(request.RequestURI), wire.ForLog(request.From))
	}
	return status
}

// askRequest sends r as a frame of this kind and takes the answer, see answer.
func (w *Worker) askRequest(kind wire.FrameKind, deadline wire.Time, r *sip.Request, reply *wire.Reply) (payload []byte, _ wire.Status, _ error) {
	w.begin(kind)
	w.frame = wire.AppendRequest(w.frame, deadline, r)
	return w.ask(deadline, reply, false)
}

// snapshot returns the room's snapshot if there is one that holds, and sets
// w.room to its key. It is valid until the cache is given another.
func (w *Worker) snapshot(roomURI wire.View) snapshot.Snapshot {
	var err error
	if w.room, err = sip.AppendKey(w.room[:0], roomURI.Peek()); err != nil {
		w.room = w.room[:0]
		return nil
	}
	s := w.cache.Get(w.room)
	if s == nil {
		return nil
	}
	if !s.Holds(w.versions.Of(w.room)) {
		w.cache.Drop(w.room)
		return nil
	}
	return s
}

// find returns the member of s with this URI, -1 if there is none.
func (w *Worker) find(s snapshot.Snapshot, user wire.View) int {
	key, err := sip.AppendKey(w.key[:0], user.Peek())
	w.key = key[:0]
	if err != nil {
		return -1
	}
	return s.Find(key)
}

// fanOut writes the MESSAGE to every member but the sender. s is a snapshot of
// the room w.room. It reports false, with nothing written, if the host has to
// say what becomes of the text: its sender is no member, or it is too long.
func (w *Worker) fanOut(s snapshot.Snapshot, r *wire.Request, content *sip.Content, reply *wire.Reply) bool {
	sender := w.find(s, r.From)
	if sender < 0 {
		return false
	}
	plan := sip.PlanText(w.body[:0], s.Member(sender).Peek(), content)
	if w.body = plan.Body[:0]; cap(w.body) > wire.AnswerChunk {
		w.body = nil
	}
	m := wire.Message{
		Room: wire.ViewBytes(w.room), From: s.URI(), CallID: r.CallID, ContentType: wire.ViewOf(plan.ContentType),
		Headers: wire.ViewBytes(plan.Headers), Socket: r.Socket, Body: plan.Body,
	}
	if plan.Typing {
		m.Flags = wire.FlagTyping
	}
	if m.Size()+snapshot.LongestField > wire.RecordMax {
		return false
	}
	s.FanOut(&m, sender, reply)
	reply.Code = engine.CodeOK
	return true
}

// Query answers a question about rooms into reply.
func (w *Worker) Query(what wire.Query, room, user wire.View, reply *wire.Reply) wire.Status {
	if what == wire.QueryRoomActive || what == wire.QueryRoomMember {
		if s := w.snapshot(room); s != nil {
			reply.Code = w.look(s, what, user)
			return wire.StatusOK
		}
	}
	if room.Len()+user.Len() > wire.RecordMax {
		return wire.StatusInvalid
	}
	deadline := wire.Now().Add(w.timeout)
	w.begin(wire.FrameQuery)
	w.frame = wire.AppendQuery(w.frame, deadline, what, room, user)
	_, status, err := w.ask(deadline, reply, true)
	if err != nil {
		reply.Code = engine.CodeNo
		return w.unanswered(err, reply, "question about room %s not answered", wire.ForLog(room.Peek()))
	}
	return status
}

// look answers a question about one room from its snapshot.
func (w *Worker) look(s snapshot.Snapshot, what wire.Query, user wire.View) int {
	if what == wire.QueryRoomMember && w.find(s, user) < 0 {
		return engine.CodeNo
	}
	return engine.CodeOK
}

// Event passes an event on to the host. For EventUnsent, reply.Code is 1 if
// the rest is queued now.
func (w *Worker) Event(e *wire.Event, reply *wire.Reply) wire.Status {
	deadline := wire.Now().Add(w.timeout)
	switch e.Kind {
	case wire.EventUnsent:
		n := wire.Recipients(e.Message)
		if len(e.Message) > wire.RecordMax || e.First < 0 || e.First > n {
			return wire.StatusInvalid
		}
		if e.Code != 0 {
			w.intake.Counters.Add(wire.CounterRetried, n-e.First)
		}
		w.begin(wire.FrameUnsent)
		w.frame = wire.AppendUnsent(w.frame, uint32(e.First), e.Message)
		_, status, err := w.ask(deadline, reply, false)
		if err != nil {
			return w.unanswered(err, reply, "%d MESSAGEs that have to wait: not known to be queued", n-e.First)
		}
		return status
	case wire.EventInvitationFailed:
		if e.Room.Len()+e.User.Len()+e.Inviter.Len()+e.CallID.Len()+e.Socket.Len() > wire.RecordMax {
			return wire.StatusInvalid
		}
		w.begin(wire.FrameFailed)
		w.frame = wire.AppendFailed(w.frame, e)
		_, status, err := w.ask(deadline, reply, false)
		if err != nil {
			return w.unanswered(err, reply, "room %s: invitation of %s failed: not known to be withdrawn",
				wire.ForLog(e.Room.Peek()), wire.ForLog(e.User.Peek()))
		}
		return status
	default:
		return wire.StatusInvalid
	}
}

// More goes on with the list that the host is sending.
func (w *Worker) More(reply *wire.Reply) wire.Status {
	if reply.Pending == 0 || reply.Spilled() > 0 {
		return wire.StatusOK
	}
	if reply.Pending != w.pending {
		reply.Pending = 0
		return wire.StatusTimeout
	}
	_, status, err := w.answer(w.pending, wire.Now().Add(w.timeout), reply, true)
	if err != nil {
		reply.Pending = 0
		return w.unanswered(err, reply, "a list was cut")
	}
	return status
}
