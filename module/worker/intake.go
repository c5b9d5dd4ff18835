package worker

import (
	"kamailio-imc/engine"
	"kamailio-imc/engine/sip"
	"kamailio-imc/module/wire"
)

// Intake is what a process does with a request before it asks anybody.
type Intake struct {
	CommandStart byte          // first byte of a command's body
	MaxHops      int           // rooms that a text may have come through
	Counters     wire.Counters // this process's row
}

// Classify finds out what r is, and sets reply.Code to what it is refused with
// if nobody decides it.
func (in *Intake) Classify(r *sip.Request, reply *wire.Reply) sip.Content {
	content := sip.Classify(r, in.CommandStart, in.MaxHops)
	reply.Code = engine.RefusalCode(r, &content)
	return content
}

// Settle answers a request that needs no room, and reports whether it did.
func (in *Intake) Settle(r *sip.Request, content *sip.Content, reply *wire.Reply) bool {
	debugHandle(r)
	out, settled := engine.Settle(r, content)
	if !settled {
		return false
	}
	wire.WriteNotes(reply, out.Notes)
	for i := range out.Messages {
		wire.WriteMessage(reply, &out.Messages[i])
	}
	reply.Code = out.Code
	return true
}

// Count counts a request of this kind, as reply says it was answered.
func (in *Intake) Count(kind sip.Kind, reply *wire.Reply) {
	switch kind {
	case sip.KindCommand:
		in.Counters.Add(wire.CounterCommands, 1)
	case sip.KindReceipt:
		in.Counters.Add(wire.CounterReceipts, 1)
	case sip.KindLooped:
		in.Counters.Add(wire.CounterLooped, 1)
	case sip.KindTyping:
		if reply.Code > 0 {
			in.Counters.Add(wire.CounterTyping, 1)
		}
	case sip.KindText, sip.KindOther:
		if reply.Code > 0 {
			in.Counters.Add(wire.CounterTexts, 1)
		}
	default:
	}
	if reply.Code < 0 {
		in.Counters.Add(wire.CounterRefused, 1)
	}
}
