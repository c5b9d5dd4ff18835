package module

import (
	"fmt"
	"sync"

	"kamailio-imc/engine"
)

// maxNotes bounds the log lines that wait for the main thread.
const maxNotes = 1000

// notes are log lines of goroutines on their way to the main thread, which
// alone may log. Safe for concurrent use.
type notes struct {
	wake func() // called without mu

	mu      sync.Mutex
	lines   []engine.Note
	dropped int
}

// add keeps a line, or counts it if too many wait already.
func (n *notes) add(level engine.Level, text string) {
	n.mu.Lock()
	if len(n.lines) < maxNotes {
		n.lines = append(n.lines, engine.Note{Level: level, Text: text})
	} else {
		n.dropped++
	}
	n.mu.Unlock()
	n.wake()
}

func (n *notes) addf(level engine.Level, format string, args ...any) {
	n.add(level, fmt.Sprintf(format, args...))
}

// write moves lines to r as long as they leave reserve bytes of its buffer
// free, and reports whether it moved any.
func (n *notes) write(r *Reply, reserve int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	moved := 0
	for _, line := range n.lines {
		size := recordHead + 1 + strSize(line.Text[:min(len(line.Text), maxLogText)])
		if r.Len()+size+reserve > cap(r.buf) {
			break
		}
		note(r, line.Level, line.Text)
		moved++
	}
	n.lines = append(n.lines[:0], n.lines[moved:]...)
	if len(n.lines) == 0 && n.dropped > 0 {
		note(r, engine.LevelWarning, fmt.Sprintf("%d log lines were dropped: too many at a time", n.dropped))
		n.dropped = 0
		moved++
	}
	return moved > 0
}
