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
