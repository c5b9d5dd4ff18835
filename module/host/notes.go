package host

import (
	"fmt"
	"sync"

	"kamailio-imc/engine/log"
	"kamailio-imc/module/wire"
)

// maxNotes bounds the log lines that wait for the main thread.
const maxNotes = 1000

// notes are log lines of goroutines on their way to the main thread, which
// alone may log. Safe for concurrent use.
type notes struct {
	wake func() // called without mu

	mu      sync.Mutex
	lines   []log.Note
	dropped int
}

// add keeps lines, or counts them if too many wait already.
func (n *notes) add(lines ...log.Note) {
	for _, line := range lines {
		n.addOne(line)
	}
}

func (n *notes) addf(level log.Level, format string, args ...any) {
	n.addOne(log.Note{Level: level, Text: fmt.Sprintf(format, args...)})
}

func (n *notes) addOne(line log.Note) {
	n.mu.Lock()
	if len(n.lines) < maxNotes {
		n.lines = append(n.lines, line)
	} else {
		n.dropped++
	}
	n.mu.Unlock()
	n.wake()
}

// write moves lines to r as long as they leave reserve bytes of its buffer
// free, and reports whether it moved any.
func (n *notes) write(r *wire.Reply, reserve int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	moved := 0
	for _, line := range n.lines {
		if wire.LogSize(line.Text)+reserve > r.Free() {
			break
		}
		wire.WriteLog(r, line.Level, line.Text)
		moved++
	}
	n.lines = append(n.lines[:0], n.lines[moved:]...)
	if len(n.lines) == 0 && n.dropped > 0 {
		wire.WriteLogf(r, log.Warning, "%d log lines were dropped: too many at a time", n.dropped)
		n.dropped = 0
		moved++
	}
	return moved > 0
}
