package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/sip"
)

var commandTests = []struct {
	line string
	kind commandKind
	name string // empty: cannot be parsed
	args []string
}{
	{"", cmdUnknown, "", nil},
	{"#", cmdUnknown, "", nil},
	{"# create", cmdUnknown, "", nil},
	{"#\r\n", cmdUnknown, "", nil},
	{"#\x00create", cmdUnknown, "", nil},
	{"#create", cmdCreate, "create", nil},
	{"#CrEaTe\tRoom \t private\r\nmore", cmdCreate, "CrEaTe", []string{"Room", "private"}},
	{"#join a\x00b", cmdJoin, "join", []string{"a"}},
	{"#invite a b c d e f g", cmdInvite, "invite", []string{"a", "b", "c", "d", "e"}},
	{"#add a", cmdAdd, "add", []string{"a"}},
	{"#accept", cmdAccept, "accept", nil},
	{"#reject", cmdReject, "reject", nil},
	{"#deny ", cmdReject, "deny", nil},
	{"#remove\ta", cmdRemove, "remove", []string{"a"}},
	{"#leave", cmdLeave, "leave", nil},
	{"#exit", cmdLeave, "exit", nil},
	{"#members\n#destroy", cmdMembers, "members", nil},
	{"#list", cmdMembers, "list", nil},
	{"#rooms", cmdRooms, "rooms", nil},
	{"#destroy", cmdDestroy, "destroy", nil},
	{"#modify a owner", cmdModify, "modify", []string{"a", "owner"}},
	{"#help me", cmdHelp, "help", nil},
	{"#helpme", cmdUnknown, "helpme", nil},
	{"#creat\xc3\x89 x", cmdUnknown, "creat\xc3\x89", nil},
}

func TestParseCommand(t *testing.T) {
	for _, test := range commandTests {
		cmd, ok := parseCommand([]byte(test.line))
		require.Equal(t, test.name != "", ok, test.line)
		if !ok {
			continue
		}
		assert.Equal(t, test.kind, cmd.kind, test.line)
		assert.Equal(t, test.name, cmd.name, test.line)
		assert.Equal(t, test.args, cmd.args, test.line)
	}
}

func TestLongestName(t *testing.T) {
	for name := range commandNames {
		assert.LessOrEqual(t, len(name), longestName)
		assert.Equal(t, sip.Lower(name), name)
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, test := range commandTests {
		f.Add([]byte(test.line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		cmd, ok := parseCommand(line)
		if !ok {
			return
		}
		if len(cmd.args) > maxArgs {
			t.Fatalf("%d arguments", len(cmd.args))
		}
		for _, part := range append(cmd.args, cmd.name) {
			if part == "" || strings.ContainsAny(part, " \t\r\n\x00") || len(part) > len(line) {
				t.Fatalf("%q in %q", part, line)
			}
		}
	})
}
