package wire

// EventKind says what became of a MESSAGE, as in enum imc_event_kind.
type EventKind int

// Kinds of events.
const (
	EventUnsent           EventKind = 1
	EventSent             EventKind = 2
	EventInvitationFailed EventKind = 3
)

// Event is what became of a MESSAGE that was handed to tm, as C reports it. It
// is valid during a call.
type Event struct {
	Kind EventKind
	// Code is the final response of an invitation. For EventUnsent: not 0 if
	// the rest waits for shared memory, see imc_engine.h.
	Code    int
	First   int    // EventUnsent: the first recipient that was not sent to
	Message []byte // EventUnsent, EventSent: the MESSAGE record
	Room    View   // EventInvitationFailed: URIs
	User    View
	Inviter View
	CallID  View // of the #invite
	Socket  View // where the #invite was received
}

// AppendUnsent appends the payload of FrameUnsent: the first recipient that
// was not sent to, and the MESSAGE record.
func AppendUnsent(dst []byte, first uint32, record []byte) []byte {
	return append(AppendU32(dst, first), record...)
}

// ParseUnsent reads what AppendUnsent wrote: the MESSAGE, which views b, and
// those of its recipients that were not sent to.
func ParseUnsent(b []byte) (m Message, to []string, ok bool) {
	d := NewDecoder(b)
	first := d.U32()
	m, to, ok = ParseMessage(d.rest)
	if !ok || d.bad || uint64(first) > uint64(len(to)) {
		return Message{}, nil, false
	}
	return m, to[first:], true
}

// AppendFailed appends the payload of FrameFailed.
func AppendFailed(dst []byte, e *Event) []byte {
	dst = AppendU32(dst, uint32(e.Code))
	dst = appendView(dst, e.Room)
	dst = appendView(dst, e.User)
	dst = appendView(dst, e.Inviter)
	dst = appendView(dst, e.CallID)
	return appendView(dst, e.Socket)
}

// ParseFailed reads what AppendFailed wrote. The event views b.
func ParseFailed(b []byte) (e Event, ok bool) {
	d := NewDecoder(b)
	e.Kind = EventInvitationFailed
	e.Code = int(int32(d.U32()))
	e.Room = d.view()
	e.User = d.view()
	e.Inviter = d.view()
	e.CallID = d.view()
	e.Socket = d.view()
	return e, d.Done()
}
