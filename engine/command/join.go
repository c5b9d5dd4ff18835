package command

import "kamailio-imc/engine/room"

func init() {
	register(&Command{
		Names:  []string{"join"},
		Code:   -40,
		Args:   "[<room_name>]",
		Help:   "join [<room_name>] - join the conference room",
		May:    Anyone,
		decide: decideJoin,
		absent: func(o *Order, d *Decision) {
			if o.rules.CreateOnJoin {
				createRoom(o, d)
			} else {
				d.answer(o, Prefix+"Room not found")
			}
		},
	})
}

func decideJoin(o *Order, d *Decision, r *room.Room, by *room.Entry) {
	switch {
	case by != nil && by.Role&room.RoleInvited != 0:
		// Who was invited and joins accepts the invitation.
		d.enter(r, by.Address(), by.Role&^room.RoleInvited)
	case by != nil:
		d.say(ToOne, by.URI, r.URI(), Prefix+"You are in the room already")
	default:
		if d.Refusal = o.checkNew(o.From); d.Refusal != nil {
			return
		}
		if !r.Private() {
			d.enter(r, o.From, room.RoleMember)
			return
		}
		d.Log = o.From.URI() + " attempted to join"
		d.say(ToOne, o.Request.From, r.URI(), Prefix+"Private rooms are by invitation only. Room owners have been notified.")
		d.say(ToBefore, "", r.URI(), Prefix+"["+o.From.User+"] attempted to join the room")
	}
}
