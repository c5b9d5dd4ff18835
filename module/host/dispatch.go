package host

import (
	"context"

	"kamailio-imc/engine"
	"kamailio-imc/engine/command"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
	"kamailio-imc/module/wire"
)

// directMax bounds the bytes of MESSAGE records that the answer to one request
// holds; what is more goes to the queue. It is what fits into one buffer.
const directMax = wire.ReplyMin

// dispatcher sends what comes of one request: directly, by the process that
// asked, or through the queue.
type dispatcher struct {
	host   *Host
	out    wire.Sink
	direct int // bytes of records written to out
}

// handle has the conference handle r and writes what comes of it to out. It
// returns the code for the script.
func (h *Host) handle(ctx context.Context, r *sip.Request, content *sip.Content, out wire.Sink) int {
	o := h.conf.HandleContent(ctx, r, content)
	wire.WriteNotes(out, o.Notes)
	d := dispatcher{host: h, out: out}
	if content.Kind == sip.KindCommand {
		if ctx.Err() != nil {
			// Nobody may wait for the answer any more; what is in it would be
			// lost.
			d.direct = directMax
		}
		code := d.notices(o.Messages, o.Code)
		h.gauges()
		return code
	}
	// A text is one MESSAGE to all, or none.
	if len(o.Messages) == 0 || d.message(&o.Messages[0]) {
		return o.Code
	}
	wire.WriteLogf(out, log.Warning, "room %s: text of %s refused: %d MESSAGEs are waiting to be sent",
		wire.ForLog(r.RequestURI), wire.ForLog(r.From), h.queue.waiting())
	if content.MayBeAnswered() {
		m := engine.TextNotDelivered(r)
		wire.WriteMessage(out, &m)
	}
	return engine.CodeText
}

// notices dispatches notices, which are sent whether or not others are: what
// does not fit into the queue is dropped, and an invitation then withdrawn. It
// returns the code of the command.
func (d *dispatcher) notices(messages []engine.Message, code int) int {
	for i := range messages {
		m := &messages[i]
		if d.message(m) {
			continue
		}
		n := m.Recipients()
		d.host.counters.Add(wire.CounterDropped, n)
		wire.WriteLogf(d.out, log.Warning, "room %s: a notice to %d members dropped: the queue is full", m.Room, n)
		if m.Inviter != "" {
			d.uninvite(m)
			code = command.CodeInvite
		}
	}
	return code
}

// uninvite withdraws invitations that are not sent, and tells who invited,
// directly.
func (d *dispatcher) uninvite(m *engine.Message) {
	for _, part := range m.To {
		for _, user := range part {
			f := failureTo(m, user)
			f.told = true
			d.host.withdrawals.add(f)
		}
	}
	told := engine.InvitationNotSent(m.From, m.Inviter, m.InReplyTo, m.Socket)
	wire.WriteMessage(d.out, &told)
}

// message gives m to the queue if it has many recipients, has to wait for what
// is in the room's queue already, or is more than is sent directly for one
// request; otherwise to out. It reports false if the queue is full: then
// nobody gets it.
func (d *dispatcher) message(m *engine.Message) bool {
	h := d.host
	if m.Room != "" && (m.Recipients() > h.settings.FanoutInline || h.queue.busy(m.Room)) {
		return h.queue.push(m, false)
	}
	size := recordsSize(m)
	if d.direct > 0 && d.direct+size > directMax {
		d.direct = directMax // those that follow stay behind it
		return h.queue.push(m, false)
	}
	d.direct += size
	if n := wire.WriteMessage(d.out, m); n > 0 {
		h.counters.Add(wire.CounterDropped, n)
		wire.WriteLogf(d.out, log.Error, "room %s: %d MESSAGEs dropped: too long to be sent", m.Room, n)
	}
	return true
}

// recordsSize is about the length of the records of m.
func recordsSize(m *engine.Message) int {
	record := wire.MessageOf(m)
	size := record.Size()
	for _, part := range m.To {
		for _, to := range part {
			size += wire.StrSize(to)
		}
	}
	return size
}

// again queues what is left of a MESSAGE that a worker was to send. It returns
// what the script is told if that is lost.
func (h *Host) again(m *wire.Message, to []string, out wire.Sink) (code int) {
	kept := m.Copy(to)
	if h.queue.push(&kept, true) {
		return engine.CodeOK
	}
	h.counters.Add(wire.CounterDropped, len(to))
	wire.WriteLogf(out, log.Warning, "room %s: %d MESSAGEs dropped: no memory and the queue is full", kept.Room, len(to))
	if kept.Inviter == "" {
		return engine.CodeText
	}
	d := dispatcher{host: h, out: out}
	d.uninvite(&kept)
	return command.CodeInvite
}
