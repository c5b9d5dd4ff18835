package module

// Kinds of events, as in enum imc_event_kind.
const (
	EventUnsent           = 1
	EventSent             = 2
	EventInvitationFailed = 3
)

// Event is what became of a MESSAGE that was handed to tm.
type Event struct {
	Kind int
	// Code is the final response of an invitation. For EventUnsent: not 0 if
	// the rest waits for shared memory, see imc_engine.h.
	Code    int
	First   int    // EventUnsent: the first recipient that was not sent to
	Message []byte // EventUnsent, EventSent: the MESSAGE record, valid during the call
	Room    string // EventInvitationFailed: URIs
	User    string
	Inviter string
	CallID  string // of the #invite
	Socket  string // where the #invite was received
	Told    bool   // EventInvitationFailed: who invited knows already; not of C
}
