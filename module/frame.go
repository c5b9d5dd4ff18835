package module

import (
	"encoding/binary"
	"errors"

	"kamailio-imc/engine"
)

// A frame is what goes over a socket pair in one piece: u32 length of what
// follows, u8 kind, u32 id, payload. A worker asks, with an id that it has
// not used before; the host answers with one or several frames of that id.
const (
	frameHead = 4 + 1 + 4
	frameMax  = 2*RecordMax + 64 // length field included
	// answerChunk is the size at which the records of an answer are sent on
	// as a frame, so that lists of any length pass in pieces.
	answerChunk = 64 * 1024
)

// Kinds of frames.
const (
	frameRequest  = 1 // worker: a MESSAGE to handle
	frameQuery    = 2 // worker: a question about rooms
	frameUnsent   = 3 // worker: a MESSAGE that tm had no memory for
	frameFailed   = 4 // worker: an invitation failed
	frameAnswer   = 5 // host: records, and with the last frame the code
	frameSnapshot = 6 // host: the only answer to a request, to be handled with this
	frameWhole    = 7 // worker: as frameRequest, but no snapshot is to be the answer
)

var errFrame = errors.New("malformed frame")

// beginFrame appends the head of a frame; endFrame sets its length.
func beginFrame(dst []byte, kind byte, id uint32) []byte {
	dst = append(appendU32(dst, 0), kind)
	return appendU32(dst, id)
}

// endFrame completes the frame that starts at dst[at:].
func endFrame(dst []byte, at int) []byte {
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// splitFrame splits the first frame off b. need is how many bytes there have
// to be at least before it is worth while to call it again; 0: there is a
// frame.
func splitFrame(b []byte) (kind byte, id uint32, payload []byte, need int, err error) {
	if len(b) < frameHead {
		return 0, 0, nil, frameHead, nil
	}
	n := int64(binary.LittleEndian.Uint32(b)) + 4
	if n < frameHead || n > frameMax {
		return 0, 0, nil, 0, errFrame
	}
	if int64(len(b)) < n {
		return 0, 0, nil, int(n), nil
	}
	return b[4], binary.LittleEndian.Uint32(b[5:]), b[frameHead:n], 0, nil
}

// appendRequest appends the payload of frameRequest: u64 deadline (see
// monotonic), then the request's fields.
func appendRequest(dst []byte, deadline uint64, r *engine.Request) []byte {
	dst = appendU64(dst, deadline)
	dst = appendStr(dst, r.From)
	dst = appendStr(dst, r.RequestURI)
	dst = appendStr(dst, r.CallID)
	dst = appendStr(dst, r.ContentType)
	dst = appendStr(dst, r.Headers)
	dst = appendStr(dst, r.Socket)
	return appendStr(dst, r.Body)
}

// parseRequest reads what appendRequest wrote. The body is a part of b.
func parseRequest(b []byte) (deadline uint64, r engine.Request, ok bool) {
	d := decoder{b: b}
	deadline = d.u64()
	r.From = string(d.str())
	r.RequestURI = string(d.str())
	r.CallID = string(d.str())
	r.ContentType = string(d.str())
	r.Headers = string(d.str())
	r.Socket = string(d.str())
	r.Body = d.str()
	return deadline, r, d.done()
}

func requestSize(r *engine.Request) int {
	return frameHead + 8 + 7*4 + len(r.From) + len(r.RequestURI) + len(r.CallID) +
		len(r.ContentType) + len(r.Headers) + len(r.Socket) + len(r.Body)
}

// appendQuery appends the payload of frameQuery.
func appendQuery(dst []byte, deadline uint64, what int, room, user string) []byte {
	dst = appendU64(dst, deadline)
	dst = appendU32(dst, uint32(what))
	dst = appendStr(dst, room)
	return appendStr(dst, user)
}

func parseQuery(b []byte) (deadline uint64, what int, room, user string, ok bool) {
	d := decoder{b: b}
	deadline = d.u64()
	what = int(d.u32())
	room = string(d.str())
	user = string(d.str())
	return deadline, what, room, user, d.done()
}

// appendUnsent appends the payload of frameUnsent: the first recipient that
// was not sent to, and the MESSAGE record.
func appendUnsent(dst []byte, first uint32, record []byte) []byte {
	return append(appendU32(dst, first), record...)
}

func parseUnsent(b []byte) (h head, to []string, ok bool) {
	d := decoder{b: b}
	first := d.u32()
	h, to, ok = parseMessage(d.b)
	if !ok || d.bad || uint64(first) > uint64(len(to)) {
		return head{}, nil, false
	}
	return h, to[first:], true
}

// appendFailed appends the payload of frameFailed.
func appendFailed(dst []byte, e *Event) []byte {
	dst = appendU32(dst, uint32(e.Code))
	dst = appendStr(dst, e.Room)
	dst = appendStr(dst, e.User)
	dst = appendStr(dst, e.Inviter)
	dst = appendStr(dst, e.CallID)
	return appendStr(dst, e.Socket)
}

func parseFailed(b []byte) (e Event, ok bool) {
	d := decoder{b: b}
	e.Kind = EventInvitationFailed
	e.Code = int(int32(d.u32()))
	e.Room = string(d.str())
	e.User = string(d.str())
	e.Inviter = string(d.str())
	e.CallID = string(d.str())
	e.Socket = string(d.str())
	return e, d.done()
}

// answerHead is the part of frameAnswer before the records: u8 flags, i32
// code, i32 status. Code and status count in the last frame only.
const (
	answerHead = 1 + 4 + 4
	answerLast = 1
)

func parseAnswer(b []byte) (last bool, code, status int, records []byte, ok bool) {
	d := decoder{b: b}
	last = d.u8()&answerLast != 0
	code = int(int32(d.u32()))
	status = int(int32(d.u32()))
	return last, code, status, d.b, !d.bad
}
