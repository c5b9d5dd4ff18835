package module

import "kamailio-imc/engine"

// Reply is what a function of the boundary hands out: records in a buffer
// that belongs to C, and a code. What does not fit waits in the process for
// [Process.More].
type Reply struct {
	// Code is what the function of the script returns.
	Code int

	buf    []byte  // C's; never grows
	rest   []byte  // records that did not fit, in Go's memory
	stream *stream // what else is to come from the host, nil: nothing
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
	r.buf = buf[:0:len(buf)]
	r.stream = nil
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
		record, after, ok := nextRecord(left)
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
	r.stream = nil
	r.clear()
}

// Bytes returns the records in the buffer.
func (r *Reply) Bytes() []byte { return r.buf }

// Len returns the number of bytes of records in the buffer.
func (r *Reply) Len() int { return len(r.buf) }

// More reports whether records are left for [Process.More].
func (r *Reply) More() bool { return len(r.rest) > 0 || r.stream != nil }

// room returns the slice to which a record of n bytes is to be appended.
func (r *Reply) room(n int) *[]byte {
	if len(r.rest) == 0 && len(r.buf)+n <= cap(r.buf) {
		return &r.buf
	}
	return &r.rest
}

// records takes whole records.
func (r *Reply) records(b []byte) {
	for len(b) > 0 {
		record, after, ok := nextRecord(b)
		if !ok {
			return
		}
		dst := r.room(len(record))
		*dst = append(*dst, record...)
		b = after
	}
}

// sink takes records: a Reply, or an answer on its way to a worker.
type sink interface {
	// room returns the slice to which a record of n bytes is to be appended
	// before anything else is done with the sink.
	room(n int) *[]byte
}

// LogError writes a LOG record of level LogError.
func (r *Reply) LogError(err error) { note(r, LogError, err.Error()) }

// note writes a LOG record.
func note(s sink, level engine.Level, text string) {
	text = text[:min(len(text), maxLogText)]
	dst := s.room(recordHead + 1 + strSize(text))
	*dst = appendLog(*dst, level, text)
}

// message writes m as MESSAGE records, each of at most RecordMax bytes. It
// returns the number of recipients that fit into no record.
func message(s sink, m *engine.Message) (impossible int) {
	h := headOf(m)
	size := h.size()
	for _, to := range m.To {
		for len(to) > 0 {
			n, bytes := fit(size, to, len(to))
			if n == 0 {
				impossible++
				to = to[1:]
				continue
			}
			dst := s.room(size + bytes)
			*dst = appendMessage(*dst, &h, to[:n], bytes)
			to = to[n:]
		}
	}
	return impossible
}

// outcome writes what came of a request that needed no room, and returns its
// code.
func outcome(o *engine.Outcome, s sink) int {
	for _, n := range o.Notes {
		note(s, n.Level, n.Text)
	}
	for i := range o.Messages {
		message(s, &o.Messages[i])
	}
	return o.Code
}
