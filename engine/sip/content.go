package sip

import (
	"errors"
	"strconv"
)

// TypeText is the Content-Type of notices, and of texts that say none.
const TypeText = "text/plain"

const (
	typeHTML   = "text/html"
	typeCPIM   = "message/cpim"
	typeIMDN   = "message/imdn+xml"
	typeTyping = "application/im-iscomposing+xml"
)

// ourName is what a MESSAGE of an imc module says that it supports.
const ourName = "kamailio/imc"

// maxNested bounds how deep bodies are looked into: a multipart inside a
// message/cpim inside a multipart, and so on.
const maxNested = 4

// Kind says what the body of a request is to a room.
type Kind uint8

// Kinds of bodies. The first three go on to the other members.
const (
	KindOther      Kind = iota // anything that is not for a room to read: goes on as it is
	KindText                   // something to read: goes on as "[user]: text"
	KindTyping                 // "is typing" (RFC 3994)
	KindCommand                // for the room itself
	KindReceipt                // a delivery notification (RFC 5438): for nobody in the room
	KindNotice                 // what another room tells its members: for nobody here
	KindLooped                 // came through too many rooms
	KindTooLong                // longer than a MESSAGE when decoded
	KindUnreadable             // not what it says it is
)

// Content is what the body of a request is, found once per request by
// Classify. It holds parts of the request, and is valid as long as that is.
type Content struct {
	Kind Kind
	// Hops is how many rooms it came through: 0 from a user, 1 from a room
	// that had it from a user, and so on.
	Hops int
	// Line is the text of a KindCommand, from the start byte on.
	Line []byte
	// Why says for the log why it cannot be read: KindUnreadable, KindTooLong.
	Why string

	e    entity // what goes on
	cpim bool   // e is a message/cpim whose From is to be the sender's
}

// GoesOn reports whether the content is for the other members of the room.
func (c *Content) GoesOn() bool { return c.Kind <= KindTyping }

// MayBeAnswered reports whether a refusal may be told to the sender. What a
// room or a program sent by itself is not answered: the answer could be
// answered in turn.
func (c *Content) MayBeAnswered() bool { return c.Hops == 0 && c.Kind != KindTyping }

// Classify finds out what r is to a room. start is the first byte of a
// command, maxHops the number of rooms that a text may come through. A plain
// text costs no memory.
func Classify(r *Request, start byte, maxHops int) Content {
	e := entity{contentType: r.ContentType, body: r.Body}
	hops := e.takeAll(r.Headers)
	l := looker{start: start, fromRoom: hops > 0}
	c := l.look(e, 0)
	c.Hops = hops
	if c.GoesOn() && hops > maxHops {
		c.Kind = KindLooped
	}
	return c
}

// takeAll takes the header fields of a request and returns how many rooms it
// came through.
func (e *entity) takeAll(headers string) (hops int) {
	for headers != "" {
		var name, value string
		name, value, headers = nextField(headers)
		switch {
		case EqualFold(name, nameSupported), EqualFold(name, "k"):
			if hops == 0 && hasToken(value, ourName) {
				hops = 1
			}
		case EqualFold(name, nameHops):
			if n, err := strconv.Atoi(value); err == nil && n > hops {
				hops = n
			}
		default:
			e.take(name, value)
		}
	}
	return hops
}

// looker looks into the body of one request.
type looker struct {
	start    byte
	fromRoom bool
	decoder  decoder
}

// look says what e is, which is nested this deep in others.
func (l *looker) look(e entity, depth int) Content {
	switch {
	case depth > maxNested:
		return unreadable("too many bodies inside one another")
	case e.isText():
		return l.text(e)
	case e.isType(typeIMDN):
		return Content{Kind: KindReceipt}
	case !e.encoded() && !e.isFile() && l.begins(e.body):
		return Content{Kind: KindCommand, Line: e.body}
	case e.isType(typeTyping):
		return Content{Kind: KindTyping, e: e}
	case e.isType(typeCPIM):
		return l.cpim(e, depth)
	case e.isMultipart():
		return l.multipart(e, depth)
	}
	return Content{Kind: KindOther, e: e}
}

// begins reports whether a body begins as a command does. What a room sent is
// none.
func (l *looker) begins(body []byte) bool {
	return !l.fromRoom && len(body) > 0 && body[0] == l.start
}

func (l *looker) text(e entity) Content {
	if e.isFile() {
		return Content{Kind: KindOther, e: e}
	}
	body, err := l.decoder.decode(&e)
	if errors.Is(err, errUnknown) {
		return Content{Kind: KindOther, e: e}
	}
	if err != nil {
		return undecodable(err)
	}
	e.body = body
	isHTML := e.isType(typeHTML)
	switch {
	case l.fromRoom:
		if !isHTML && (len(body) == 0 || body[0] != '[') {
			return Content{Kind: KindNotice}
		}
	case isHTML:
		if l.begins(body) || htmlBegins(body, l.start) {
			return Content{Kind: KindCommand, Line: htmlText(body)}
		}
	case l.begins(body):
		return Content{Kind: KindCommand, Line: body}
	}
	// What is left of the fields describes the text as it goes on.
	e.fields[contentEncoding], e.fields[transferEncoding], e.fields[mimeVersion] = "", "", ""
	return Content{Kind: KindText, e: e}
}

// cpim takes what a phone can show out of its wrapping. Anything else goes on
// wrapped.
func (l *looker) cpim(e entity, depth int) Content {
	body, err := l.decoder.decode(&e)
	if err != nil {
		return undecodable(err)
	}
	_, content, ok := cpimParts(body)
	if !ok {
		return unreadable("no message/cpim")
	}
	c := l.look(content, depth+1)
	switch {
	case !c.GoesOn():
		return c
	case c.cpim:
		return unreadable("a message/cpim in another one")
	case c.Kind != KindOther || c.e.isText():
		c.e.fields[subject], c.e.fields[date] = e.fields[subject], e.fields[date]
		return c
	}
	e.body = body
	e.fields[contentEncoding], e.fields[transferEncoding] = "", ""
	return Content{Kind: KindOther, e: e, cpim: true}
}

// multipart looks for what may not go on inside. The body goes on as it came
// if there is nothing of that.
func (l *looker) multipart(e entity, depth int) Content {
	found := Content{Kind: KindOther, e: e}
	body, err := l.decoder.decode(&e)
	if errors.Is(err, errUnknown) {
		return found
	}
	if err != nil {
		return undecodable(err)
	}
	eachPart(e.contentType, body, func(part entity) bool {
		switch {
		case part.isType(typeIMDN), part.isMultipart():
			if c := l.look(part, depth+1); !c.GoesOn() {
				found = c
			}
		case part.isType(typeCPIM):
			found = l.look(part, depth+1)
			if found.Kind != KindReceipt {
				found = unreadable("a message/cpim in a multipart body")
			}
		}
		return found.Kind != KindReceipt
	})
	return found
}

func unreadable(why string) Content { return Content{Kind: KindUnreadable, Why: why} }

func undecodable(err error) Content {
	if errors.Is(err, errTooLong) {
		return Content{Kind: KindTooLong, Why: err.Error()}
	}
	return unreadable(err.Error())
}
