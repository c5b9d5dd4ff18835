package command

import "kamailio-imc/engine/room"

func init() {
	register(&Command{
		Names: []string{"accept"},
		Code:  -60,
		Args:  "[<room_name>]",
		Help:  "accept - accept invitation to join a conference room",
		May:   Invited,
		decide: func(_ *Order, d *Decision, r *room.Room, by *room.Entry) {
			d.enter(r, by.Address(), by.Role&^room.RoleInvited)
		},
	})
}
