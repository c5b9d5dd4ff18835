package engine

// TextPlan is what becomes of a text of a member.
type TextPlan struct {
	// Deliver is false if the text is accepted, but for nobody; if it is true,
	// every member but the sender gets it.
	Deliver     bool
	ContentType string
	Headers     string // further header fields to send, each with its CRLF
	Body        []byte // what PlanText was given as dst, and the body
}

// PlanText decides a text of the member whose stored URI is sender; who is no
// member is refused without it. The body is appended to dst. It allocates
// nothing but what dst needs to grow, and keeps nothing of sender.
func PlanText(dst []byte, sender string, r *Request) TextPlan {
	var plan TextPlan
	plan.Body, plan.ContentType, plan.Deliver = AppendText(dst, r.ContentType, userOf(sender), r.Body)
	return plan
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
