package command

import (
	"fmt"

	"kamailio-imc/engine/room"
)

func init() {
	register(&Command{
		Names:  []string{"leave", "exit"},
		Code:   -90,
		Args:   "[<room_name>]",
		Help:   "leave [<room_name>] - leave from a conference room",
		May:    Members,
		decide: decideLeave,
	})
}

func decideLeave(o *Order, d *Decision, r *room.Room, by *room.Entry) {
	if by.Role&room.RoleOwner != 0 {
		d.say(ToOne, by.URI, r.URI(), fmt.Sprintf(
			Prefix+"You are the room's owner and cannot leave. Use %sdestroy if you wish to destroy the room.", o.rules.Start))
		return
	}
	d.Log = by.URI + " left"
	d.leave(r, by, ToBefore)
}
