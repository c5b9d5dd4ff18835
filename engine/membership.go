package engine

import (
	"fmt"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// decideCreate decides #create of a room that exists.
func (c *command) decideCreate(d *decision, r *room.Room) {
	switch {
	case c.settings.CheckOnCreate:
		d.say(toOne, c.req.From, c.req.RequestURI, noticeExists)
	case r.Private():
		d.say(toOne, c.req.From, c.req.RequestURI, noticeExistsPrivate)
	case r.FindMember(c.from.Key()) != nil:
		d.say(toOne, c.req.From, c.req.RequestURI, noticeExistsMember)
	default:
		c.decideJoin(d, r)
	}
}

func (c *command) decideJoin(d *decision, r *room.Room) {
	m := r.Find(c.from.Key())
	switch {
	case m != nil && m.Role&room.RoleInvited != 0:
		// Who was invited and joins accepts the invitation.
		d.enter(r, m.Address(), m.Role&^room.RoleInvited)
	case m != nil:
		d.say(toOne, m.URI, r.URI(), noticeInAlready)
	default:
		if d.err = c.checkNew(c.from); d.err != nil {
			return
		}
		if !r.Private() {
			d.enter(r, c.from, room.RoleMember)
			return
		}
		d.log = c.from.URI() + " attempted to join"
		d.say(toOne, c.req.From, r.URI(), noticePrivate)
		d.say(toBefore, "", r.URI(), noticeAttempted(c.from.User))
	}
}

// enter makes a a member and tells all.
func (d *decision) enter(r *room.Room, a sip.Address, role room.Role) {
	d.change.Put = []room.Member{{Address: a, Role: role}}
	d.log = a.URI() + " joined"
	d.say(toAfter, "", r.URI(), noticeJoined(a.User))
}

// manager returns the sender as a member who may manage the others. allowed
// is false if it is a member without that right.
func (c *command) manager(d *decision, r *room.Room) (m *room.Entry, allowed bool) {
	m = r.FindMember(c.from.Key())
	if m == nil {
		d.err = c.refuse("You are not a member of the room")
		return nil, false
	}
	return m, m.MayManage()
}

func (c *command) decideInvite(d *decision, r *room.Room) {
	m, allowed := c.manager(d, r)
	switch {
	case d.err != nil:
		return
	case !allowed:
		d.err = c.refuse("You don't have the permission to invite users to this room")
		return
	}
	if !c.mayEnter(d, r) {
		return
	}
	d.change.Put = []room.Member{{Address: c.user, Role: room.RoleInvited}}
	d.log = c.user.URI() + " invited by " + m.URI
	d.drafts = append(d.drafts, draft{
		audience: toOne, to: c.user.URI(), from: r.URI(), inviter: m.URI,
		body: fmt.Sprintf(noticeInvitation, c.from.User, c.start, c.start),
	})
}

func (c *command) decideAdd(d *decision, r *room.Room) {
	m, allowed := c.manager(d, r)
	switch {
	case d.err != nil:
		return
	case !allowed:
		d.log = m.URI + " may not add members"
		d.say(toOne, m.URI, r.URI(), noticeMayNotAdd)
		return
	}
	if c.mayEnter(d, r) {
		d.enter(r, c.user, room.RoleMember)
	}
}

// mayEnter refuses a user who is in the room or invited to it, and one who
// cannot be stored.
func (c *command) mayEnter(d *decision, r *room.Room) bool {
	switch m := r.Find(c.user.Key()); {
	case m == nil:
		d.err = c.checkNew(c.user)
	case m.Role&room.RoleInvited != 0:
		d.err = c.refuse("[%s] has been invited already", m.User())
	default:
		d.err = c.refuse("[%s] is in the room already", m.User())
	}
	return d.err == nil
}

func (c *command) decideAccept(d *decision, r *room.Room) {
	if m := c.invitee(d, r); m != nil {
		d.enter(r, m.Address(), m.Role&^room.RoleInvited)
	}
}

func (c *command) decideReject(d *decision, r *room.Room) {
	if m := c.invitee(d, r); m != nil {
		d.change.Delete = []sip.Address{m.Address()}
		d.log = m.URI + " rejected the invitation"
	}
}

// invitee returns the sender as one who is invited.
func (c *command) invitee(d *decision, r *room.Room) *room.Entry {
	m := r.Find(c.from.Key())
	if m == nil || m.Role&room.RoleInvited == 0 {
		d.err = c.refuse("You are not invited to the room")
		return nil
	}
	return m
}

func (c *command) decideRemove(d *decision, r *room.Room) {
	by, allowed := c.manager(d, r)
	switch {
	case d.err != nil:
		return
	case !allowed:
		d.err = c.refuse("You don't have the permission to remove members from this room")
		return
	}
	m := r.Find(c.user.Key())
	switch {
	case m == nil:
		d.err = c.refuse("[%s] is not a member of the room", clip(c.user.User))
	case m.Role&room.RoleOwner != 0:
		d.err = c.refuse("[%s] is the room's owner and cannot be removed", m.User())
	default:
		d.change.Delete = []sip.Address{m.Address()}
		d.log = m.URI + " removed by " + by.URI
		d.say(toOne, m.URI, r.URI(), noticeRemoved)
		d.say(toAfter, "", r.URI(), noticeLeft(m.User()))
	}
}

func (c *command) decideLeave(d *decision, r *room.Room) {
	m := r.FindMember(c.from.Key())
	switch {
	case m == nil:
		d.err = c.refuse("You are not a member of the room")
	case m.Role&room.RoleOwner != 0:
		d.say(toOne, m.URI, r.URI(), fmt.Sprintf(noticeOwnerStays, c.start))
	default:
		d.change.Delete = []sip.Address{m.Address()}
		d.log = m.URI + " left"
		d.say(toBefore, "", r.URI(), noticeLeft(m.User()))
	}
}

func (c *command) decideMembers(d *decision, r *room.Room) {
	sender := r.FindMember(c.from.Key())
	if sender == nil {
		d.err = c.refuse("You are not a member of the room")
		return
	}
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
	for _, body := range splitList(headingMembers, names) {
		d.say(toOne, sender.URI, r.URI(), body)
	}
}

func (c *command) decideDestroy(d *decision, r *room.Room) {
	m := r.FindMember(c.from.Key())
	switch {
	case m == nil:
		d.err = c.refuse("You are not a member of the room")
	case m.Role&room.RoleOwner == 0:
		d.err = c.refuse("Only an owner of the room can destroy it")
	default:
		d.change.Destroy = true
		d.log = "destroyed by " + m.URI
		d.say(toBefore, "", r.URI(), noticeDestroyed)
	}
}

// decideModify decides #modify. A room may have several owners; only one of
// them gives and takes that role, and the last one keeps it.
func (c *command) decideModify(d *decision, r *room.Room) {
	by, allowed := c.manager(d, r)
	switch {
	case d.err != nil:
		return
	case !allowed:
		d.log = by.URI + " may not modify members"
		d.say(toOne, by.URI, r.URI(), noticeMayNotModify)
		return
	}
	m := r.FindMember(c.user.Key())
	if m == nil {
		d.err = c.refuse("[%s] is not a member of the room", clip(c.user.User))
		return
	}
	aboutOwner := (m.Role|c.role)&room.RoleOwner != 0
	switch {
	case aboutOwner && by.Role&room.RoleOwner == 0:
		d.err = c.refuse("Only an owner of the room can give or take the role of an owner")
	case m.Role&room.RoleOwner != 0 && c.role&room.RoleOwner == 0 && r.Owners() == 1:
		d.err = c.refuse("[%s] is the only owner of the room: make another member owner first", m.User())
	default:
		if m.Role != c.role {
			d.change.Put = []room.Member{{Address: m.Address(), Role: c.role}}
		}
		d.log = fmt.Sprintf("%s made %s by %s", m.URI, roleName(c.role), by.URI)
		d.say(toAfter, "", r.URI(), fmt.Sprintf(noticeRole, m.URI, c.arg(1)))
	}
}

func roleName(r room.Role) string {
	switch {
	case r&room.RoleOwner != 0:
		return "owner"
	case r&room.RoleAdmin != 0:
		return "admin"
	}
	return "member"
}
