package wire

import (
	"bytes"

	"kamailio-imc/engine/sip"
)

// Request is a MESSAGE request as C hands it over, valid during a call.
type Request struct {
	From        View
	RequestURI  View
	CallID      View
	ContentType View
	Headers     View
	Socket      View
	Body        []byte
}

// Copy returns the request in memory of its own.
func (r *Request) Copy() sip.Request {
	return sip.Request{
		From:        r.From.Copy(),
		RequestURI:  r.RequestURI.Copy(),
		CallID:      r.CallID.Copy(),
		ContentType: r.ContentType.Copy(),
		Headers:     r.Headers.Copy(),
		Socket:      r.Socket.Copy(),
		Body:        bytes.Clone(r.Body),
	}
}

// Peek returns the request where it is, for calls that keep nothing of it.
func (r *Request) Peek() sip.Request {
	return sip.Request{
		From:        r.From.Peek(),
		RequestURI:  r.RequestURI.Peek(),
		CallID:      r.CallID.Peek(),
		ContentType: r.ContentType.Peek(),
		Headers:     r.Headers.Peek(),
		Socket:      r.Socket.Peek(),
		Body:        r.Body,
	}
}

// AppendRequest appends the payload of FrameRequest and FrameWhole: u64
// deadline, then the request's fields.
func AppendRequest(dst []byte, deadline Time, r *sip.Request) []byte {
	dst = AppendU64(dst, uint64(deadline))
	dst = AppendStr(dst, r.From)
	dst = AppendStr(dst, r.RequestURI)
	dst = AppendStr(dst, r.CallID)
	dst = AppendStr(dst, r.ContentType)
	dst = AppendStr(dst, r.Headers)
	dst = AppendStr(dst, r.Socket)
	return AppendStr(dst, r.Body)
}

// ParseRequest reads what AppendRequest wrote. The body is a part of b, all
// else is copied.
func ParseRequest(b []byte) (deadline Time, r sip.Request, ok bool) {
	d := NewDecoder(b)
	deadline = Time(d.U64())
	r.From = d.copy()
	r.RequestURI = d.copy()
	r.CallID = d.copy()
	r.ContentType = d.copy()
	r.Headers = d.copy()
	r.Socket = d.copy()
	r.Body = d.Str()
	return deadline, r, d.Done()
}

// RequestSize is the length of the frame of a request.
func RequestSize(r *sip.Request) int {
	return frameHead + 8 + 7*4 + len(r.From) + len(r.RequestURI) + len(r.CallID) +
		len(r.ContentType) + len(r.Headers) + len(r.Socket) + len(r.Body)
}

// Query is a question about rooms, as in enum imc_query.
type Query int

// Questions about rooms.
const (
	QueryRoomActive  Query = 1
	QueryRoomMember  Query = 2
	QueryListRooms   Query = 3
	QueryListMembers Query = 4
)

// AppendQuery appends the payload of FrameQuery.
func AppendQuery(dst []byte, deadline Time, what Query, room, user View) []byte {
	dst = AppendU64(dst, uint64(deadline))
	dst = AppendU32(dst, uint32(what))
	dst = appendView(dst, room)
	return appendView(dst, user)
}

// ParseQuery reads what AppendQuery wrote. room and user are copies.
func ParseQuery(b []byte) (deadline Time, what Query, room, user string, ok bool) {
	d := NewDecoder(b)
	deadline = Time(d.U64())
	what = Query(d.U32())
	room = d.copy()
	user = d.copy()
	return deadline, what, room, user, d.Done()
}
