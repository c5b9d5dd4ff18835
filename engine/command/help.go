package command

import (
	"slices"
	"strings"
	"sync"
)

func init() {
	register(&Command{
		Names: []string{"help"},
		Code:  -120,
		May:   Anyone,
		answer: func(o *Order) (string, *Refusal) {
			var b strings.Builder
			b.WriteString("\r\n")
			for _, line := range helpLines() {
				b.WriteString(o.rules.Start)
				b.WriteString(line)
				b.WriteString("\r\n")
			}
			return b.String(), nil
		},
	})
}

// stockOrder are the commands in the order of the stock module's #help. Those
// that it does not have follow by their names.
var stockOrder = []string{
	"create", "join", "invite", "add", "modify", "accept", "reject", "remove", "members", "rooms", "leave", "destroy",
}

// helpLines are the commands' lines, in order.
var helpLines = sync.OnceValue(func() []string {
	place := func(c *Command) int {
		if i := slices.Index(stockOrder, c.Names[0]); i >= 0 {
			return i
		}
		return len(stockOrder)
	}
	sorted := slices.SortedFunc(slices.Values(commands), func(a, b *Command) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a.Names[0], b.Names[0])
	})
	var lines []string
	for _, c := range sorted {
		if c.Help != "" {
			lines = append(lines, c.Help)
		}
	}
	return lines
})
