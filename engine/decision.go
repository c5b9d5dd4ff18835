package engine

import (
	"fmt"
	"strings"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// command is a command with its arguments understood.
type command struct {
	commandText
	settings *Settings
	start    string // the start character
	req      *sip.Request
	from     sip.Address // its sender
	to       sip.Address // the Request-URI
	room     sip.Address // the room it is about
	user     sip.Address // the user it is about, where there is one
	private  bool        // create
	role     room.Role   // modify
}

// decision is what a command comes to in one state of its room. It is made
// without changing anything, so it can be made again on another state.
type decision struct {
	change room.Change
	drafts []draft
	err    *refusal
	log    string // what happened, "" for nothing worth a line
}

// audience says who gets a draft.
type audience uint8

const (
	toOne    audience = iota // draft.to
	toBefore                 // all members before the change
	toAfter                  // all members after the change
)

// draft is a notice, before it is known who is in the room.
type draft struct {
	audience audience
	to       string
	from     string // URI
	body     string
	inviter  string // see Message.Inviter
}

// understand reads the arguments of a command about a room.
func (c *command) understand() *refusal {
	switch c.kind {
	case cmdCreate:
		return c.understandCreate()
	case cmdInvite, cmdAdd, cmdRemove:
		if c.arg(0) == "" {
			return c.refuse("Usage: %s%s <user_name> [<room_name>]", c.start, strings.ToLower(c.name))
		}
		return c.resolveBoth(c.arg(0), c.arg(1))
	case cmdModify:
		switch {
		case c.arg(1) == "":
			return c.refuse("Usage: %smodify <user_name> <role> [<room_name>]", c.start)
		case sip.EqualFold(c.arg(1), "owner"):
			c.role = room.RoleOwner
		case sip.EqualFold(c.arg(1), "admin"):
			c.role = room.RoleAdmin
		case sip.EqualFold(c.arg(1), "member"):
			c.role = room.RoleMember
		default:
			return c.refuse("Role '%s' is unknown: use owner, admin or member", clip(c.arg(1)))
		}
		return c.resolveBoth(c.arg(0), c.arg(2))
	}
	return c.resolveRoom(c.arg(0))
}

func (c *command) understandCreate() *refusal {
	room, option := c.arg(0), c.arg(1)
	if option == "" && sip.EqualFold(room, "private") {
		room, option = "", room
	}
	switch {
	case option == "":
	case sip.EqualFold(option, "private"):
		c.private = true
	default:
		return c.refuse("Option '%s' is unknown: the only one is private", clip(option))
	}
	return c.resolveRoom(room)
}

func (c *command) resolveBoth(user, room string) *refusal {
	var err *refusal
	if c.user, err = c.resolve(user); err != nil {
		return err
	}
	return c.resolveRoom(room)
}

// resolveRoom takes the Request-URI for a room that is not named.
func (c *command) resolveRoom(arg string) *refusal {
	if arg == "" {
		if !c.to.Complete() {
			return c.refuse("Name the room: the address you wrote to is none")
		}
		c.room = c.to
		return nil
	}
	var err *refusal
	c.room, err = c.resolve(arg)
	return err
}

// resolve makes an address of an argument: what holds no ':' gets the scheme
// sip, what holds no '@' gets the host of the Request-URI.
func (c *command) resolve(arg string) (sip.Address, *refusal) {
	uri := arg
	if !strings.Contains(arg, ":") {
		uri = sip.Scheme + uri
	}
	if !strings.Contains(arg, "@") {
		uri += "@" + c.to.Host
	}
	a, err := sip.ParseURI(uri)
	if err != nil || !a.Complete() {
		return sip.Address{}, c.refuse("'%s' is not a valid address", clip(arg))
	}
	return a, nil
}

// refuse makes the refusal of this command.
func (c *command) refuse(format string, args ...any) *refusal {
	return &refusal{reason: c.reason, text: fmt.Sprintf(format, args...)}
}

// decide says what the command comes to when the room is as r, nil if there is
// none. It reads r and changes nothing.
func (c *command) decide(r *room.Room) decision {
	d := decision{change: room.Change{Room: c.room}}
	if r == nil {
		c.decideWithout(&d)
		return d
	}
	d.change.Room = r.Address()
	switch c.kind {
	case cmdCreate:
		c.decideCreate(&d, r)
	case cmdJoin:
		c.decideJoin(&d, r)
	case cmdInvite:
		c.decideInvite(&d, r)
	case cmdAdd:
		c.decideAdd(&d, r)
	case cmdAccept:
		c.decideAccept(&d, r)
	case cmdReject:
		c.decideReject(&d, r)
	case cmdRemove:
		c.decideRemove(&d, r)
	case cmdLeave:
		c.decideLeave(&d, r)
	case cmdMembers:
		c.decideMembers(&d, r)
	case cmdDestroy:
		c.decideDestroy(&d, r)
	case cmdModify:
		c.decideModify(&d, r)
	case cmdWithdraw:
		c.decideWithdraw(&d, r)
	}
	return d
}

// decideWithout decides when there is no such room.
func (c *command) decideWithout(d *decision) {
	switch {
	case c.kind == cmdCreate, c.kind == cmdJoin && c.settings.CreateOnJoin:
		if d.err = c.checkNew(c.from); d.err != nil {
			return
		}
		if !room.StorableRoom(c.room) {
			d.err = c.refuse("The room's name cannot be used: it is longer than %d bytes or not UTF-8", room.MaxURI)
			return
		}
		d.change.Create = true
		d.change.Private = c.private
		d.change.Put = []room.Member{{Address: c.from, Role: room.RoleOwner}}
		d.log = "created by " + c.from.URI()
		d.say(toOne, c.from.URI(), c.room.URI(), noticeCreated)
	case c.kind == cmdJoin:
		d.say(toOne, c.req.From, c.req.RequestURI, noticeNotFound)
	case c.kind == cmdWithdraw:
	default:
		d.err = c.refuse("Room not found")
	}
}

// checkNew refuses an address that cannot become a member.
func (c *command) checkNew(a sip.Address) *refusal {
	switch {
	case !a.Complete():
		return c.refuse("Your address has no user or no host and cannot be in a room")
	case !room.Storable(a):
		return c.refuse("The address of [%s] cannot be used: a part of it is longer than %d bytes or not UTF-8", clip(a.User), room.MaxName)
	}
	return nil
}

// say adds a notice.
func (d *decision) say(who audience, to, from, body string) {
	d.drafts = append(d.drafts, draft{audience: who, to: to, from: from, body: body})
}
