package command

import (
	"fmt"
	"strings"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// Rules are the parameters that decide what commands come to.
type Rules struct {
	Start         string // the start character of commands
	CreateOnJoin  bool
	CheckOnCreate bool
}

// Order is a command as a user gave it, with its arguments understood.
type Order struct {
	*Command
	Request *sip.Request
	Name    string      // as written, without the start character
	From    sip.Address // its sender
	To      sip.Address // the Request-URI
	Room    sip.Address // the room it is about, if any
	user    sip.Address // the user it is about, if any
	args    []string
	rules   *Rules
}

// Refusal is why a command is refused.
type Refusal struct {
	Code  int    // for the script
	Text  string // for the sender, without Prefix
	Later bool   // it is refused for now only
}

// Read reads the command in line, which begins with the start character. from
// and to are the addresses of the request.
func Read(rules *Rules, r *sip.Request, from, to sip.Address, line []byte) (*Order, *Refusal) {
	p := parse(line)
	o := &Order{Command: p.Command, Request: r, Name: p.name, From: from, To: to, args: p.args, rules: rules}
	return o, o.understand()
}

// Answer answers a command that needs no room. needsRoom says that it needs one,
// or all.
func (o *Order) Answer() (text string, refusal *Refusal, needsRoom bool) {
	if o.answer == nil {
		return "", nil, true
	}
	text, refusal = o.answer(o)
	return text, refusal, false
}

// Refuse makes the refusal of the command.
func (o *Order) Refuse(format string, args ...any) *Refusal {
	return &Refusal{Code: o.Code, Text: fmt.Sprintf(format, args...)}
}

// RefuseForNow makes a refusal for a reason that passes.
func (o *Order) RefuseForNow(text string) *Refusal {
	return &Refusal{Code: o.Code, Text: text, Later: true}
}

// arg returns the i-th argument, "" if there are fewer.
func (o *Order) arg(i int) string {
	if i < len(o.args) {
		return o.args[i]
	}
	return ""
}

// understand reads the arguments.
func (o *Order) understand() *Refusal {
	if len(o.args) < o.required {
		return o.Refuse("Usage: %s%s %s", o.rules.Start, strings.ToLower(o.Name), o.Args)
	}
	if o.check != nil {
		if refusal := o.check(o); refusal != nil {
			return refusal
		}
	}
	for i, name := range o.fields {
		var refusal *Refusal
		switch name {
		case UserArg:
			o.user, refusal = o.resolve(o.arg(i))
		case RoomArg:
			o.Room, refusal = o.resolveRoom(o.arg(i))
		}
		if refusal != nil {
			return refusal
		}
	}
	return nil
}

// resolveRoom takes the Request-URI for a room that is not named.
func (o *Order) resolveRoom(arg string) (sip.Address, *Refusal) {
	if arg != "" {
		return o.resolve(arg)
	}
	if !o.To.Complete() {
		return sip.Address{}, o.Refuse("Name the room: the address you wrote to is none")
	}
	return o.To, nil
}

// resolve makes an address of an argument: what holds no ':' gets the scheme
// sip, what holds no '@' gets the host of the Request-URI.
func (o *Order) resolve(arg string) (sip.Address, *Refusal) {
	uri := arg
	if !strings.Contains(arg, ":") {
		uri = sip.Scheme + uri
	}
	if !strings.Contains(arg, "@") {
		uri += "@" + o.To.Host
	}
	a, err := sip.ParseURI(uri)
	if err != nil || !a.Complete() {
		return sip.Address{}, o.Refuse("'%s' is not a valid address", shown(arg))
	}
	return a, nil
}

// shown shortens what a user wrote to what an answer needs of it.
func shown(s string) string { return log.Clip(s, room.MaxName) }
