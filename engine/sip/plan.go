package sip

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
		dst = append(dst, UserOf(sender)...)
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
		ContentType: HeaderValue(c.e.contentType),
		Typing:      c.Kind == KindTyping,
		Body:        dst[:end],
		Headers:     dst[end:],
	}
	if plan.ContentType == "" {
		plan.ContentType = TypeText
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
