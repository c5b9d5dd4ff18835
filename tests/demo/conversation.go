package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The time within which everything that a line causes has to arrive.
const patience = 5 * time.Second

const room = "chat-lobby"

// seen is a MESSAGE that somebody is to receive.
type seen struct{ who, text string }

// line is one MESSAGE of the conversation and what comes of it. In all texts
// HOST stands for the server's host.
type line struct {
	who    string
	writes string
	code   int // final response, as the script of tests/kamailio-config/demo gives it
	sees   []seen
}

var users = []string{"alice", "bob", "carol"}

// passwords of those who have one; a server without passwords asks for none.
var passwords = map[string]string{"alice": "wonder", "bob": "builder", "carol": "singer"}

// conversation shows a room from its beginning to its end.
var conversation = []line{
	{"alice", "#create", 200, []seen{{"alice", "*** Room was created"}}},
	{"bob", "#join", 200, everybody("*** [bob] has joined the room", "alice", "bob")},
	{"alice", "#invite carol", 200, []seen{
		{"carol", "*** [alice] invites you to join the room (send '#accept' or '#reject')"},
	}},
	{"carol", "#accept", 200, everybody("*** [carol] has joined the room", users...)},
	{"alice", "Welcome, you two!", 200, everybody("[alice]: Welcome, you two!", "bob", "carol")},
	{"bob", "Schön hier \u2615", 200, everybody("[bob]: Schön hier \u2615", "alice", "carol")},
	{"alice", "#modify carol admin", 200, everybody("*** sip:carol@HOST is now admin", users...)},
	{"carol", "#members", 200, []seen{
		{"carol", "Members:\n*[alice]\n~[carol]\n[bob]"},
	}},
	{"bob", "#leave", 200, everybody("*** [bob] has left the room", users...)},
	{"bob", "Can you still hear me?", 403, nil},
	{"alice", "#destroy", 200, everybody("*** Room has been destroyed", "alice", "carol")},
}

func everybody(text string, who ...string) []seen {
	var all []seen
	for _, w := range who {
		all = append(all, seen{w, text})
	}
	return all
}

// converse plays the conversation on the server (host:port) and shows what each
// of the users sees, a line a call. It fails at the first thing that is not as
// it should be.
func converse(ctx context.Context, server string, show func(string)) error {
	phones := map[string]*user{}
	for _, name := range users {
		u, err := newUser(ctx, name, server)
		if err != nil {
			return err
		}
		defer u.close()
		u.secret = passwords[name]
		if err := u.register(ctx); err != nil {
			return err
		}
		phones[name] = u
	}
	for _, l := range conversation {
		if err := play(ctx, l, phones, show); err != nil {
			return err
		}
	}
	for name, u := range phones {
		if text, ok := u.read(0); ok {
			return fmt.Errorf("%s received what nobody should have sent: %q", name, text)
		}
	}
	return nil
}

func play(ctx context.Context, l line, phones map[string]*user, show func(string)) error {
	phone := phones[l.who]
	code, err := phone.write(ctx, room, l.writes)
	if err != nil {
		return err
	}
	note := ""
	if code != 200 {
		note = fmt.Sprintf("   (refused: %d)", code)
	}
	show(fmt.Sprintf("%-5s writes  %s%s", l.who, l.writes, note))
	if code != l.code {
		return fmt.Errorf("%s writes %q: response %d, expected %d", l.who, l.writes, code, l.code)
	}
	var wrong error
	for _, s := range l.sees {
		want := strings.ReplaceAll(s.text, "HOST", phone.uri.Host)
		got, ok := phones[s.who].read(patience)
		if !ok {
			return fmt.Errorf("%s did not receive %q", s.who, want)
		}
		show(fmt.Sprintf("        %-5s sees  %s", s.who, strings.ReplaceAll(got, "\n", "\n"+strings.Repeat(" ", 20))))
		if got != want {
			wrong = errors.Join(wrong, fmt.Errorf("%s received %q instead of %q", s.who, got, want))
		}
	}
	show("")
	return wrong
}
