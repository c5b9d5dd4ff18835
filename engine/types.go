package engine

import (
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
)

// Return codes of imc_manager(), as scripts test them in $rc. They are those
// of the stock module. Those of refused commands stand with the commands, in
// package command.
const (
	CodeOK        = 1
	CodeMalformed = -1
	CodeText      = -200
)

// Message is one SIP MESSAGE body to be sent to one or more recipients.
type Message struct {
	Room        sip.Key    // whose queue it belongs to; "" for none
	From        string     // URI: the room's, or the Request-URI as it came
	To          [][]string // URIs in parts, each Request-URI and To of its own MESSAGE; shared, never changed
	ContentType string     // never empty
	Body        []byte
	InReplyTo   string // Call-ID of the request that caused it, "" for none
	Headers     string // further header fields, each with its CRLF
	Socket      string // to send from: where the request that caused it was received
	Typing      bool   // it says that somebody is typing: clients may refuse it
	// Inviter is set on an invitation: the URI to be told when the invitation
	// fails (final response >= 300, see Conference.InvitationFailed).
	Inviter string
}

// Recipients counts the URIs in To.
func (m *Message) Recipients() int {
	n := 0
	for _, part := range m.To {
		n += len(part)
	}
	return n
}

// Outcome is what came of a request: the code for the script, the MESSAGEs to
// send, in order, and the lines to log.
type Outcome struct {
	Code     int
	Messages []Message
	Notes    []log.Note
	// Later says that the command is refused for now only: its room is busy or
	// its database does not answer.
	Later bool
}
