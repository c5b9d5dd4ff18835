package wire

import "slices"

// answerHead is the part of FrameAnswer before the records: u8 flags, i32
// code, i32 status. Code and status count in the last frame only.
const (
	answerHead  = 1 + 4 + 4
	answerStart = frameHead + answerHead
	answerLast  = 1
)

// Answer is what the host sends back for one frame of a worker: frames of
// records, each of about AnswerChunk bytes.
type Answer struct {
	Code   int
	Status Status
	// Done says that nothing is to be answered any more.
	Done bool
	// Err is that of the socket; then nothing more is sent.
	Err error

	end *HostEnd
	id  uint32
	buf []byte
}

// NewAnswer returns the answers to what end receives.
func NewAnswer(end *HostEnd) *Answer { return &Answer{end: end} }

// Begin starts the answer to the frame with this id.
func (a *Answer) Begin(id uint32) {
	buf := a.buf
	if cap(buf) > 2*AnswerChunk {
		buf = nil
	}
	*a = Answer{end: a.end, id: id, buf: append(buf[:0], make([]byte, answerStart)...)}
}

// Space implements Sink.
func (a *Answer) Space(n int) []byte {
	if len(a.buf) > answerStart && len(a.buf)+n > AnswerChunk {
		a.send(0)
	}
	a.buf = slices.Grow(a.buf, n)
	return a.buf[len(a.buf):]
}

// Append implements Sink.
func (a *Answer) Append(record []byte) { a.buf = joined(a.buf, record) }

// End sends the last frame, with the code and the status.
func (a *Answer) End() {
	a.send(answerLast)
	a.Done = true
}

// send sends what there is as a frame.
func (a *Answer) send(flags byte) {
	h := BeginFrame(a.buf[:0], FrameAnswer, a.id)
	h = append(h, flags)
	h = AppendU32(h, uint32(int32(a.Code)))
	AppendU32(h, uint32(int32(a.Status)))
	if a.Err == nil {
		a.Err = a.end.Write(EndFrame(a.buf, 0))
	}
	a.buf = a.buf[:answerStart]
}

// BeginSnapshot returns the head of the frame that answers with a snapshot, to
// which the payload is appended.
func (a *Answer) BeginSnapshot() []byte { return BeginFrame(nil, FrameSnapshot, a.id) }

// EndSnapshot sends the frame as the whole answer. It reports false, with
// nothing sent, if it is too long.
func (a *Answer) EndSnapshot(frame []byte) bool {
	if len(frame) > FrameMax {
		return false
	}
	a.Err = a.end.Write(EndFrame(frame, 0))
	a.Done = true
	return true
}

// AnswerPart is a frame of an answer as the worker receives it.
type AnswerPart struct {
	Last    bool
	Code    int    // see answerHead
	Status  Status // the same
	Records []byte
}

// ParseAnswer reads the payload of FrameAnswer.
func ParseAnswer(b []byte) (p AnswerPart, ok bool) {
	d := NewDecoder(b)
	p.Last = d.U8()&answerLast != 0
	p.Code = int(int32(d.U32()))
	p.Status = Status(int32(d.U32()))
	p.Records = d.rest
	return p, !d.bad
}
