package engine

import (
	"bytes"

	"kamailio-imc/engine/sip"
)

// maxArgs is how many arguments of a command are read, as in the stock module.
const maxArgs = 5

// commandKind is what a command does; aliases share one.
type commandKind uint8

const (
	cmdUnknown commandKind = iota
	cmdCreate
	cmdJoin
	cmdInvite
	cmdAdd
	cmdAccept
	cmdReject
	cmdRemove
	cmdLeave
	cmdMembers
	cmdRooms
	cmdDestroy
	cmdModify
	cmdHelp
	cmdWithdraw // no command of a user: an invitation failed
)

// changes reports whether the command may change a room.
func (k commandKind) changes() bool {
	switch k {
	case cmdUnknown, cmdHelp, cmdMembers, cmdRooms:
		return false
	default:
		return true
	}
}

// commandNames are the names of the commands, in lower case, and why they are
// refused.
var commandNames = map[string]struct {
	kind   commandKind
	reason error
}{
	"create":  {cmdCreate, ErrCreate},
	"join":    {cmdJoin, ErrJoin},
	"invite":  {cmdInvite, ErrInvite},
	"add":     {cmdAdd, ErrInvite},
	"accept":  {cmdAccept, ErrAccept},
	"reject":  {cmdReject, ErrReject},
	"deny":    {cmdReject, ErrReject},
	"remove":  {cmdRemove, ErrRemove},
	"leave":   {cmdLeave, ErrLeave},
	"exit":    {cmdLeave, ErrLeave},
	"members": {cmdMembers, ErrList},
	"list":    {cmdMembers, ErrList},
	"rooms":   {cmdRooms, ErrList},
	"destroy": {cmdDestroy, ErrDestroy},
	"modify":  {cmdModify, ErrModify},
	"help":    {cmdHelp, ErrModify},
}

const longestName = len("members")

// commandText is a command as it was written.
type commandText struct {
	kind   commandKind
	name   string // as written, without the start byte
	reason error  // wrapped by a refusal
	args   []string
}

// parseCommand reads the first line of a command whose first byte is the
// start byte. ok is false if there is no name.
func parseCommand(line []byte) (cmd commandText, ok bool) {
	if len(line) == 0 {
		return commandText{}, false
	}
	line = line[1:]
	if i := bytes.IndexAny(line, "\r\n\x00"); i >= 0 {
		line = line[:i]
	}
	end := bytes.IndexAny(line, " \t")
	if end < 0 {
		end = len(line)
	}
	if end == 0 {
		return commandText{}, false
	}
	cmd = commandText{name: string(line[:end]), reason: ErrUnknown}
	if end <= longestName {
		if known, ok := commandNames[sip.Lower(cmd.name)]; ok {
			cmd.kind, cmd.reason = known.kind, known.reason
		}
	}
	if cmd.kind == cmdUnknown || cmd.kind == cmdHelp {
		return cmd, true
	}
	for rest := line[end:]; len(cmd.args) < maxArgs; {
		rest = bytes.TrimLeft(rest, " \t")
		if len(rest) == 0 {
			break
		}
		end := bytes.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		cmd.args = append(cmd.args, string(rest[:end]))
		rest = rest[end:]
	}
	return cmd, true
}

// arg returns the i-th argument, "" if there are fewer.
func (c *commandText) arg(i int) string {
	if i < len(c.args) {
		return c.args[i]
	}
	return ""
}
