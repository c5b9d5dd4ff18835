package command

import (
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// withdraw is no command of a user: an invitation did not arrive.
var withdraw = &Command{
	Code: CodeInvite,
	May:  Anyone,
	decide: func(o *Order, d *Decision, r *room.Room, _ *room.Entry) {
		m := r.Find(o.user.Key())
		if m == nil || m.Role&room.RoleInvited == 0 {
			return
		}
		d.Change.Delete = []sip.Address{m.Address()}
		d.Log = "invitation of " + m.URI + " failed and is withdrawn"
		d.say(ToOne, o.Request.From, r.URI(), Prefix+"["+m.User()+"] is not registered")
	},
	absent: func(*Order, *Decision) {},
}

// Withdrawal is the order that withdraws the invitation of invitee to the room
// to, and tells from, who invited. r is what is answered: From and Request-URI
// are inviter and room. Nothing happens if the invitation is there no more.
func Withdrawal(rules *Rules, r *sip.Request, from, to, invitee sip.Address) *Order {
	return &Order{Command: withdraw, Request: r, Name: "invite", From: from, To: to, Room: to, user: invitee, rules: rules}
}
