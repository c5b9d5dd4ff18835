package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

var commandTests = []struct {
	line string
	kind string // its first name; empty: not known
	name string // empty: cannot be parsed
	args []string
}{
	{"", "", "", nil},
	{"#", "", "", nil},
	{"# create", "", "", nil},
	{"#\r\n", "", "", nil},
	{"#\x00create", "", "", nil},
	{"#create", "create", "create", nil},
	{"#CrEaTe\tRoom \t private\r\nmore", "create", "CrEaTe", []string{"Room", "private"}},
	{"#join a\x00b", "join", "join", []string{"a"}},
	{"#invite a b c d e f g", "invite", "invite", []string{"a", "b", "c", "d", "e"}},
	{"#add a", "add", "add", []string{"a"}},
	{"#accept", "accept", "accept", nil},
	{"#reject", "reject", "reject", nil},
	{"#deny ", "reject", "deny", nil},
	{"#remove\ta", "remove", "remove", []string{"a"}},
	{"#leave", "leave", "leave", nil},
	{"#exit", "leave", "exit", nil},
	{"#members\n#destroy", "members", "members", nil},
	{"#list", "members", "list", nil},
	{"#rooms", "rooms", "rooms", nil},
	{"#destroy", "destroy", "destroy", nil},
	{"#modify a owner", "modify", "modify", []string{"a", "owner"}},
	{"#help me", "help", "help", nil},
	{"#helpme", "", "helpme", nil},
	{"#creat\xc3\x89 x", "", "creat\xc3\x89", nil},
}

func TestParse(t *testing.T) {
	for _, test := range commandTests {
		p := parse([]byte(test.line))
		switch {
		case test.name == "":
			assert.Same(t, nameless, p.Command, test.line)
			continue
		case test.kind == "":
			assert.Same(t, unknown, p.Command, test.line)
		default:
			assert.Equal(t, test.kind, p.Names[0], test.line)
		}
		assert.Equal(t, test.name, p.name, test.line)
		assert.Equal(t, test.args, p.args, test.line)
	}
}

func FuzzParse(f *testing.F) {
	for _, test := range commandTests {
		f.Add([]byte(test.line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		p := parse(line)
		if p.Command == nameless {
			return
		}
		if len(p.args) > maxArgs {
			t.Fatalf("%d arguments", len(p.args))
		}
		for _, part := range append(p.args, p.name) {
			if part == "" || strings.ContainsAny(part, " \t\r\n\x00") || len(part) > len(line) {
				t.Fatalf("%q in %q", part, line)
			}
		}
	})
}
