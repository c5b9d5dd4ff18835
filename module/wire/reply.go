package wire

import (
	"slices"

	"kamailio-imc/engine/log"
)

// Reply is what a function of the boundary hands out: records in a buffer
// that belongs to C, and a code. What does not fit waits in the reply for the
// next buffer, see [Replies.Continue].
type Reply struct {
	// Code is what the function of the script returns.
	Code int
	// Pending is the id of the frame of which more of the answer is still to
	// be taken from the host, 0 if of none.
	Pending uint32

	buf  []byte // C's; never grows
	rest []byte // records that did not fit, in Go's memory
}

// Replies are the replies of a process, one for each buffer of the C side:
// while the records of one are being worked through, events are answered in
// another. The zero value is ready for use.
type Replies struct {
	byBuffer map[*byte]*Reply
}

// Begin starts a reply into buf, which stays C's, of at least [ReplyMin]
// bytes; nil if it is shorter. Records of the buffer's last reply that nobody
// has taken are forgotten.
func (rs *Replies) Begin(buf []byte) *Reply {
	if len(buf) < ReplyMin {
		return nil
	}
	if rs.byBuffer == nil {
		rs.byBuffer = make(map[*byte]*Reply)
	}
	r := rs.byBuffer[&buf[0]]
	if r == nil {
		r = new(Reply)
		rs.byBuffer[&buf[0]] = r
	}
	r.begin(buf)
	return r
}

// Continue starts a reply into buf with the records that did not fit into the
// last one of this buffer; nil if there was none.
func (rs *Replies) Continue(buf []byte) *Reply {
	if len(buf) < ReplyMin || rs.byBuffer[&buf[0]] == nil {
		return nil
	}
	r := rs.byBuffer[&buf[0]]
	r.proceed(buf)
	return r
}

func (r *Reply) begin(buf []byte) {
	r.Code = 0
	r.Pending = 0
	r.buf = buf[:0:len(buf)]
	r.clear()
}

// clear forgets what did not fit.
func (r *Reply) clear() {
	if cap(r.rest) > RecordMax {
		r.rest = nil
	}
	r.rest = r.rest[:0]
}

func (r *Reply) proceed(buf []byte) {
	r.buf = buf[:0:len(buf)]
	left := r.rest
	for len(left) > 0 {
		record, after, ok := NextRecord(left)
		if !ok || len(r.buf)+len(record) > cap(r.buf) {
			break
		}
		r.buf = append(r.buf, record...)
		left = after
	}
	if len(left) == 0 {
		r.clear()
		return
	}
	r.rest = append(r.rest[:0], left...)
}

// Reset takes everything back that was written, for a reply to a call that
// ended in a panic.
func (r *Reply) Reset() {
	r.buf = r.buf[:0]
	r.Pending = 0
	r.clear()
}

// Bytes returns the records in the buffer.
func (r *Reply) Bytes() []byte { return r.buf }

// Len returns the number of bytes of records in the buffer.
func (r *Reply) Len() int { return len(r.buf) }

// Free returns how many more bytes fit into the buffer.
func (r *Reply) Free() int { return cap(r.buf) - len(r.buf) }

// Spilled returns the number of bytes of records that did not fit.
func (r *Reply) Spilled() int { return len(r.rest) }

// More reports whether there are more records than those in the buffer.
func (r *Reply) More() bool { return len(r.rest) > 0 || r.Pending != 0 }

// Space implements Sink.
func (r *Reply) Space(n int) []byte {
	if r.fits(n) {
		return r.buf[len(r.buf):]
	}
	r.rest = slices.Grow(r.rest, n)
	return r.rest[len(r.rest):]
}

// Append implements Sink.
func (r *Reply) Append(record []byte) {
	if r.fits(len(record)) {
		r.buf = joined(r.buf, record)
	} else {
		r.rest = joined(r.rest, record)
	}
}

// fits reports whether a record of n bytes goes into the buffer: none before it
// is left over, and there is room.
func (r *Reply) fits(n int) bool { return len(r.rest) == 0 && n <= r.Free() }

// AppendAll takes whole records.
func (r *Reply) AppendAll(records []byte) {
	for len(records) > 0 {
		record, after, ok := NextRecord(records)
		if !ok {
			return
		}
		r.Append(record)
		records = after
	}
}

// LogError writes a LOG record of the level of errors.
func (r *Reply) LogError(err error) { WriteLog(r, log.Error, err.Error()) }
