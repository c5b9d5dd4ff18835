package module

import (
	"encoding/binary"

	"kamailio-imc/engine"
)

// Limits of the boundary, in bytes; imc_engine.h defines the same numbers.
const (
	RecordMax = 128 * 1024    // a record, its length field included
	ReplyMin  = 2 * RecordMax // the least capacity of a reply buffer
)

// Kinds of records, as in enum imc_record.
const (
	RecordMessage = 1
	RecordLog     = 2
	RecordRoom    = 3
	RecordMember  = 4
	RecordReady   = 5
)

// Levels of LOG records, as in enum imc_log_level.
const (
	LogError   = engine.LevelError
	LogWarning = engine.LevelWarning
	LogNotice  = engine.LevelNotice
	LogInfo    = engine.LevelInfo
	LogDebug   = engine.LevelDebug
)

// Flags of a MESSAGE record, as in imc_engine.h.
const (
	FlagInvitation = 1 // asks for a report of a final response >= 300
	FlagTyping     = 2 // not to be sent to who refused such a thing lately
)

// maxLogText bounds a log line, so that a record of it always fits.
const maxLogText = 8 * 1024

// recordHead is the part of a record before its payload: length and kind.
const recordHead = 4 + 1

// head is everything of a MESSAGE record but the recipients.
type head struct {
	id          uint64
	flags       byte
	room        string
	from        string
	callID      string
	contentType string
	headers     string
	socket      string
	inviter     string
	body        []byte
}

// messageStrings is how many str fields of a MESSAGE record come before the
// recipients.
const messageStrings = 8

// headOf returns the head of the records of m.
func headOf(m *engine.Message) head {
	h := head{
		room:        string(m.Room),
		from:        m.From,
		callID:      m.InReplyTo,
		contentType: m.ContentType,
		headers:     m.Headers,
		socket:      m.Socket,
		inviter:     m.Inviter,
		body:        m.Body,
	}
	if m.Inviter != "" {
		h.flags = FlagInvitation
	}
	if m.Typing {
		h.flags |= FlagTyping
	}
	return h
}

// failed returns the report that the MESSAGE, an invitation, does not reach
// its recipient.
func (h *head) failed(to string) Event {
	return Event{
		Kind: EventInvitationFailed, Room: h.from, User: to, Inviter: h.inviter,
		CallID: h.callID, Socket: h.socket,
	}
}

// size is the length of a MESSAGE record without any recipient.
func (h *head) size() int {
	return recordHead + 8 + 1 + messageStrings*4 + len(h.room) + len(h.from) + len(h.callID) +
		len(h.contentType) + len(h.headers) + len(h.socket) + len(h.inviter) + len(h.body) + 4
}

// append writes the record up to the recipients: n of them, whose fields take
// length bytes; the caller appends exactly those.
func (h *head) append(dst []byte, n, length int) []byte {
	dst = appendU32(dst, uint32(h.size()-4+length))
	dst = append(dst, RecordMessage)
	dst = binary.LittleEndian.AppendUint64(dst, h.id)
	dst = append(dst, h.flags)
	dst = appendStr(dst, h.room)
	dst = appendStr(dst, h.from)
	dst = appendStr(dst, h.callID)
	dst = appendStr(dst, h.contentType)
	dst = appendStr(dst, h.headers)
	dst = appendStr(dst, h.socket)
	dst = appendStr(dst, h.inviter)
	dst = appendStr(dst, h.body)
	return appendU32(dst, uint32(n))
}

// strSize is the length of a str field.
func strSize(s string) int { return 4 + len(s) }

// fit returns how many of the recipients, at most limit, fit into a record
// whose head takes headSize bytes, and how many bytes their fields take. It
// returns 0 if not even the first one fits.
func fit(headSize int, to []string, limit int) (n, length int) {
	if len(to) > limit {
		to = to[:limit]
	}
	for _, uri := range to {
		if headSize+length+strSize(uri) > RecordMax {
			break
		}
		length += strSize(uri)
		n++
	}
	return n, length
}

// appendMessage appends the record of h with the recipients in to, whose
// fields take length bytes (see fit).
func appendMessage(dst []byte, h *head, to []string, length int) []byte {
	dst = h.append(dst, len(to), length)
	for _, uri := range to {
		dst = appendStr(dst, uri)
	}
	return dst
}

// appendLog appends a LOG record; text is cut at maxLogText bytes.
func appendLog(dst []byte, level engine.Level, text string) []byte {
	if len(text) > maxLogText {
		text = text[:maxLogText]
	}
	dst = appendU32(dst, uint32(1+1+strSize(text)))
	dst = append(dst, RecordLog, byte(level))
	return appendStr(dst, text)
}

// appendRoom appends a ROOM record.
func appendRoom(dst []byte, uri string, members int, owner string) []byte {
	dst = appendU32(dst, uint32(1+strSize(uri)+4+strSize(owner)))
	dst = append(dst, RecordRoom)
	dst = appendStr(dst, uri)
	dst = appendU32(dst, uint32(members))
	return appendStr(dst, owner)
}

// appendMember appends a MEMBER record.
func appendMember(dst []byte, uri string) []byte {
	dst = appendU32(dst, uint32(1+strSize(uri)))
	dst = append(dst, RecordMember)
	return appendStr(dst, uri)
}

// appendReady appends the READY record.
func appendReady(dst []byte) []byte {
	return append(appendU32(dst, 1), RecordReady)
}

// nextRecord splits the first record, its length field included, off b. It
// reports false if b does not begin with a whole record of legal length.
func nextRecord(b []byte) (record, rest []byte, ok bool) {
	if len(b) < recordHead {
		return nil, b, false
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n < 1 || n > RecordMax-4 || n > int64(len(b)-4) {
		return nil, b, false
	}
	return b[:4+n], b[4+n:], true
}

// parseMessage reads a MESSAGE record, from its length on. The head's strings
// and to are copies; body is a part of record.
func parseMessage(record []byte) (h head, to []string, ok bool) {
	record, rest, ok := nextRecord(record)
	if !ok || len(rest) != 0 || record[4] != RecordMessage {
		return head{}, nil, false
	}
	d := decoder{b: record[recordHead:]}
	h.id = d.u64()
	h.flags = d.u8()
	h.room = string(d.str())
	h.from = string(d.str())
	h.callID = string(d.str())
	h.contentType = string(d.str())
	h.headers = string(d.str())
	h.socket = string(d.str())
	h.inviter = string(d.str())
	h.body = d.str()
	n := d.u32()
	// Each recipient takes at least its length field.
	if d.bad || uint64(n) > uint64(len(d.b)/4) {
		return head{}, nil, false
	}
	to = make([]string, 0, n)
	for range n {
		to = append(to, string(d.str()))
	}
	return h, to, d.done()
}

// messageID returns the id of a MESSAGE record. ok is false if record is none.
func messageID(record []byte) (id uint64, ok bool) {
	if len(record) < recordHead+8 || record[4] != RecordMessage {
		return 0, false
	}
	return binary.LittleEndian.Uint64(record[recordHead:]), true
}

// isInvitation reports whether a record is a MESSAGE that invites.
func isInvitation(record []byte) bool {
	const flags = recordHead + 8
	return len(record) > flags && record[4] == RecordMessage && record[flags]&FlagInvitation != 0
}

// messageRecipients returns the number of recipients of a whole MESSAGE
// record, 0 for any other record.
func messageRecipients(record []byte) int {
	if len(record) < recordHead || record[4] != RecordMessage {
		return 0
	}
	d := decoder{b: record[recordHead:]}
	d.skip(8 + 1)
	for range messageStrings {
		d.str()
	}
	return int(d.u32())
}
