package engine

import "strconv"

// TextPlan is what the other members get of a text, or of anything else that
// goes on.
type TextPlan struct {
	ContentType string
	Typing      bool
	Body        []byte // what PlanText was given as dst, and the body
	Headers     []byte // further header fields to send, each with its CRLF; behind Body in the same memory
}

// PlanText decides what goes on of the member whose stored URI is sender; who
// is no member is refused without it. c is of a kind that goes on. The body
// and the headers are appended to dst. It allocates nothing but what dst needs
// to grow, and keeps nothing of sender.
func PlanText(dst []byte, sender string, c *Content) TextPlan {
	switch {
	case c.Kind == KindText:
		dst = append(dst, '[')
		dst = append(dst, userOf(sender)...)
		dst = append(dst, "]: "...)
		dst = append(dst, c.e.body...)
	case c.cpim:
		dst = appendCPIM(dst, sender, c.e.body)
	default:
		dst = append(dst, c.e.body...)
	}
	end := len(dst)
	dst = c.appendHeaders(dst)
	plan := TextPlan{
		ContentType: headerValue(c.e.contentType),
		Typing:      c.Kind == KindTyping,
		Body:        dst[:end],
		Headers:     dst[end:],
	}
	if plan.ContentType == "" {
		plan.ContentType = textPlain
	}
	return plan
}

// appendHeaders appends the header fields that go on with the content. Only
// from the second room on is there a count of them: what a user says goes out
// as a room always sent it.
func (c *Content) appendHeaders(dst []byte) []byte {
	for i := range c.e.fields {
		if v := c.e.fields[i]; v != "" {
			dst = appendField(dst, fieldNames[i].name, v)
		}
	}
	if c.Hops > 0 {
		dst = append(dst, headerHops...)
		dst = strconv.AppendInt(dst, int64(c.Hops)+1, 10)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

const headerHops = "X-IMC-Hops: "

// Settle answers a request that needs no room to be decided: what is for
// nobody, and what is refused whoever sends it. settled is false for all
// others.
func Settle(r *Request, c *Content) (out Outcome, settled bool) {
	if (c.GoesOn() || c.Kind == KindCommand) && len(r.Body) > 0 {
		return Outcome{}, false
	}
	if _, _, ok := requestAddresses(r); !ok {
		return malformed(r), true
	}
	switch c.Kind {
	case KindReceipt, KindNotice:
		// Never refused, whoever sends it and whether there is a room or not:
		// its sender would only send it again.
		return Outcome{Code: CodeOK}, true
	case KindLooped:
		return refusedText(r, "it came through "+strconv.Itoa(c.Hops)+" rooms, more than max_hops"), true
	case KindTooLong:
		out := refusedText(r, errTooLong.Error())
		if c.MayBeAnswered() {
			out.Messages = []Message{reply(r, prefix+"Your message is too long and was not delivered")}
		}
		return out, true
	default:
		return refusedText(r, c.why), true
	}
}

// requestAddresses returns the sender and the room of a request. ok is false
// if it is no usable MESSAGE.
func requestAddresses(r *Request) (from, to Address, ok bool) {
	from, fromErr := ParseURI(r.From)
	to, toErr := ParseURI(r.RequestURI)
	return from, to, fromErr == nil && toErr == nil && len(r.Body) > 0
}

func malformed(r *Request) Outcome {
	return Outcome{Code: CodeMalformed, Notes: []Note{
		notef(LevelInfo, "MESSAGE to %q from %q refused: %s",
			clipTo(r.RequestURI, shownInLog), clipTo(r.From, shownInLog), ErrMalformed),
	}}
}

// reply makes an answer to the sender of r, from the Request-URI as it came.
func reply(r *Request, body string) Message {
	return Message{
		From: r.RequestURI, To: [][]string{{r.From}}, ContentType: textPlain,
		Body: []byte(body), InReplyTo: headerValue(r.CallID), Socket: r.Socket,
	}
}

// Why texts are refused, for the log.
const (
	whyNoRoom   = "there is no such room"
	whyNoMember = "the sender is not a member"
	whyAway     = "the room is not known here, and the database does not answer"
)

func refusedText(r *Request, why string) Outcome {
	return Outcome{Code: CodeText, Notes: []Note{
		notef(LevelInfo, "room %q: text of user %q refused: %s", clipTo(r.RequestURI, shownInLog), clipTo(r.From, shownInLog), why),
	}}
}
