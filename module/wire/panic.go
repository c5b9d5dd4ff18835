package wire

import (
	"fmt"
	"runtime/debug"
	"strings"

	"kamailio-imc/engine/log"
)

// maxStackLines bounds the log of a panic.
const maxStackLines = 64

// PanicNotes describes a panic with the stack of the caller, a line each.
func PanicNotes(v any) []log.Note {
	lines := strings.Split(strings.TrimSpace(string(debug.Stack())), "\n")
	if len(lines) > maxStackLines {
		lines = lines[:maxStackLines]
	}
	notes := []log.Note{{Level: log.Error, Text: fmt.Sprintf("panic: %v", v)}}
	for _, line := range lines {
		notes = append(notes, log.Note{Level: log.Error, Text: line})
	}
	return notes
}

// Panicked makes reply the answer to a call that ended in a panic with v: log
// records with the stack, and the code as it was set before. It is to be
// called by the deferred function that recovered.
func Panicked(v any, reply *Reply) Status {
	if reply != nil {
		reply.Reset()
		WriteNotes(reply, PanicNotes(v))
	}
	return StatusPanic
}
