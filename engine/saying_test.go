package engine_test

import "strings"

// Who talks, and where. Few, so that they meet.
var (
	userNames = []string{"alice", "bob", "Carol", "dave", "erin"}
	roomNames = []string{"red", "Green", "blue"}
)

// verbs of a conversation, each as often as it is to come. "" is a text.
var verbs = []string{
	"", "", "", "", "", "", "create", "create", "create", "join", "join", "join", "join", "join",
	"invite", "invite", "invite", "invite", "add", "add", "add", "accept", "accept", "accept", "reject", "reject",
	"remove", "remove", "leave", "leave", "leave", "members", "rooms", "destroy",
	"modify", "modify", "modify", "modify", "withdraw", "withdraw",
}

// any makes a request up.
func (c *conversation) any() *saying {
	s := &saying{
		user: c.spelled(userNames), room: c.spelled(roomNames), verb: verbs[c.roll(len(verbs))],
		text: "hello", role: []string{"owner", "admin", "member"}[c.roll(3)],
	}
	s.from, s.requestURI = plainURI(s.user), plainURI(s.room)
	if c.roll(2) == 0 {
		s.from, s.requestURI = s.from+":5070", s.requestURI+":5060"
	}
	switch s.verb {
	case "invite", "add", "remove", "modify", "withdraw":
		s.who = c.spelled(userNames)
	case "create":
		s.private = c.roll(3) == 0
	}
	return s
}

// spelled picks a name and writes it in one way or another.
func (c *conversation) spelled(names []string) string {
	name := names[c.roll(len(names))]
	switch c.roll(4) {
	case 0:
		return strings.ToUpper(name)
	case 1:
		return strings.ToLower(name)
	}
	return name
}

// body of the request.
func (s *saying) body() string {
	switch s.verb {
	case "":
		return s.text
	case "create":
		if s.private {
			return "#create private"
		}
	case "invite", "add", "remove":
		return "#" + s.verb + " " + s.who
	case "modify":
		return "#modify " + s.who + " " + s.role
	}
	return "#" + strings.ToUpper(s.verb[:1]) + s.verb[1:]
}
