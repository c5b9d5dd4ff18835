package engine

// RefusalCode returns the return code of r, whose content this is, if it is
// refused whatever it asks for, as when nobody is there to decide it.
func (c *Content) RefusalCode(r *Request) int {
	if len(r.Body) == 0 {
		return CodeMalformed
	}
	if c.Kind != KindCommand {
		return CodeText
	}
	cmd, ok := parseCommand(c.line)
	if !ok {
		return CodeUnparsable
	}
	return Code(cmd.reason)
}

// What a user is told whose command the engine did not answer.
const (
	textNoEngine = "The server cannot do that now, please try again later"
	textNoAnswer = "The server did not confirm the change: please see whether it was made before you try again"
)

// Unanswered is what the sender of r, whose content this is, is told if nobody
// answers it; nil if nothing, as for all that is no command. asked: the engine
// has got the request and may have decided it.
func (c *Content) Unanswered(r *Request, asked bool) *Message {
	if _, _, ok := requestAddresses(r); !ok || c.Kind != KindCommand {
		return nil
	}
	text := textNoEngine
	if cmd, ok := parseCommand(c.line); ok && asked && cmd.kind.changes() {
		text = textNoAnswer
	}
	m := reply(r, prefix+text)
	return &m
}
