package command

import "kamailio-imc/engine/room"

func init() {
	register(&Command{
		Names:  []string{"destroy"},
		Code:   -110,
		Args:   "[<room_name>]",
		Help:   "destroy [<room_name>] - destroy conference room",
		May:    Owners,
		Denied: "Only an owner of the room can destroy it",
		decide: func(_ *Order, d *Decision, r *room.Room, by *room.Entry) {
			d.Change.Destroy = true
			d.Log = "destroyed by " + by.URI
			d.say(ToBefore, "", r.URI(), Prefix+"Room has been destroyed")
		},
	})
}
