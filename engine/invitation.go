package engine

import (
	"context"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// InvitationFailed withdraws an invitation whose MESSAGE did not arrive (final
// response >= 300) and tells who invited. Nothing happens if the invitation
// was answered or withdrawn meanwhile. room, invitee and inviter are URIs,
// callID and socket are those of the #invite. The code of the outcome is CodeOK, or
// CodeInvite if the withdrawal could not be stored; if it is to be tried again,
// Later is set.
func (c *Conference) InvitationFailed(ctx context.Context, room, invitee, inviter, callID, socket string) Outcome {
	cmd := &command{
		commandText: commandText{kind: cmdWithdraw, name: "invite", reason: ErrInvite},
		settings:    &c.settings, start: c.start,
		req: &sip.Request{From: inviter, RequestURI: room, CallID: callID, Socket: socket},
	}
	var errs [3]error
	cmd.room, errs[0] = sip.ParseURI(room)
	cmd.user, errs[1] = sip.ParseURI(invitee)
	cmd.from, errs[2] = sip.ParseURI(inviter)
	cmd.to = cmd.room
	for _, err := range errs {
		if err != nil {
			return Outcome{Code: CodeInvite, Notes: []log.Note{
				log.Notef(log.Warning, "failed invitation of %q to room %q by %q: %v", invitee, room, inviter, err),
			}}
		}
	}
	return c.execute(ctx, cmd)
}

// decideWithdraw decides what becomes of an invitation that did not arrive.
func (c *command) decideWithdraw(d *decision, r *room.Room) {
	m := r.Find(c.user.Key())
	if m == nil || m.Role&room.RoleInvited == 0 {
		return
	}
	d.change.Delete = []sip.Address{m.Address()}
	d.log = "invitation of " + m.URI + " failed and is withdrawn"
	d.say(toOne, c.req.From, r.URI(), noticeUnreachable(m.User()))
}
