package engine

import (
	"strconv"

	"kamailio-imc/engine/command"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
)

// Settle answers a request that needs no room to be decided: what is for
// nobody, and what is refused whoever sends it. settled is false for all
// others.
func Settle(r *sip.Request, c *sip.Content) (out Outcome, settled bool) {
	if (c.GoesOn() || c.Kind == sip.KindCommand) && len(r.Body) > 0 {
		return Outcome{}, false
	}
	if _, _, ok := requestAddresses(r); !ok {
		return malformed(r), true
	}
	switch c.Kind {
	case sip.KindReceipt, sip.KindNotice:
		// Never refused, whoever sends it and whether there is a room or not:
		// its sender would only send it again.
		return Outcome{Code: CodeOK}, true
	case sip.KindLooped:
		return refusedText(r, "it came through "+strconv.Itoa(c.Hops)+" rooms, more than max_hops"), true
	case sip.KindTooLong:
		out := refusedText(r, c.Why)
		if c.MayBeAnswered() {
			out.Messages = []Message{reply(r, command.Prefix+"Your message is too long and was not delivered")}
		}
		return out, true
	default:
		return refusedText(r, c.Why), true
	}
}

// requestAddresses returns the sender and the room of a request. ok is false
// if it is no usable MESSAGE.
func requestAddresses(r *sip.Request) (from, to sip.Address, ok bool) {
	from, fromErr := sip.ParseURI(r.From)
	to, toErr := sip.ParseURI(r.RequestURI)
	return from, to, fromErr == nil && toErr == nil && len(r.Body) > 0
}

func malformed(r *sip.Request) Outcome {
	return Outcome{Code: CodeMalformed, Notes: []log.Note{
		log.Notef(log.Info, "MESSAGE to %q from %q refused: %s",
			log.Clip(r.RequestURI, shownInLog), log.Clip(r.From, shownInLog), whyMalformed),
	}}
}

// reply makes an answer to the sender of r, from the Request-URI as it came.
func reply(r *sip.Request, body string) Message {
	return Message{
		From: r.RequestURI, To: [][]string{{r.From}}, ContentType: sip.TypeText,
		Body: []byte(body), InReplyTo: sip.HeaderValue(r.CallID), Socket: r.Socket,
	}
}

// Why requests are refused, for the log.
const (
	whyMalformed = "no body or no usable From or Request-URI"
	whyNoRoom    = "there is no such room"
	whyNoMember  = "the sender is not a member"
	whyAway      = "the room is not known here, and the database does not answer"
)

func refusedText(r *sip.Request, why string) Outcome {
	return Outcome{Code: CodeText, Notes: []log.Note{
		log.Notef(log.Info, "room %q: text of user %q refused: %s", log.Clip(r.RequestURI, shownInLog), log.Clip(r.From, shownInLog), why),
	}}
}
