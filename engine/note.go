package engine

import (
	"fmt"
	"sync"
)

// maxOddities bounds what oddities remembers.
const maxOddities = 4096

// oddities remembers what has been logged about rows that are read again and
// again.
type oddities struct {
	mu   sync.Mutex // a leaf
	told map[string]struct{}
}

// note logs what belongs to no request.
func (c *Conference) note(n Note) {
	if c.settings.Note != nil {
		c.settings.Note(n)
	}
}

// noteOnce logs what is odd about a row, the first time it is read.
func (c *Conference) noteOnce(n Note) {
	if c.oddities.first(n.Text) {
		c.note(n)
	}
}

// first reports whether a text is new. When there are too many, none is.
func (o *oddities) first(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, told := o.told[text]; told || len(o.told) >= maxOddities {
		return false
	}
	if o.told == nil {
		o.told = make(map[string]struct{})
	}
	o.told[text] = struct{}{}
	return true
}

func notef(level Level, format string, args ...any) Note {
	return Note{Level: level, Text: fmt.Sprintf(format, args...)}
}
