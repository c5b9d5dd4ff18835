// Package command is the commands of the users: what each is called, who may
// give it, and what it comes to in one state of its room.
//
// A command is one file, which registers one Command. The parser, #help, the
// refusals and the tables in docs/parameters.md come from what is registered;
// no other file lists the commands. Decisions are pure: they read a room and
// change nothing, so that they can be made again on another state of it.
//
// It knows packages room and sip, log for shortening what is shown, and the
// standard library. It knows nothing of other rooms, of databases, or of
// Kamailio.
package command

import (
	"strings"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// Command is an entry of the table.
type Command struct {
	// Names are in lower case. The first one is the usual one.
	Names []string
	// Code is the return code of imc_manager() if the command is refused.
	Code int
	// Args are the arguments as #help shows them, "<user_name> [<room_name>]".
	// What is in brackets may be left out. UserArg and RoomArg are read for all
	// commands, the others by the command itself.
	Args string
	// Help is its line of #help, without the start character. Those of the
	// stock module's commands are the stock module's. "": it has none.
	Help string
	// May says who may give it.
	May Who
	// Denied is the answer to a member who may not.
	Denied string
	// DeniedLog, if it is set, makes Denied a notice of the room, of which the
	// script hears no refusal, as in the stock module. It is what the log says
	// of the member.
	DeniedLog string
	// ReadOnly says that it never changes the room. In db_mode 2 it is then
	// decided on the room as it was last read, in no transaction.
	ReadOnly bool
	// AllRooms says that it is about no single room: it is answered with a
	// RoomList.
	AllRooms bool

	// check reads the arguments that only this command has, before users and
	// rooms are looked at. nil: there are none.
	check func(o *Order) *Refusal
	// answer answers a command that needs no room. nil: it needs one.
	answer func(o *Order) (string, *Refusal)
	// decide says what the command comes to in the room r. by is its sender, as
	// far as they are in the room or invited to it.
	decide func(o *Order, d *Decision, r *room.Room, by *room.Entry)
	// absent is decide if there is no such room. nil: it is refused.
	absent func(o *Order, d *Decision)

	fields   []string // of Args, without brackets
	required int      // how many of them there have to be
}

// Arguments that are read for all commands.
const (
	UserArg = "<user_name>"
	RoomArg = "<room_name>"
)

// Who says who may give a command.
type Who uint8

// Those who may give a command, each more than who follows.
const (
	Anyone   Who = iota
	Invited      // to the room
	Members      // but not those who are merely invited
	Managers     // owners and admins
	Owners
)

// String returns the words of docs/parameters.md.
func (w Who) String() string {
	return [...]string{"anyone", "who is invited", "members", "owner, admin", "owner"}[w]
}

// The table.
var (
	commands    []*Command
	byName      = map[string]*Command{}
	longestName int
)

// register puts a command into the table. It is called by the init functions
// of the commands' files.
func register(c *Command) {
	for arg := range strings.FieldsSeq(c.Args) {
		if !strings.HasPrefix(arg, "[") {
			c.required++
		}
		c.fields = append(c.fields, strings.Trim(arg, "[]"))
	}
	for _, name := range c.Names {
		if byName[name] != nil {
			panic("two commands are called " + name)
		}
		byName[name] = c
		longestName = max(longestName, len(name))
	}
	commands = append(commands, c)
}

// Changes reports whether the command may change a room.
func (c *Command) Changes() bool { return c.decide != nil && !c.ReadOnly }

// All returns the commands, in no order that means anything. They are not to be
// changed.
func All() []*Command { return commands }

// named returns the command of this name, in any case, nil if there is none.
func named(name []byte) *Command {
	if len(name) > longestName {
		return nil
	}
	return byName[sip.Lower(string(name))]
}

// Code of a line that has no name of a command, and of one whose name is not
// known and too long to be answered.
const (
	CodeUnparsable = -20
	CodeUnknown    = -130
)

// What is no command of the table.
var (
	nameless = &Command{Code: CodeUnparsable, answer: func(o *Order) (string, *Refusal) {
		return "", o.Refuse("No command given (send '%shelp' for help)", o.rules.Start)
	}}
	unknown = &Command{Code: CodeUnknown, answer: func(o *Order) (string, *Refusal) {
		body := Prefix + "Invalid command '" + o.Name + "' (send '" + o.rules.Start + "help' for help)"
		if len(body) > maxNotice {
			return "", o.Refuse("Invalid command (send '%shelp' for help)", o.rules.Start)
		}
		return body, nil
	}}
)
