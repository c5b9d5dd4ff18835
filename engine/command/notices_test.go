package command

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSplitList(t *testing.T) {
	assert.Equal(t, []string{"Rooms:"}, splitList("Rooms:", nil))
	assert.Equal(t, []string{"Rooms:\n[a]\n[b]"}, splitList("Rooms:", []string{"[a]", "[b]"}))
	var entries []string
	for i := range 10000 {
		entries = append(entries, fmt.Sprintf("[user%d]", i))
	}
	bodies := splitList("Members:", entries)
	assert.Len(t, bodies, 4)
	var got []string
	for i, body := range bodies {
		assert.LessOrEqual(t, len(body), maxNotice)
		if i < len(bodies)-1 {
			assert.Greater(t, len(body), maxNotice-len("\n[user9999]"))
		}
		lines := splitLines(body)
		assert.Equal(t, "Members:", lines[0])
		got = append(got, lines[1:]...)
	}
	assert.Equal(t, entries, got)
}

func splitLines(s string) []string {
	var lines []string
	start := 0
	for i := range len(s) {
		if s[i] == '\n' {
			lines = append(lines, s[start:i])
			start = i + 1
		}
	}
	return append(lines, s[start:])
}
