package database

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// A role of a user in a room of the model.
type role string

const (
	owner   role = "1"
	admin   role = "2"
	plain   role = "0"
	invited role = "4"
)

// room is what a storm knows about a room; nil: there is none.
type room struct {
	private bool
	members map[string]role
}

func (r *room) clone() *room {
	if r == nil {
		return nil
	}
	return &room{r.private, maps.Clone(r.members)}
}

// String writes a room as readRooms does.
func (r *room) String() string {
	if r == nil {
		return "no room"
	}
	users := slices.Sorted(maps.Keys(r.members))
	for i, u := range users {
		users[i] = u + ":" + string(r.members[u])
	}
	return fmt.Sprintf("private=%v %s", r.private, strings.Join(users, " "))
}

// command is one command of a storm: what it makes of the room, and whether
// the module is to refuse it.
type command struct {
	from, body string
	after      *room
	refused    bool // with a negative code
}

// users of a storm's room, the first of them creates it.
const stormUsers = 6

// anyCommand is a command that somebody may send to a room, among them such
// that are refused.
func anyCommand(rnd *rand.Rand, r *room, name string) command {
	if r == nil {
		c := command{from: "u0", body: "#create", after: &room{members: map[string]role{"u0": owner}}}
		if rnd.IntN(4) == 0 {
			c.body, c.after.private = "#create "+name+" private", true
		}
		if rnd.IntN(8) == 0 {
			return command{from: "u1", body: "#leave", refused: true}
		}
		return c
	}
	u := fmt.Sprintf("u%d", 1+rnd.IntN(stormUsers-1))
	after := r.clone()
	c := command{from: u, after: after}
	set := func(body, from string, as role) command {
		c.body, c.from = body, from
		after.members[u] = as
		return c
	}
	drop := func(body, from string) command {
		c.body, c.from = body, from
		delete(after.members, u)
		return c
	}
	no := func(body, from string) command { return command{from: from, body: body, after: r, refused: true} }
	if rnd.IntN(12) == 0 {
		return command{from: "u0", body: "#destroy"}
	}
	member := func() command {
		switch rnd.IntN(6) {
		case 0:
			return set("#modify "+u+" admin", "u0", admin)
		case 1:
			return set("#modify "+u+" member", "u0", plain)
		case 2:
			return drop("#remove "+u, "u0")
		case 3:
			return no("#destroy", u)
		case 4:
			return no("#remove u0", u)
		}
		return drop("#leave", u)
	}
	switch r.members[u] {
	case "":
		switch n := rnd.IntN(5); {
		case n == 0:
			return set("#invite "+u, "u0", invited)
		case n == 1 || r.private:
			return set("#add "+u, "u0", plain)
		case n == 2:
			return no("#accept", u)
		}
		return set("#join", u, plain)
	case invited:
		switch rnd.IntN(3) {
		case 0:
			return drop("#reject", u)
		case 1:
			return no("#leave", u)
		}
		return set("#accept", u, plain)
	}
	return member()
}
