package engine

import "fmt"

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
// body is appended to dst. It is the one place where texts are decided, for
// the processes that hold a view as for the one that holds the rooms. It
// allocates nothing but what dst needs to grow.
func PlanText(dst []byte, v *RoomView, r *Request) TextPlan {
	var buf [2*maxPart + 1]byte
	key, err := AppendKey(buf[:0], r.From)
	switch {
	case err != nil || len(r.Body) == 0:
		return TextPlan{Err: ErrMalformed, Sender: -1, Body: dst}
	case v == nil:
		return planText(dst, nil, -1, r)
	}
	return planText(dst, v, v.Index(key), r)
}

// planText decides a text of the sender at a position of v.Members, -1 if it
// is not a member.
func planText(dst []byte, v *RoomView, sender int, r *Request) TextPlan {
	if sender < 0 {
		return TextPlan{Err: ErrText, Sender: -1, Body: dst}
	}
	plan := TextPlan{Sender: sender}
	plan.Body, plan.ContentType, plan.Deliver = AppendText(dst, r.ContentType, userOf(v.Members[sender]), r.Body)
	return plan
}

// Text decides a text for the room v, nil if there is no such room. The two
// MESSAGEs that it may come to are for the members before and after the sender
// in the room's list; they share the view's list of members.
func Text(v *RoomView, r *Request) Outcome {
	return textOutcome(PlanText(nil, v, r), v, r)
}

func textOutcome(plan TextPlan, v *RoomView, r *Request) Outcome {
	out := Outcome{Code: Code(plan.Err)}
	if plan.Err != nil {
		why := "there is no such room"
		if v != nil {
			why = "the sender is not a member"
		}
		if out.Code == CodeMalformed {
			why = plan.Err.Error()
		}
		out.Notes = []Note{{LevelInfo, fmt.Sprintf("room %q: text of user %q refused: %s", r.RequestURI, r.From, why)}}
		return out
	}
	if !plan.Deliver {
		return out
	}
	for _, to := range [...][]string{v.Members[:plan.Sender:plan.Sender], v.Members[plan.Sender+1:]} {
		if len(to) > 0 {
			out.Messages = append(out.Messages, Message{
				Room: v.key, From: v.URI, To: to, ContentType: plan.ContentType,
				Body: plan.Body, InReplyTo: headerValue(r.CallID),
			})
		}
	}
	return out
}
