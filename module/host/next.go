package host

import (
	"time"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/module/wire"
)

// Next waits at most timeout for something to do on the main thread and
// writes it to reply: log lines, READY once, and at most one MESSAGE record,
// which is reported with EventSent or EventUnsent. StatusStart: the start
// failed, StatusPanic: the host cannot go on; the reason is in the reply.
func (h *Host) Next(timeout time.Duration, reply *wire.Reply) wire.Status {
	debugNext()
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		if status, something := h.poll(reply); something || timeout <= 0 {
			return status
		}
		select {
		case <-h.wake:
		case <-expired:
			timeout = 0
		}
	}
}

// poll writes what there is to do to reply, and reports whether there was
// anything.
func (h *Host) poll(reply *wire.Reply) (_ wire.Status, something bool) {
	// Both say why first.
	failed := isClosed(h.failed)
	broken := h.broken.Load()
	something = h.notes.write(reply, wire.RecordMax)
	if failed {
		return wire.StatusStart, true
	}
	if broken {
		return wire.StatusPanic, true
	}
	if !h.told && isClosed(h.ready) {
		h.told = true
		something = true
		wire.WriteReady(reply)
	}
	record, dropped := h.queue.take(reply.Space(wire.RecordMax))
	if len(record) > 0 {
		reply.Append(record)
	}
	if dropped > 0 {
		h.counters.Add(wire.CounterDropped, dropped)
		wire.WriteLogf(reply, log.Error, "%d MESSAGEs dropped: too long to be sent", dropped)
	}
	return wire.StatusOK, something || dropped > 0 || len(record) > 0
}

// Event takes a report of what became of a MESSAGE that this process sent. For
// EventUnsent of one that came of a request, reply.Code is 1 if the rest is
// queued now.
func (h *Host) Event(e *wire.Event, reply *wire.Reply) wire.Status {
	switch e.Kind {
	case wire.EventSent:
		return h.sent(e)
	case wire.EventUnsent:
		if id, ok := wire.MessageID(e.Message); ok && id != 0 {
			return h.unsent(id, e, reply)
		}
		m, to, ok := wire.ParseMessage(e.Message)
		if !ok || e.First < 0 || e.First > len(to) {
			return wire.StatusInvalid
		}
		if e.Code != 0 {
			h.counters.Add(wire.CounterRetried, len(to)-e.First)
		}
		reply.Code = h.again(&m, to[e.First:], reply)
		return wire.StatusOK
	case wire.EventInvitationFailed:
		reply.Code = engine.CodeOK
		h.withdrawals.add(failureOf(e))
		return wire.StatusOK
	}
	return wire.StatusInvalid
}

// sent takes the main thread's report that a MESSAGE of the queue is sent.
func (h *Host) sent(e *wire.Event) wire.Status {
	id, ok := wire.MessageID(e.Message)
	if !ok || !h.queue.sent(id) {
		return wire.StatusInvalid
	}
	return wire.StatusOK
}

// unsent takes the main thread's report that a MESSAGE of the queue could not
// be sent for want of memory.
func (h *Host) unsent(id uint64, e *wire.Event, reply *wire.Reply) wire.Status {
	back, ok := h.queue.unsent(id, e.First, e.Code != 0, time.Now())
	if !ok {
		return wire.StatusInvalid
	}
	if e.Code != 0 {
		h.counters.Add(wire.CounterRetried, back.retried)
	}
	if back.dropped != "" {
		h.counters.Add(wire.CounterDropped, 1)
		wire.WriteLogf(reply, log.Error, "room %s: a MESSAGE to %s dropped: no memory to send it for %v",
			back.message.Room, wire.ForLog(back.dropped), giveUp)
		if back.message.Inviter != "" {
			h.withdrawals.add(failureTo(&back.message, back.dropped))
		}
	}
	return wire.StatusOK
}
