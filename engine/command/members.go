package command

import (
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

func init() {
	register(&Command{
		Names:    []string{"members", "list"},
		Code:     -100,
		Args:     "[<room_name>]",
		Help:     "members - list members is a conference room",
		May:      Members,
		ReadOnly: true,
		decide:   decideMembers,
	})
}

func decideMembers(_ *Order, d *Decision, r *room.Room, by *room.Entry) {
	names := make([]string, 0, r.Size())
	r.Each(func(uri string, role room.Role) {
		name := "[" + sip.UserOf(uri) + "]"
		switch {
		case role&room.RoleInvited != 0:
		case role&room.RoleOwner != 0:
			names = append(names, "*"+name)
		case role&room.RoleAdmin != 0:
			names = append(names, "~"+name)
		default:
			names = append(names, name)
		}
	})
	for _, body := range splitList("Members:", names) {
		d.say(ToOne, by.URI, r.URI(), body)
	}
}
