package engine

import (
	"context"

	"kamailio-imc/engine/command"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
)

// InvitationFailed withdraws an invitation whose MESSAGE did not arrive (final
// response >= 300) and tells who invited. Nothing happens if the invitation
// was answered or withdrawn meanwhile. room, invitee and inviter are URIs,
// callID and socket are those of the #invite. The code of the outcome is CodeOK, or
// command.CodeInvite if the withdrawal could not be stored; if it is to be tried again,
// Later is set.
func (c *Conference) InvitationFailed(ctx context.Context, room, invitee, inviter, callID, socket string) Outcome {
	var addresses [3]sip.Address
	for i, uri := range [...]string{room, invitee, inviter} {
		var err error
		if addresses[i], err = sip.ParseURI(uri); err != nil {
			return Outcome{Code: command.CodeInvite, Notes: []log.Note{
				log.Notef(log.Warning, "failed invitation of %q to room %q by %q: %v", invitee, room, inviter, err),
			}}
		}
	}
	r := &sip.Request{From: inviter, RequestURI: room, CallID: callID, Socket: socket}
	return c.execute(ctx, command.Withdrawal(&c.rules, r, addresses[2], addresses[0], addresses[1]))
}
