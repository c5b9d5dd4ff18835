package command

import (
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

func init() {
	register(&Command{
		Names: []string{"reject", "deny"},
		Code:  -70,
		Args:  "[<room_name>]",
		Help:  "reject - reject invitation to join a conference room",
		May:   Invited,
		decide: func(_ *Order, d *Decision, _ *room.Room, by *room.Entry) {
			d.Change.Delete = []sip.Address{by.Address()}
			d.Log = by.URI + " rejected the invitation"
		},
	})
}
