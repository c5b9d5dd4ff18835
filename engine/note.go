package engine

import (
	"fmt"
	"sync"
	"unicode/utf8"
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

// Bytes that an answer, and that a line of the log, shows of what somebody
// wrote.
const (
	shownInAnswer = maxName
	shownInLog    = 256
)

// clip shortens what a user wrote to what an answer needs of it.
func clip(s string) string { return clipTo(s, shownInAnswer) }

// clipTo shortens a text to n bytes, without cutting a character of UTF-8.
func clipTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}
