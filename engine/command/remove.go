package command

import "kamailio-imc/engine/room"

func init() {
	register(&Command{
		Names:  []string{"remove"},
		Code:   -80,
		Args:   "<user_name> [<room_name>]",
		Help:   "remove <user_name> [<room_name>] - remove a user from the conference room",
		May:    Managers,
		Denied: "You don't have the permission to remove members from this room",
		decide: decideRemove,
	})
}

func decideRemove(o *Order, d *Decision, r *room.Room, by *room.Entry) {
	m := r.Find(o.user.Key())
	switch {
	case m == nil:
		d.Refusal = o.Refuse("[%s] is not a member of the room", shown(o.user.User))
	case m.Role&room.RoleOwner != 0:
		d.Refusal = o.Refuse("[%s] is the room's owner and cannot be removed", m.User())
	default:
		d.Log = m.URI + " removed by " + by.URI
		d.say(ToOne, m.URI, r.URI(), Prefix+"You have been removed from the room")
		d.leave(r, m, ToAfter)
	}
}
