package command

import (
	"fmt"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

func init() {
	register(&Command{
		Names:     []string{"modify"},
		Code:      -120,
		Args:      "<user_name> <role> [<room_name>]",
		Help:      "modify <user_name> <role> [<room_name>] - modify user role in a conference room",
		May:       Managers,
		Denied:    "You don't have the permission to modify members in this room",
		DeniedLog: "may not modify members",
		check:     checkModify,
		decide:    decideModify,
	})
}

const argRole = 1 // its position

// roles are those that #modify gives, by their names.
var roles = [...]struct {
	name string
	role room.Role
}{{"owner", room.RoleOwner}, {"admin", room.RoleAdmin}, {"member", room.RoleMember}}

func roleNamed(name string) (role room.Role, known bool) {
	for i := range roles {
		if sip.EqualFold(name, roles[i].name) {
			return roles[i].role, true
		}
	}
	return 0, false
}

func nameOf(role room.Role) string {
	for i := range roles {
		if role&roles[i].role != 0 {
			return roles[i].name
		}
	}
	return "member"
}

func checkModify(o *Order) *Refusal {
	if _, known := roleNamed(o.arg(argRole)); !known {
		return o.Refuse("Role '%s' is unknown: use owner, admin or member", shown(o.arg(argRole)))
	}
	return nil
}

// decideModify decides #modify. A room may have several owners; only one of
// them gives and takes that role, and the last one keeps it.
func decideModify(o *Order, d *Decision, r *room.Room, by *room.Entry) {
	m := r.FindMember(o.user.Key())
	if m == nil {
		d.Refusal = o.Refuse("[%s] is not a member of the room", shown(o.user.User))
		return
	}
	role, _ := roleNamed(o.arg(argRole))
	aboutOwner := (m.Role|role)&room.RoleOwner != 0
	switch {
	case aboutOwner && by.Role&room.RoleOwner == 0:
		d.Refusal = o.Refuse("Only an owner of the room can give or take the role of an owner")
	case m.Role&room.RoleOwner != 0 && role&room.RoleOwner == 0 && r.Owners() == 1:
		d.Refusal = o.Refuse("[%s] is the only owner of the room: make another member owner first", m.User())
	default:
		if m.Role != role {
			d.Change.Put = []room.Member{{Address: m.Address(), Role: role}}
		}
		d.Log = fmt.Sprintf("%s made %s by %s", m.URI, nameOf(role), by.URI)
		d.say(ToAfter, "", r.URI(), fmt.Sprintf(Prefix+"%s is now %s", m.URI, o.arg(argRole)))
	}
}
