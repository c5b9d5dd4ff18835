package wire

import (
	"encoding/binary"
	"errors"
)

// A frame is what goes over a socket pair in one piece: u32 length of what
// follows, u8 kind, u32 id, payload. A worker asks, with an id that it has
// not used before; the host answers with one or several frames of that id.
const (
	frameHead = 4 + 1 + 4
	// FrameMax bounds a frame, its length field included.
	FrameMax = 2*RecordMax + 64
	// AnswerChunk is the size at which the records of an answer are sent on
	// as a frame, so that lists of any length pass in pieces.
	AnswerChunk = 64 * 1024
)

// FrameKind says what a frame is.
type FrameKind byte

// Kinds of frames.
const (
	FrameRequest  FrameKind = 1 // worker: a MESSAGE to handle
	FrameQuery    FrameKind = 2 // worker: a question about rooms
	FrameUnsent   FrameKind = 3 // worker: a MESSAGE that tm had no memory for
	FrameFailed   FrameKind = 4 // worker: an invitation failed
	FrameAnswer   FrameKind = 5 // host: records, and with the last frame the code
	FrameSnapshot FrameKind = 6 // host: the only answer to a request, to be handled with this
	FrameWhole    FrameKind = 7 // worker: as FrameRequest, but no snapshot is to be the answer
)

// Frame is a frame that was received. The payload is valid until the next one
// is.
type Frame struct {
	Kind    FrameKind
	ID      uint32
	Payload []byte
}

// ErrFrame says that what a socket brought makes no sense.
var ErrFrame = errors.New("malformed frame")

// BeginFrame appends the head of a frame; EndFrame sets its length.
func BeginFrame(dst []byte, kind FrameKind, id uint32) []byte {
	dst = append(AppendU32(dst, 0), byte(kind))
	return AppendU32(dst, id)
}

// EndFrame completes the frame that starts at dst[at:].
func EndFrame(dst []byte, at int) []byte {
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// splitFrame splits the first frame off b. need is how many bytes there have
// to be at least before it is worth while to call it again; 0: there is a
// frame.
func splitFrame(b []byte) (f Frame, need int, err error) {
	if len(b) < frameHead {
		return Frame{}, frameHead, nil
	}
	n := int64(binary.LittleEndian.Uint32(b)) + 4
	if n < frameHead || n > FrameMax {
		return Frame{}, 0, ErrFrame
	}
	if int64(len(b)) < n {
		return Frame{}, int(n), nil
	}
	return Frame{Kind: FrameKind(b[4]), ID: binary.LittleEndian.Uint32(b[5:]), Payload: b[frameHead:n]}, 0, nil
}
