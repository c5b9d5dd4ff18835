package worker

import (
	"errors"
	"fmt"

	"kamailio-imc/engine/log"
	"kamailio-imc/module/wire"
)

// begin starts w.frame as a frame of this kind with the next id.
func (w *Worker) begin(kind wire.FrameKind) {
	if w.id++; w.id == 0 { // which says that there is none
		w.id = 1
	}
	w.asked = false
	w.pending = 0
	if cap(w.frame) > wire.AnswerChunk {
		w.frame = nil
	}
	w.frame = wire.BeginFrame(w.frame[:0], kind, w.id)
}

// ask sends w.frame and takes the answer, see answer.
func (w *Worker) ask(deadline wire.Time, reply *wire.Reply, lazily bool) (payload []byte, _ wire.Status, _ error) {
	if err := w.end.Send(wire.EndFrame(w.frame, 0), deadline); err != nil {
		return nil, wire.StatusTimeout, err
	}
	w.asked = true
	return w.answer(w.id, deadline, reply, lazily)
}

// answer writes the records of the answer with this id to reply, or returns
// the payload of the snapshot that is the answer. lazily leaves a long list in
// the socket for More.
func (w *Worker) answer(id uint32, deadline wire.Time, reply *wire.Reply, lazily bool) (payload []byte, _ wire.Status, _ error) {
	for {
		f, err := w.end.Receive(deadline)
		if err != nil {
			return nil, wire.StatusTimeout, err
		}
		if f.ID != id {
			w.late(f, reply)
			if deadline.Left() <= 0 {
				return nil, wire.StatusTimeout, wire.ErrTimeout
			}
			continue
		}
		if f.Kind == wire.FrameSnapshot {
			return f.Payload, wire.StatusOK, nil
		}
		part, ok := wire.ParseAnswer(f.Payload)
		if f.Kind != wire.FrameAnswer || !ok {
			return nil, wire.StatusTimeout, wire.ErrFrame
		}
		reply.Code = part.Code
		reply.AppendAll(part.Records)
		reply.Pending = 0
		if part.Last {
			return nil, part.Status, nil
		}
		if lazily && reply.Spilled() > 0 {
			w.pending = id
			reply.Pending = id
			return nil, wire.StatusOK, nil
		}
	}
}

// late takes a frame of an exchange that was given up: its sender was told so
// already, and the MESSAGEs in it are not sent. Only an invitation is, since it
// is stored by now.
func (w *Worker) late(f wire.Frame, reply *wire.Reply) {
	if f.Kind != wire.FrameAnswer {
		return
	}
	part, ok := wire.ParseAnswer(f.Payload)
	if !ok {
		return
	}
	n := 0
	for records := part.Records; len(records) > 0; {
		record, after, whole := wire.NextRecord(records)
		if !whole {
			break
		}
		records = after
		if wire.IsInvitation(record) {
			reply.Append(record)
		} else {
			n += wire.Recipients(record)
		}
	}
	if n > 0 {
		w.intake.Counters.Add(wire.CounterDropped, n)
		wire.WriteLogf(reply, log.Warning,
			"the engine answered a request too late (code %d): %d MESSAGEs dropped", part.Code, n)
	}
}

// unanswered reports that the host did not answer, or not with what was asked
// for. That a host is gone is an error once, and then the reason of refusals.
func (w *Worker) unanswered(err error, reply *wire.Reply, format string, args ...any) wire.Status {
	what := fmt.Sprintf(format, args...)
	switch {
	case errors.Is(err, wire.ErrTimeout):
		wire.WriteLogf(reply, log.Warning, "%s: %v (%v)", what, err, w.timeout)
	case errors.Is(err, wire.ErrClosed) && w.told:
		wire.WriteLogf(reply, log.Info, "%s: %v", what, err)
	default:
		w.told = w.told || errors.Is(err, wire.ErrClosed)
		wire.WriteLogf(reply, log.Error, "%s: %v", what, err)
	}
	return wire.StatusTimeout
}
