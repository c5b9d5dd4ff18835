package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

func inRoom(user string, role room.Role) room.Member {
	return room.Member{Address: sip.Address{User: user, Host: "example.org"}, Role: role}
}

// lounge is a room with one of each kind.
func lounge() *room.Room {
	return room.From(&room.Record{Address: sip.Address{User: "lounge", Host: "example.org"}, Members: []room.Member{
		inRoom("owner", room.RoleOwner), inRoom("admin", room.RoleAdmin),
		inRoom("member", room.RoleMember), inRoom("invited", room.RoleInvited),
	}})
}

// give reads a command of a user to the lounge.
func give(t *testing.T, user, line string) *Order {
	t.Helper()
	from, to := sip.Address{User: user, Host: "example.org"}, lounge().Address()
	r := &sip.Request{From: from.URI(), RequestURI: to.URI(), Body: []byte(line)}
	o, refusal := Read(&Rules{Start: "#", CreateOnJoin: true}, r, from, to, r.Body)
	require.Nil(t, refusal, line)
	return o
}

// TestWhoMay gives each command as each kind of user. Who may not changes
// nothing and is told so; who may is never told that.
func TestWhoMay(t *testing.T) {
	may := map[Who]string{
		Anyone: "owner admin member invited stranger", Invited: "invited", Members: "owner admin member",
		Managers: "owner admin", Owners: "owner",
	}
	for _, c := range All() {
		if c.decide == nil {
			continue
		}
		line := "#" + c.Names[0]
		for range c.required {
			line += " admin" // a user, and a role
		}
		for _, user := range []string{"owner", "admin", "member", "invited", "stranger"} {
			o := give(t, user, line)
			d := o.Decide(lounge())
			why := ""
			if d.Refusal != nil {
				why = d.Refusal.Text
				assert.Equal(t, c.Code, d.Refusal.Code)
			} else if len(d.Drafts) > 0 {
				why = strings.TrimPrefix(d.Drafts[0].Body, Prefix)
			}
			told := why == "You are not invited to the room" || why == "You are not a member of the room" || c.Denied != "" && why == c.Denied
			assert.Equal(t, !strings.Contains(may[c.May], user), told, "%s of %s: %s", line, user, why)
			if told {
				assert.True(t, d.Change.Empty(), "%s of %s", line, user)
				assert.Equal(t, c.DeniedLog != "" && why == c.Denied, d.Refusal == nil, "%s of %s", line, user)
			}
		}
	}
}

// TestDecisionIsPure: what is decided again on the same room is the same.
func TestDecisionIsPure(t *testing.T) {
	r := lounge()
	for _, line := range []string{"#join", "#invite new", "#add new", "#remove member", "#modify member admin", "#members", "#destroy"} {
		o := give(t, "owner", line)
		first := o.Decide(r)
		assert.Equal(t, first, o.Decide(r), line)
	}
	assert.True(t, r.Equal(lounge()))
}
