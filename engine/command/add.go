package command

import "kamailio-imc/engine/room"

func init() {
	register(&Command{
		Names:     []string{"add"},
		Code:      CodeInvite,
		Args:      "<user_name> [<room_name>]",
		Help:      "add <user_name> [<room_name>] - add a user to a conference room",
		May:       Managers,
		Denied:    "You don't have the permission to add members to this room",
		DeniedLog: "may not add members",
		decide: func(o *Order, d *Decision, r *room.Room, _ *room.Entry) {
			if o.mayEnter(d, r) {
				d.enter(r, o.user, room.RoleMember)
			}
		},
	})
}
