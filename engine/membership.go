package engine

import (
	"fmt"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// decideCreate decides #create of a room that exists.
func (c *command) decideCreate(d *decision, r *Room) {
	switch {
	case c.settings.CheckOnCreate:
		d.say(toOne, c.req.From, c.req.RequestURI, noticeExists)
	case r.private:
		d.say(toOne, c.req.From, c.req.RequestURI, noticeExistsPrivate)
	case r.findMember(string(c.from.Key())) != nil:
		d.say(toOne, c.req.From, c.req.RequestURI, noticeExistsMember)
	default:
		c.decideJoin(d, r)
	}
}

func (c *command) decideJoin(d *decision, r *Room) {
	m := r.find(string(c.from.Key()))
	switch {
	case m != nil && m.role&room.RoleInvited != 0:
		// Who was invited and joins accepts the invitation.
		d.enter(r, m.address(), m.role&^room.RoleInvited)
	case m != nil:
		d.say(toOne, m.uri, r.uri, noticeInAlready)
	default:
		if d.err = c.checkNew(c.from); d.err != nil {
			return
		}
		if !r.private {
			d.enter(r, c.from, room.RoleMember)
			return
		}
		d.log = c.from.URI() + " attempted to join"
		d.say(toOne, c.req.From, r.uri, noticePrivate)
		d.say(toBefore, "", r.uri, noticeAttempted(c.from.User))
	}
}

// enter makes a a member and tells all.
func (d *decision) enter(r *Room, a sip.Address, role room.Role) {
	d.change.Put = []room.Member{{Address: a, Role: role}}
	d.log = a.URI() + " joined"
	d.say(toAfter, "", r.uri, noticeJoined(a.User))
}

// manager returns the sender as a member who may manage the others. allowed
// is false if it is a member without that right.
func (c *command) manager(d *decision, r *Room) (m *member, allowed bool) {
	m = r.findMember(string(c.from.Key()))
	if m == nil {
		d.err = c.refuse("You are not a member of the room")
		return nil, false
	}
	return m, m.mayManage()
}

func (c *command) decideInvite(d *decision, r *Room) {
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
	d.log = c.user.URI() + " invited by " + m.uri
	d.drafts = append(d.drafts, draft{
		audience: toOne, to: c.user.URI(), from: r.uri, inviter: m.uri,
		body: fmt.Sprintf(noticeInvitation, c.from.User, c.start, c.start),
	})
}

func (c *command) decideAdd(d *decision, r *Room) {
	m, allowed := c.manager(d, r)
	switch {
	case d.err != nil:
		return
	case !allowed:
		d.log = m.uri + " may not add members"
		d.say(toOne, m.uri, r.uri, noticeMayNotAdd)
		return
	}
	if c.mayEnter(d, r) {
		d.enter(r, c.user, room.RoleMember)
	}
}

// mayEnter refuses a user who is in the room or invited to it, and one who
// cannot be stored.
func (c *command) mayEnter(d *decision, r *Room) bool {
	switch m := r.find(string(c.user.Key())); {
	case m == nil:
		d.err = c.checkNew(c.user)
	case m.role&room.RoleInvited != 0:
		d.err = c.refuse("[%s] has been invited already", m.user())
	default:
		d.err = c.refuse("[%s] is in the room already", m.user())
	}
	return d.err == nil
}

func (c *command) decideAccept(d *decision, r *Room) {
	if m := c.invitee(d, r); m != nil {
		d.enter(r, m.address(), m.role&^room.RoleInvited)
	}
}

func (c *command) decideReject(d *decision, r *Room) {
	if m := c.invitee(d, r); m != nil {
		d.change.Delete = []sip.Address{m.address()}
		d.log = m.uri + " rejected the invitation"
	}
}

// invitee returns the sender as one who is invited.
func (c *command) invitee(d *decision, r *Room) *member {
	m := r.find(string(c.from.Key()))
	if m == nil || m.role&room.RoleInvited == 0 {
		d.err = c.refuse("You are not invited to the room")
		return nil
	}
	return m
}

func (c *command) decideRemove(d *decision, r *Room) {
	by, allowed := c.manager(d, r)
	switch {
	case d.err != nil:
		return
	case !allowed:
		d.err = c.refuse("You don't have the permission to remove members from this room")
		return
	}
	m := r.find(string(c.user.Key()))
	switch {
	case m == nil:
		d.err = c.refuse("[%s] is not a member of the room", clip(c.user.User))
	case m.role&room.RoleOwner != 0:
		d.err = c.refuse("[%s] is the room's owner and cannot be removed", m.user())
	default:
		d.change.Delete = []sip.Address{m.address()}
		d.log = m.uri + " removed by " + by.uri
		d.say(toOne, m.uri, r.uri, noticeRemoved)
		d.say(toAfter, "", r.uri, noticeLeft(m.user()))
	}
}

func (c *command) decideLeave(d *decision, r *Room) {
	m := r.findMember(string(c.from.Key()))
	switch {
	case m == nil:
		d.err = c.refuse("You are not a member of the room")
	case m.role&room.RoleOwner != 0:
		d.say(toOne, m.uri, r.uri, fmt.Sprintf(noticeOwnerStays, c.start))
	default:
		d.change.Delete = []sip.Address{m.address()}
		d.log = m.uri + " left"
		d.say(toBefore, "", r.uri, noticeLeft(m.user()))
	}
}

func (c *command) decideMembers(d *decision, r *Room) {
	sender := r.findMember(string(c.from.Key()))
	if sender == nil {
		d.err = c.refuse("You are not a member of the room")
		return
	}
	names := make([]string, 0, r.size)
	r.roster.each(func(uri string, t tag) {
		name := "[" + sip.UserOf(uri) + "]"
		switch role := t.role(); {
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
		d.say(toOne, sender.uri, r.uri, body)
	}
}

func (c *command) decideDestroy(d *decision, r *Room) {
	m := r.findMember(string(c.from.Key()))
	switch {
	case m == nil:
		d.err = c.refuse("You are not a member of the room")
	case m.role&room.RoleOwner == 0:
		d.err = c.refuse("Only an owner of the room can destroy it")
	default:
		d.change.Destroy = true
		d.log = "destroyed by " + m.uri
		d.say(toBefore, "", r.uri, noticeDestroyed)
	}
}

// decideModify decides #modify. A room may have several owners; only one of
// them gives and takes that role, and the last one keeps it.
func (c *command) decideModify(d *decision, r *Room) {
	by, allowed := c.manager(d, r)
	switch {
	case d.err != nil:
		return
	case !allowed:
		d.log = by.uri + " may not modify members"
		d.say(toOne, by.uri, r.uri, noticeMayNotModify)
		return
	}
	m := r.findMember(string(c.user.Key()))
	if m == nil {
		d.err = c.refuse("[%s] is not a member of the room", clip(c.user.User))
		return
	}
	aboutOwner := (m.role|c.role)&room.RoleOwner != 0
	switch {
	case aboutOwner && by.role&room.RoleOwner == 0:
		d.err = c.refuse("Only an owner of the room can give or take the role of an owner")
	case m.role&room.RoleOwner != 0 && c.role&room.RoleOwner == 0 && r.owners() == 1:
		d.err = c.refuse("[%s] is the only owner of the room: make another member owner first", m.user())
	default:
		if m.role != c.role {
			d.change.Put = []room.Member{{Address: m.address(), Role: c.role}}
		}
		d.log = fmt.Sprintf("%s made %s by %s", m.uri, roleName(c.role), by.uri)
		d.say(toAfter, "", r.uri, fmt.Sprintf(noticeRole, m.uri, c.arg(1)))
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
