package engine

import "errors"

// TextPlan is what becomes of a text.
type TextPlan struct {
	// Err is why the text is refused, nil if it is accepted.
	Err error
	// Deliver is false if the text is refused, or accepted but for nobody.
	Deliver bool
	// Sender is the position of the sender in RoomView.Members: every other
	// member gets the text.
	Sender      int
	ContentType string
	Body        []byte // what PlanText was given as dst, and the body
}

// PlanText decides a text for the room v, nil if there is no such room. The
// body is appended to dst. It allocates nothing but what dst needs to grow.
func PlanText(dst []byte, v *RoomView, r *Request) TextPlan {
	var buf [2*maxName + 1]byte
	key, err := AppendKey(buf[:0], r.From)
	if err != nil || len(r.Body) == 0 {
		return TextPlan{Err: ErrMalformed, Sender: -1, Body: dst}
	}
	sender := -1
	if v != nil {
		sender = v.Index(key)
	}
	if sender < 0 {
		return TextPlan{Err: ErrText, Sender: -1, Body: dst}
	}
	plan := planText(dst, userOf(v.Members[sender]), r)
	plan.Sender = sender
	return plan
}

// planText decides a text of a member with this user.
func planText(dst []byte, user string, r *Request) TextPlan {
	var plan TextPlan
	plan.Body, plan.ContentType, plan.Deliver = AppendText(dst, r.ContentType, user, r.Body)
	return plan
}

// Text decides a text for the room v, nil if there is no such room. The two
// MESSAGEs that it may come to are for the members before and after the sender
// in the room's list; they share the view's list of members.
func Text(v *RoomView, r *Request) Outcome {
	plan := PlanText(nil, v, r)
	if plan.Err != nil {
		why := whyNoMember
		if v == nil {
			why = whyNoRoom
		}
		return refusedText(r, plan.Err, why)
	}
	out := Outcome{Code: CodeOK}
	plan.send(&out, v.key, v.URI, v.Members, r)
	return out
}

// send adds the MESSAGEs to members of the room k, among whom the sender is at
// the position Sender, -1 if it is none of them.
func (plan *TextPlan) send(out *Outcome, k Key, room string, members []string, r *Request) {
	if !plan.Deliver {
		return
	}
	rest := members
	if plan.Sender >= 0 {
		plan.sendTo(out, k, room, members[:plan.Sender:plan.Sender], r)
		rest = members[plan.Sender+1:]
	}
	plan.sendTo(out, k, room, rest, r)
}

func (plan *TextPlan) sendTo(out *Outcome, k Key, room string, to []string, r *Request) {
	if len(to) == 0 {
		return
	}
	out.Messages = append(out.Messages, Message{
		Room: k, From: room, To: to, ContentType: plan.ContentType,
		Body: plan.Body, InReplyTo: headerValue(r.CallID),
	})
}

// Why texts are refused, for the log.
const (
	whyNoRoom   = "there is no such room"
	whyNoMember = "the sender is not a member"
	whyAway     = "the room is not known here, and the database does not answer"
)

func refusedText(r *Request, reason error, why string) Outcome {
	if errors.Is(reason, ErrMalformed) {
		why = reason.Error()
	}
	return Outcome{Code: Code(reason), Notes: []Note{
		notef(LevelInfo, "room %q: text of user %q refused: %s", clipTo(r.RequestURI, shownInLog), clipTo(r.From, shownInLog), why),
	}}
}
