package command

import (
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// Decision is what a command comes to in one state of its room.
type Decision struct {
	Change  room.Change
	Drafts  []Draft
	Refusal *Refusal // nil: it is not refused
	Log     string   // what happened, "" for nothing worth a line
}

// Audience says who gets a draft.
type Audience uint8

// The audiences of a draft.
const (
	ToOne    Audience = iota // Draft.To
	ToBefore                 // all members before the change
	ToAfter                  // all members after the change
)

// Draft is a notice, before it is known who is in the room.
type Draft struct {
	Audience Audience
	To       string // URI, of ToOne
	From     string // URI
	Body     string
	// Inviter is set on an invitation: the URI to be told if it fails.
	Inviter string
}

// Decide says what the command comes to when its room is as r, nil if there is
// none. It reads r and changes nothing.
func (o *Order) Decide(r *room.Room) Decision {
	d := Decision{Change: room.Change{Room: o.Room}}
	switch {
	case r != nil:
		d.Change.Room = r.Address()
		if by, may := o.admit(&d, r); may {
			o.decide(o, &d, r, by)
		}
	case o.absent != nil:
		o.absent(o, &d)
	default:
		d.Refusal = o.Refuse("Room not found")
	}
	return d
}

// admit returns the sender as far as they are in the room, and whether they
// may give the command. If not, it decides what they are told.
func (o *Order) admit(d *Decision, r *room.Room) (by *room.Entry, may bool) {
	by = r.Find(o.From.Key())
	invited := by != nil && by.Role&room.RoleInvited != 0
	switch {
	case o.May == Anyone, o.May == Invited && invited:
		return by, true
	case o.May == Invited:
		d.Refusal = o.Refuse("You are not invited to the room")
	case by == nil || invited:
		d.Refusal = o.Refuse("You are not a member of the room")
	case o.May == Members, o.May == Managers && by.MayManage(), by.Role&room.RoleOwner != 0:
		return by, true
	case o.DeniedLog != "":
		d.Log = by.URI + " " + o.DeniedLog
		d.say(ToOne, by.URI, r.URI(), Prefix+o.Denied)
	default:
		d.Refusal = o.Refuse("%s", o.Denied)
	}
	return by, false
}

// say adds a notice.
func (d *Decision) say(who Audience, to, from, body string) {
	d.Drafts = append(d.Drafts, Draft{Audience: who, To: to, From: from, Body: body})
}

// answer tells the sender something, from the Request-URI as it came.
func (d *Decision) answer(o *Order, body string) {
	d.say(ToOne, o.Request.From, o.Request.RequestURI, body)
}

// enter makes a a member and tells all.
func (d *Decision) enter(r *room.Room, a sip.Address, role room.Role) {
	d.Change.Put = []room.Member{{Address: a, Role: role}}
	d.Log = a.URI() + " joined"
	d.say(ToAfter, "", r.URI(), Prefix+"["+a.User+"] has joined the room")
}

// leave ends the membership of m, or the invitation. All who are who hear it.
func (d *Decision) leave(r *room.Room, m *room.Entry, who Audience) {
	d.Change.Delete = []sip.Address{m.Address()}
	d.say(who, "", r.URI(), Prefix+"["+m.User()+"] has left the room")
}

// mayEnter refuses a user who is in the room or invited to it, and one who
// cannot be stored.
func (o *Order) mayEnter(d *Decision, r *room.Room) bool {
	switch m := r.Find(o.user.Key()); {
	case m == nil:
		d.Refusal = o.checkNew(o.user)
	case m.Role&room.RoleInvited != 0:
		d.Refusal = o.Refuse("[%s] has been invited already", m.User())
	default:
		d.Refusal = o.Refuse("[%s] is in the room already", m.User())
	}
	return d.Refusal == nil
}

// checkNew refuses an address that cannot become a member.
func (o *Order) checkNew(a sip.Address) *Refusal {
	switch {
	case !a.Complete():
		return o.Refuse("Your address has no user or no host and cannot be in a room")
	case !room.Storable(a):
		return o.Refuse("The address of [%s] cannot be used: a part of it is longer than %d bytes or not UTF-8", shown(a.User), room.MaxName)
	}
	return nil
}
