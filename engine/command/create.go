package command

import (
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

func init() {
	register(&Command{
		Names:  []string{"create"},
		Code:   -30,
		Args:   "[<room_name>] [private]",
		Help:   "create <room_name> - create new conference room",
		May:    Anyone,
		check:  checkCreate,
		decide: decideCreate,
		absent: createRoom,
	})
}

const argPrivate = 1 // its position

// checkCreate accepts "#create private" too.
func checkCreate(o *Order) *Refusal {
	if o.arg(argPrivate) == "" && sip.EqualFold(o.arg(0), "private") {
		o.args = []string{"", o.arg(0)}
	}
	if option := o.arg(argPrivate); option != "" && !sip.EqualFold(option, "private") {
		return o.Refuse("Option '%s' is unknown: the only one is private", shown(option))
	}
	return nil
}

// decideCreate decides #create of a room that exists: whoever may, joins it.
func decideCreate(o *Order, d *Decision, r *room.Room, by *room.Entry) {
	switch {
	case o.rules.CheckOnCreate:
		d.answer(o, Prefix+"Room already exists")
	case r.Private():
		d.answer(o, Prefix+"A private room with the same name already exists")
	case by != nil && by.Role&room.RoleInvited == 0:
		d.answer(o, Prefix+"Room already exists and you are a member")
	default:
		decideJoin(o, d, r, by)
	}
}

// createRoom creates the room. Its sender is the owner.
func createRoom(o *Order, d *Decision) {
	if d.Refusal = o.checkNew(o.From); d.Refusal != nil {
		return
	}
	if !room.StorableRoom(o.Room) {
		d.Refusal = o.Refuse("The room's name cannot be used: it is longer than %d bytes or not UTF-8", room.MaxURI)
		return
	}
	d.Change.Create = true
	d.Change.Private = o.arg(argPrivate) != ""
	d.Change.Put = []room.Member{{Address: o.From, Role: room.RoleOwner}}
	d.Log = "created by " + o.From.URI()
	d.say(ToOne, o.From.URI(), o.Room.URI(), Prefix+"Room was created")
}
