package engine_test

import (
	"maps"
	"slices"
	"strings"

	"kamailio-imc/engine/room"
)

// The model of TestConversations: what docs/differences.md and the contract of
// the stock module say about rooms, written down once more and as plainly as
// possible. It knows nothing of the engine's code.

// person is somebody in a room, or invited to it, as first seen.
type person struct {
	uri  string
	role room.Role
}

// chatroom is a room of the model; nil: there is none.
type chatroom struct {
	uri     string
	private bool
	people  map[string]person // by name in lower case
}

// world is all rooms, by name in lower case.
type world map[string]*chatroom

// line is one MESSAGE to one user.
type line struct {
	from, to, body string
}

// reply is what a request comes to.
type reply struct {
	code  int
	lines []line
	// refused: the sender gets one line that says why, in words of its own.
	refused bool
	after   *chatroom
}

// saying is a request of a user to a room, taken apart.
type saying struct {
	user, room string // as written, without host
	verb       string // "" for a text
	text       string // body of a text
	who        string // whom the command is about
	role       string // of #modify
	private    bool   // #create
	requestURI string // as it goes to the wire
	from       string // the sender's URI as it goes to the wire
}

// codes of refusals by command.
var refusals = map[string]int{
	"": -200, "create": -30, "join": -40, "invite": -50, "add": -50, "accept": -60, "reject": -70,
	"remove": -80, "leave": -90, "members": -100, "rooms": -100, "destroy": -110, "modify": -120,
}

func (r *chatroom) clone() *chatroom {
	if r == nil {
		return nil
	}
	return &chatroom{r.uri, r.private, maps.Clone(r.people)}
}

func (r *chatroom) equal(other *chatroom) bool {
	if r == nil || other == nil {
		return r == other
	}
	return r.uri == other.uri && r.private == other.private && maps.Equal(r.people, other.people)
}

// member is somebody who is in the room, not merely invited.
func (r *chatroom) member(name string) (person, bool) {
	p, there := r.people[strings.ToLower(name)]
	return p, there && p.role != room.RoleInvited
}

func (r *chatroom) invited(name string) (person, bool) {
	p, there := r.people[strings.ToLower(name)]
	return p, there && p.role == room.RoleInvited
}

func (r *chatroom) owners() (n int) {
	for _, p := range r.people {
		if p.role == room.RoleOwner {
			n++
		}
	}
	return n
}

// all makes the MESSAGEs of a notice to all members.
func (r *chatroom) all(body string) (lines []line) {
	for _, p := range r.people {
		if p.role != room.RoleInvited {
			lines = append(lines, line{r.uri, p.uri, body})
		}
	}
	return lines
}

func named(uri string) string {
	return "[" + strings.TrimSuffix(strings.TrimPrefix(uri, "sip:"), domain) + "]"
}

// rules are the parameters of the module.
type rules struct {
	createOnJoin, checkOnCreate bool
}

// expect says what a request comes to, for a room that is as r. #rooms is not
// about one room: see world.list.
func (set rules) expect(r *chatroom, s *saying) reply {
	if r == nil {
		return set.without(s)
	}
	after := r.clone()
	refused := reply{code: refusals[s.verb], refused: s.verb != "", after: r}
	done := func(lines ...line) reply { return reply{code: 1, lines: lines, after: after} }
	tell := func(body string) line { return line{r.uri, s.from, body} }
	direct := func(body string) line { return line{s.requestURI, s.from, body} }
	enter := func(name, uri string) reply {
		if p, there := r.people[strings.ToLower(name)]; there {
			uri = p.uri
		}
		after.people[strings.ToLower(name)] = person{uri, room.RoleMember}
		return done(after.all("*** " + named(uri) + " has joined the room")...)
	}
	me, in := r.member(s.user)
	_, asked := r.invited(s.user)
	leads := in && me.role != room.RoleMember
	target, there := r.member(s.who)
	guest, offered := r.invited(s.who)

	switch s.verb {
	case "":
		if !in {
			return refused
		}
		others := slices.DeleteFunc(r.all(named(me.uri)+": "+s.text), func(l line) bool { return l.to == me.uri })
		return done(others...)
	case "create":
		switch {
		case set.checkOnCreate:
			return done(direct("*** Room already exists"))
		case r.private:
			return done(direct("*** A private room with the same name already exists"))
		case in:
			return done(direct("*** Room already exists and you are a member"))
		}
		return enter(s.user, plainURI(s.user))
	case "join":
		switch {
		case in:
			return done(tell("*** You are in the room already"))
		case asked || !r.private:
			return enter(s.user, plainURI(s.user))
		}
		return done(append(r.all("*** ["+s.user+"] attempted to join the room"),
			tell("*** Private rooms are by invitation only. Room owners have been notified."))...)
	case "invite":
		if !leads || there || offered {
			return refused
		}
		after.people[strings.ToLower(s.who)] = person{plainURI(s.who), room.RoleInvited}
		return done(line{r.uri, plainURI(s.who), "*** [" + s.user + "] invites you to join the room (send '#accept' or '#reject')"})
	case "add":
		switch {
		case in && !leads:
			return done(tell("*** You don't have the permission to add members to this room"))
		case !leads || there || offered:
			return refused
		}
		return enter(s.who, plainURI(s.who))
	case "accept":
		if !asked {
			return refused
		}
		return enter(s.user, "")
	case "reject":
		if !asked {
			return refused
		}
		delete(after.people, strings.ToLower(s.user))
		return done()
	case "withdraw": // the invitation of who came back with a failure
		if !offered {
			return done()
		}
		delete(after.people, strings.ToLower(s.who))
		return done(tell("*** " + named(guest.uri) + " is not registered"))
	case "remove":
		if offered {
			target, there = guest, true
		}
		if !leads || !there || target.role == room.RoleOwner {
			return refused
		}
		delete(after.people, strings.ToLower(s.who))
		return done(append(after.all("*** "+named(target.uri)+" has left the room"),
			line{r.uri, target.uri, "*** You have been removed from the room"})...)
	case "leave":
		switch {
		case !in:
			return refused
		case me.role == room.RoleOwner:
			return done(tell("*** You are the room's owner and cannot leave. Use #destroy if you wish to destroy the room."))
		}
		delete(after.people, strings.ToLower(s.user))
		return done(r.all("*** " + named(me.uri) + " has left the room")...)
	case "members":
		if !in {
			return refused
		}
		return done(tell(r.list()))
	case "destroy":
		if me.role != room.RoleOwner || !in {
			return refused
		}
		return reply{code: 1, lines: r.all("*** Room has been destroyed")}
	case "modify":
		role := map[string]room.Role{"owner": room.RoleOwner, "admin": room.RoleAdmin, "member": room.RoleMember}[s.role]
		taken := there && target.role == room.RoleOwner && role != room.RoleOwner
		given := role == room.RoleOwner
		switch {
		case in && !leads:
			return done(tell("*** You don't have the permission to modify members in this room"))
		case !leads || !there:
			return refused
		case (taken || given || target.role == room.RoleOwner) && me.role != room.RoleOwner:
			return refused
		case taken && r.owners() == 1:
			return refused
		}
		after.people[strings.ToLower(s.who)] = person{target.uri, role}
		return done(after.all("*** " + target.uri + " is now " + s.role)...)
	}
	panic("the model does not know " + s.verb)
}

// without says what a request comes to when there is no such room.
func (set rules) without(s *saying) reply {
	switch {
	case s.verb == "create" || s.verb == "join" && set.createOnJoin:
		made := &chatroom{plainURI(s.room), s.private, map[string]person{
			strings.ToLower(s.user): {plainURI(s.user), room.RoleOwner},
		}}
		return reply{code: 1, lines: []line{{made.uri, s.from, "*** Room was created"}}, after: made}
	case s.verb == "join":
		return reply{code: 1, lines: []line{{s.requestURI, s.from, "*** Room not found"}}}
	case s.verb == "withdraw":
		return reply{code: 1}
	}
	return reply{code: refusals[s.verb], refused: s.verb != ""}
}

// list is the answer to #members, its lines sorted.
func (r *chatroom) list() string {
	var names []string
	for _, p := range r.people {
		mark := map[room.Role]string{room.RoleOwner: "*", room.RoleAdmin: "~"}[p.role]
		if p.role != room.RoleInvited {
			names = append(names, mark+named(p.uri))
		}
	}
	return sortedList("Members:", names)
}

// list is the answer to #rooms, its lines sorted.
func (w world) list(user string) string {
	var names []string
	for _, r := range w {
		if _, in := r.member(user); in || !r.private {
			names = append(names, named(r.uri))
		}
	}
	return sortedList("Rooms:", names)
}

func sortedList(heading string, names []string) string {
	slices.Sort(names)
	return strings.Join(append([]string{heading}, names...), "\n")
}

func plainURI(name string) string { return "sip:" + name + domain }
