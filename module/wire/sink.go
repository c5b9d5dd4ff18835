package wire

import (
	"fmt"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
)

// Sink takes records: a Reply, or an Answer on its way to a worker. A record is
// made by append in memory of the sink's, and handed in with Append.
type Sink interface {
	// Space returns an empty slice with room for a record of n bytes. Nothing
	// else is done with the sink until it is appended.
	Space(n int) []byte
	// Append takes a whole record.
	Append(record []byte)
}

// WriteLog writes a LOG record.
func WriteLog(s Sink, level log.Level, text string) {
	s.Append(AppendLog(s.Space(LogSize(text)), level, text))
}

// WriteLogf is WriteLog with a format.
func WriteLogf(s Sink, level log.Level, format string, args ...any) {
	WriteLog(s, level, fmt.Sprintf(format, args...))
}

// WriteNotes writes LOG records.
func WriteNotes(s Sink, notes []log.Note) {
	for _, n := range notes {
		WriteLog(s, n.Level, n.Text)
	}
}

// WriteRoom writes a ROOM record.
func WriteRoom(s Sink, uri string, members int, owner string) {
	s.Append(AppendRoom(s.Space(recordHead+StrSize(uri)+4+StrSize(owner)), uri, members, owner))
}

// WriteMember writes a MEMBER record.
func WriteMember(s Sink, uri string) {
	s.Append(AppendMember(s.Space(recordHead+StrSize(uri)), uri))
}

// WriteReady writes the READY record.
func WriteReady(s Sink) { s.Append(AppendReady(s.Space(recordHead))) }

// WriteMessage writes m as MESSAGE records, each of at most RecordMax bytes. It
// returns the number of recipients that fit into no record.
func WriteMessage(s Sink, m *engine.Message) (impossible int) {
	head := MessageOf(m)
	for _, to := range m.To {
		for len(to) > 0 {
			n, length := head.Fit(to, len(to))
			if n == 0 {
				impossible++
				to = to[1:]
				continue
			}
			s.Append(head.AppendTo(s.Space(head.Size()+length), to[:n], length))
			to = to[n:]
		}
	}
	return impossible
}

// joined appends a record to b. It is not copied if it was made behind b.
func joined(b, record []byte) []byte {
	n := len(b) + len(record)
	if len(record) > 0 && n <= cap(b) && &b[:n][len(b)] == &record[0] {
		return b[:n]
	}
	return append(b, record...)
}

// ForLog shortens what a user sent to what a line of the log needs of it.
func ForLog(s string) string {
	const most = 128
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
