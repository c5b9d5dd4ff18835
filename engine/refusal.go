package engine

// RefusalCode returns the return code of r if it is refused whatever it asks
// for, as when nobody is there to decide it. start is the byte that begins a
// command.
func RefusalCode(r *Request, start byte) int {
	if len(r.Body) == 0 {
		return CodeMalformed
	}
	line, ok := commandLine(r, start)
	if !ok {
		return CodeText
	}
	cmd, ok := parseCommand(line)
	if !ok {
		return CodeUnparsable
	}
	return Code(cmd.reason)
}
