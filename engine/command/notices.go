package command

import "strings"

// Prefix begins every notice.
const Prefix = "*** "

// maxNotice is the length in bytes that the stock module's buffer bounds a
// notice to.
const maxNotice = 32767

// splitList puts entries under a heading, one a line, without a newline at
// the end, into as few bodies of at most maxNotice bytes as it takes.
func splitList(heading string, entries []string) []string {
	var bodies []string
	var b strings.Builder
	b.WriteString(heading)
	for _, e := range entries {
		if b.Len() > len(heading) && b.Len()+1+len(e) > maxNotice {
			bodies = append(bodies, b.String())
			b.Reset()
			b.WriteString(heading)
		}
		b.WriteByte('\n')
		b.WriteString(e)
	}
	return append(bodies, b.String())
}
