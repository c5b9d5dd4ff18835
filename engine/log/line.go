// Package log is what the engine says to Kamailio's log: lines with a level.
// Whoever is handed them writes them; this package writes nothing.
//
// It knows the standard library only.
package log

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Level is the severity of a Note, as Kamailio has it.
type Level uint8

// Levels of a Note. What a user did wrong is never above Info.
const (
	Error Level = iota + 1
	Warning
	Notice
	Info
	Debug
)

// Note is a line for Kamailio's log.
type Note struct {
	Level Level
	Text  string
}

// Notef makes a line of the log. Nothing that a user wrote can end the line or
// reach a terminal as a control sequence.
func Notef(level Level, format string, args ...any) Note {
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

// Clip shortens a text to n bytes, without cutting a character of UTF-8.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}
