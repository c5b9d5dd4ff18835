package engine

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// note logs what belongs to no request.
func (c *Conference) note(n Note) {
	if c.settings.Note != nil {
		c.settings.Note(n)
	}
}

// noteRarely logs a line that would be the same for many requests, at most once
// in rareNote for each subject.
func (c *Conference) noteRarely(subject string, n Note) {
	r := &c.rare
	now := time.Now()
	r.mu.Lock()
	last, told := r.told[subject]
	told = told && now.Sub(last) < rareNote
	if !told {
		if r.told == nil || len(r.told) >= maxRare {
			r.told = make(map[string]time.Time)
		}
		r.told[subject] = now
	}
	r.mu.Unlock()
	if !told {
		c.note(n)
	}
}

// Bounds of noteRarely.
const (
	rareNote = time.Minute
	maxRare  = 1024
)

// rare remembers when lines were logged.
type rare struct {
	mu   sync.Mutex // a leaf
	told map[string]time.Time
}

// notef makes a line of the log. Nothing that a user wrote can end the line or
// reach a terminal as a control sequence.
func notef(level Level, format string, args ...any) Note {
	return Note{Level: level, Text: Printable(fmt.Sprintf(format, args...))}
}

// Printable returns a text with control characters and bytes that are not
// UTF-8 as %q writes them: \x1b. All else stays as it is.
func Printable(s string) string {
	bad := func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) }
	if !strings.ContainsFunc(s, bad) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if bad(r) {
			quoted := strconv.Quote(s[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
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
