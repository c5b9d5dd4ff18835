package command

import (
	"fmt"

	"kamailio-imc/engine/room"
)

// CodeInvite is the return code of an invitation that is refused, also if it
// cannot be sent.
const CodeInvite = -50

func init() {
	register(&Command{
		Names:  []string{"invite"},
		Code:   CodeInvite,
		Args:   "<user_name> [<room_name>]",
		Help:   "invite <user_name> [<room_name>] - invite a user to join a conference room",
		May:    Managers,
		Denied: "You don't have the permission to invite users to this room",
		decide: decideInvite,
	})
}

func decideInvite(o *Order, d *Decision, r *room.Room, by *room.Entry) {
	if !o.mayEnter(d, r) {
		return
	}
	d.Change.Put = []room.Member{{Address: o.user, Role: room.RoleInvited}}
	d.Log = o.user.URI() + " invited by " + by.URI
	d.Drafts = append(d.Drafts, Draft{
		Audience: ToOne, To: o.user.URI(), From: r.URI(), Inviter: by.URI,
		Body: fmt.Sprintf(Prefix+"[%s] invites you to join the room (send '%saccept' or '%sreject')",
			o.From.User, o.rules.Start, o.rules.Start),
	})
}
