package engine_test

import (
	"slices"

	"kamailio-imc/engine/command"
)

// stockHelp is what the stock module answers to #help, without the start
// characters.
var stockHelp = []string{
	"create <room_name> - create new conference room",
	"join [<room_name>] - join the conference room",
	"invite <user_name> [<room_name>] - invite a user to join a conference room",
	"add <user_name> [<room_name>] - add a user to a conference room",
	"modify <user_name> <role> [<room_name>] - modify user role in a conference room",
	"accept - accept invitation to join a conference room",
	"reject - reject invitation to join a conference room",
	"remove <user_name> [<room_name>] - remove a user from the conference room",
	"members - list members is a conference room",
	"rooms - list existing conference rooms",
	"leave [<room_name>] - leave from a conference room",
	"destroy [<room_name>] - destroy conference room",
}

// help is the answer to #help: that of the stock module, and then the commands
// that it does not have.
func help(start string) string {
	var others []string
	for _, c := range command.All() {
		if c.Help != "" && !slices.Contains(stockHelp, c.Help) {
			others = append(others, c.Help)
		}
	}
	slices.Sort(others)
	text := "\r\n"
	for _, line := range slices.Concat(stockHelp, others) {
		text += start + line + "\r\n"
	}
	return text
}
