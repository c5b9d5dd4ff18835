package engine

import (
	"kamailio-imc/engine/command"
	"kamailio-imc/engine/sip"
)

// RefusalCode returns the return code of r, whose content is c, if it is
// refused whatever it asks for, as when nobody is there to decide it.
func RefusalCode(r *sip.Request, c *sip.Content) int {
	if len(r.Body) == 0 {
		return CodeMalformed
	}
	if c.Kind != sip.KindCommand {
		return CodeText
	}
	return command.In(c.Line).Code
}

// What a user is told whose command the engine did not answer.
const (
	textNoEngine = "The server cannot do that now, please try again later"
	textNoAnswer = "The server did not confirm the change: please see whether it was made before you try again"
)

// Unanswered is what the sender of r, whose content is c, is told if nobody
// answers it; nil if nothing, as for all that is no command. asked: the engine
// has got the request and may have decided it.
func Unanswered(r *sip.Request, c *sip.Content, asked bool) *Message {
	if _, _, ok := requestAddresses(r); !ok || c.Kind != sip.KindCommand {
		return nil
	}
	text := textNoEngine
	if asked && command.In(c.Line).Changes() {
		text = textNoAnswer
	}
	m := reply(r, command.Prefix+text)
	return &m
}
