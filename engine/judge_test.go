package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"kamailio-imc/engine"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// judge compares an answer with the model and takes over what it means.
func (c *conversation) judge(n *node, name string, s *saying, out engine.Outcome, noDatabase bool, fired *fault) {
	before := c.world[name]
	want := c.expect(before, s)
	writes := !want.after.equal(before)
	if s.verb == "rooms" {
		writes = false
	}
	if fired != nil && errors.Is(fired.err, storage.ErrConflict) {
		fired = nil // it is decided again
	}
	failed := noDatabase || fired != nil
	switch {
	case !failed:
		c.accept(s, out, want)
		if s.verb == "rooms" {
			return
		}
		c.set(name, want.after)
		if writes && !n.changed[sip.Key(name+domain)] {
			c.failf("the change was not told")
		}
		if writes || s.verb == "" {
			n.seen[name] = nil
		}
		n.seen[name] = append(n.seen[name], want.after)
	case c.mode == storage.ModeDurable && fired == nil && !writes:
		c.accept(s, out, want) // memory is enough
	case s.verb == "":
		c.acceptStale(n, name, s, out)
	default:
		c.refused(s, out)
		if fired == nil || !errors.Is(fired.err, storage.ErrDoubtful) {
			return
		}
		if c.mode == storage.ModeDatabase {
			if !strings.Contains(string(out.Messages[0].Body), "did not confirm") {
				c.failf("the sender is not told of the doubt")
			}
			n.seen[name] = append(n.seen[name], before, want.after)
			if fired.applied {
				c.set(name, want.after)
			}
		} else {
			c.doubt[name] = want.after
		}
	}
}

func (c *conversation) expect(r *chatroom, s *saying) reply {
	if s.verb == "rooms" {
		return reply{code: 1, lines: []line{{s.requestURI, s.from, c.world.list(s.user)}}, after: r}
	}
	return c.rules.expect(r, s)
}

// acceptStale fails the test unless a text went to the members that the node
// may know while the database is away.
func (c *conversation) acceptStale(n *node, name string, s *saying, out engine.Outcome) {
	states := n.seen[name]
	if c.mode == storage.ModeDurable {
		states = []*chatroom{c.world[name]}
	}
	if len(states) == 0 {
		states = []*chatroom{nil}
	}
	var why []string
	for _, r := range states {
		problem := differs(s, out, c.expect(r, s))
		if problem == "" {
			return
		}
		why = append(why, problem)
	}
	c.failf("a text without the database: %q", why)
}

func (c *conversation) accept(s *saying, out engine.Outcome, want reply) {
	if why := differs(s, out, want); why != "" {
		c.failf("%s", why)
	}
}

// refused fails the test unless a command was refused.
func (c *conversation) refused(s *saying, out engine.Outcome) {
	if why := differs(s, out, reply{code: refusals[s.verb], refused: true}); why != "" {
		c.failf("%s", why)
	}
}

// differs says what is wrong with an answer, "" if nothing is.
func differs(s *saying, out engine.Outcome, want reply) string {
	if out.Code != want.code {
		return fmt.Sprintf("code %d, not %d", out.Code, want.code)
	}
	var got, expected []string
	for i := range out.Messages {
		m := &out.Messages[i]
		if m.ContentType != "text/plain" || m.InReplyTo != "1@call" {
			return fmt.Sprintf("a MESSAGE with %q in reply to %q", m.ContentType, m.InReplyTo)
		}
		for _, to := range slices.Concat(m.To...) {
			got = append(got, line{m.From, to, string(m.Body)}.normal(s))
		}
	}
	if want.refused {
		if len(got) != 1 || !strings.Contains(got[0], " -> sender | *** ") {
			return fmt.Sprintf("a refusal that says %q", got)
		}
		return ""
	}
	for _, l := range want.lines {
		expected = append(expected, l.normal(s))
	}
	slices.Sort(got)
	slices.Sort(expected)
	if !slices.Equal(got, expected) {
		return fmt.Sprintf("MESSAGEs:\n%s\nexpected:\n%s", strings.Join(got, "\n"), strings.Join(expected, "\n"))
	}
	return ""
}

// normal writes a MESSAGE so that two are compared by what counts: the sender
// may be addressed in any way, the order of a list is not the model's matter.
func (l line) normal(s *saying) string {
	to := l.to
	if k, err := sip.AppendKey(nil, to); err == nil && string(k) == strings.ToLower(s.user)+domain {
		to = "sender"
	}
	body := l.body
	for _, heading := range []string{"Members:", "Rooms:"} {
		if list, ok := strings.CutPrefix(body, heading+"\n"); ok {
			body = sortedList(heading, strings.Split(list, "\n"))
		}
	}
	return l.from + " -> " + to + " | " + body
}

// rows compares the database with the model.
func (c *conversation) rows() {
	if c.store == nil {
		return
	}
	stored, _ := c.store.List(c.t.Context())
	if len(stored) != len(c.world) {
		c.failf("the database has %d rooms, not %d: %+v", len(stored), len(c.world), stored)
	}
	for name, r := range c.world {
		if have := c.stored(name); !have.equal(r) {
			c.failf("%s in the database is %+v, not %+v", name, have, r)
		}
	}
}

// compare compares with the model what every node says of every room.
func (c *conversation) compare() {
	c.rows()
	for i, n := range c.nodes {
		infos, err := n.Rooms(c.t.Context())
		if err != nil || len(infos) != len(c.world) {
			c.failf("node %d has %d rooms, not %d: %v", i, len(infos), len(c.world), err)
		}
		for _, name := range roomNames {
			c.compareRoom(i, n, strings.ToLower(name))
		}
	}
}

func (c *conversation) compareRoom(i int, n *node, name string) {
	r := c.world[name]
	v, err := n.View(c.t.Context(), sip.Key(name+domain))
	if err != nil || (v == nil) != (r == nil) {
		c.failf("node %d: %s is %+v, not %+v: %v", i, name, v, r, err)
	}
	n.seen[name] = []*chatroom{r}
	if r == nil {
		return
	}
	if r.owners() == 0 {
		c.failf("%s has no owner", name)
	}
	var members, invited []string
	asker := ""
	for who, p := range r.people {
		if p.role == room.RoleInvited {
			invited = append(invited, p.uri)
		} else {
			members = append(members, p.uri)
			asker = who
		}
	}
	for what, lists := range map[string][2][]string{
		"members": {v.Members, members}, "invited": {v.Invited, invited}, "all": {v.All, slices.Concat(members, invited)},
	} {
		have := slices.Sorted(slices.Values(lists[0]))
		if want := slices.Sorted(slices.Values(lists[1])); !slices.Equal(have, want) {
			c.failf("node %d: %s: %s are %q, not %q", i, name, what, have, want)
		}
	}
	if v.URI != r.uri || v.Private != r.private {
		c.failf("node %d: %s is %s, private %v, not %+v", i, name, v.URI, v.Private, r)
	}
	for _, user := range userNames {
		_, in := r.member(user)
		if is, err := n.RoomMember(c.t.Context(), strings.ToUpper(name)+domain, strings.ToUpper(user)+domain); err != nil && !strings.Contains(err.Error(), "URI") || err == nil && is != in {
			c.failf("node %d: %s: member %s is %v, not %v: %v", i, name, user, is, in, err)
		}
	}
	s := &saying{user: asker, room: name, verb: "members", from: plainURI(asker), requestURI: plainURI(name)}
	c.accept(s, c.ask(n, s), c.expect(r, s))
}
