package engine

import (
	"kamailio-imc/engine/command"
	"kamailio-imc/engine/sip"
)

// TextNotDelivered tells the sender of r that the text goes to nobody, because
// too many MESSAGEs wait to be sent.
func TextNotDelivered(r *sip.Request) Message {
	return reply(r, command.Prefix+"The server is busy, your message was not delivered")
}

// InvitationNotSent tells inviter, for the same reason, that an invitation to
// the room is not sent. All are URIs; callID and socket are those of the
// #invite.
func InvitationNotSent(room, inviter, callID, socket string) Message {
	r := sip.Request{From: inviter, RequestURI: room, CallID: callID, Socket: socket}
	return reply(&r, command.Prefix+"The server is busy, the invitation was not sent")
}
