package wire

import (
	"bytes"
	"encoding/binary"

	"kamailio-imc/engine"
	"kamailio-imc/engine/sip"
)

// Flags of a MESSAGE record, as in imc_engine.h.
const (
	FlagInvitation = 1 // asks for a report of a final response >= 300
	FlagTyping     = 2 // not to be sent to who refused such a thing lately
)

// Message is everything of a MESSAGE record but the recipients. It is for
// writing and reading one: its texts and the body are others' memory.
type Message struct {
	ID          uint64 // 0: sent by a worker
	Flags       byte
	Room        View // key
	From        View
	CallID      View
	ContentType View
	Headers     View
	Socket      View
	Inviter     View
	Body        []byte
}

// messageStrings is how many str fields of a MESSAGE record come before the
// recipients.
const messageStrings = 8

// MessageOf views m, without its recipients.
func MessageOf(m *engine.Message) Message {
	out := Message{
		Room:        ViewOf(string(m.Room)),
		From:        ViewOf(m.From),
		CallID:      ViewOf(m.InReplyTo),
		ContentType: ViewOf(m.ContentType),
		Headers:     ViewOf(m.Headers),
		Socket:      ViewOf(m.Socket),
		Inviter:     ViewOf(m.Inviter),
		Body:        m.Body,
	}
	if m.Inviter != "" {
		out.Flags = FlagInvitation
	}
	if m.Typing {
		out.Flags |= FlagTyping
	}
	return out
}

// Copy returns the MESSAGE in memory of its own, to these recipients.
func (m *Message) Copy(to []string) engine.Message {
	return engine.Message{
		Room:        sip.Key(m.Room.Copy()),
		From:        m.From.Copy(),
		To:          [][]string{to},
		ContentType: m.ContentType.Copy(),
		Body:        bytes.Clone(m.Body),
		InReplyTo:   m.CallID.Copy(),
		Headers:     m.Headers.Copy(),
		Socket:      m.Socket.Copy(),
		Typing:      m.Flags&FlagTyping != 0,
		Inviter:     m.Inviter.Copy(),
	}
}

// Size is the length of the record without any recipient.
func (m *Message) Size() int {
	return recordHead + 8 + 1 + messageStrings*4 + m.Room.Len() + m.From.Len() + m.CallID.Len() +
		m.ContentType.Len() + m.Headers.Len() + m.Socket.Len() + m.Inviter.Len() + len(m.Body) + 4
}

// Append writes the record up to the recipients: n of them, whose fields take
// length bytes; the caller appends exactly those.
func (m *Message) Append(dst []byte, n, length int) []byte {
	dst = AppendU32(dst, uint32(m.Size()-4+length))
	dst = append(dst, RecordMessage)
	dst = AppendU64(dst, m.ID)
	dst = append(dst, m.Flags)
	dst = appendView(dst, m.Room)
	dst = appendView(dst, m.From)
	dst = appendView(dst, m.CallID)
	dst = appendView(dst, m.ContentType)
	dst = appendView(dst, m.Headers)
	dst = appendView(dst, m.Socket)
	dst = appendView(dst, m.Inviter)
	dst = AppendStr(dst, m.Body)
	return AppendU32(dst, uint32(n))
}

// AppendTo appends the record with the recipients in to, whose fields take
// length bytes (see Fit).
func (m *Message) AppendTo(dst []byte, to []string, length int) []byte {
	dst = m.Append(dst, len(to), length)
	for _, uri := range to {
		dst = AppendStr(dst, uri)
	}
	return dst
}

// Fit returns how many of the recipients, at most limit, fit into a record of
// m, and how many bytes their fields take. It returns 0 if not even the first
// one fits.
func (m *Message) Fit(to []string, limit int) (n, length int) {
	size := m.Size()
	if len(to) > limit {
		to = to[:limit]
	}
	for _, uri := range to {
		if size+length+StrSize(uri) > RecordMax {
			break
		}
		length += StrSize(uri)
		n++
	}
	return n, length
}

// ParseMessage reads a MESSAGE record, from its length on. m views record, the
// recipients are copies.
func ParseMessage(record []byte) (m Message, to []string, ok bool) {
	record, rest, ok := NextRecord(record)
	if !ok || len(rest) != 0 || record[4] != RecordMessage {
		return Message{}, nil, false
	}
	d := NewDecoder(record[recordHead:])
	m.ID = d.U64()
	m.Flags = d.U8()
	m.Room = d.view()
	m.From = d.view()
	m.CallID = d.view()
	m.ContentType = d.view()
	m.Headers = d.view()
	m.Socket = d.view()
	m.Inviter = d.view()
	m.Body = d.Str()
	n := d.U32()
	// Each recipient takes at least its length field.
	if d.bad || uint64(n) > uint64(len(d.rest)/4) {
		return Message{}, nil, false
	}
	to = make([]string, 0, n)
	for range n {
		to = append(to, d.copy())
	}
	return m, to, d.Done()
}

// MessageID returns the id of a MESSAGE record. ok is false if record is none.
func MessageID(record []byte) (id uint64, ok bool) {
	if len(record) < recordHead+8 || record[4] != RecordMessage {
		return 0, false
	}
	return binary.LittleEndian.Uint64(record[recordHead:]), true
}

// IsInvitation reports whether a record is a MESSAGE that invites.
func IsInvitation(record []byte) bool {
	const flags = recordHead + 8
	return len(record) > flags && record[4] == RecordMessage && record[flags]&FlagInvitation != 0
}

// Recipients returns the number of recipients of a whole MESSAGE record, 0 for
// any other record.
func Recipients(record []byte) int {
	if len(record) < recordHead || record[4] != RecordMessage {
		return 0
	}
	d := NewDecoder(record[recordHead:])
	d.skip(8 + 1)
	for range messageStrings {
		d.Str()
	}
	return int(d.U32())
}

func appendView(dst []byte, v View) []byte { return AppendStr(dst, v.text) }
