package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
)

// uris returns n URIs of users.
func uris(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("sip:user%d@h", i)
	}
	return out
}

// recipients counts the recipients of all MESSAGE records in b.
func recipients(b []byte) (n int) {
	for len(b) > 0 {
		record, after, ok := NextRecord(b)
		if !ok {
			return n
		}
		n += Recipients(record)
		b = after
	}
	return n
}

func TestMessageRecord(t *testing.T) {
	want := Message{
		ID: 1 << 40, Flags: FlagInvitation, Room: ViewOf("r@h"), From: ViewOf("sip:r@h"), CallID: ViewOf("c\x00d"),
		Headers: ViewOf("Date: d\r\n"), Socket: ViewOf("tcp:[::1]:5060"), ContentType: ViewOf("text/plain"),
		Inviter: ViewOf("sip:i@h"), Body: []byte("hällo\x00"),
	}
	to := []string{"sip:a@h", "", "sip:c@h"}
	n, length := want.Fit(to, 10)
	assert.Equal(t, 3, n)
	b := want.AppendTo(nil, to, length)
	assert.Len(t, b, want.Size()+length)
	got, gotTo, ok := ParseMessage(b)
	require.True(t, ok)
	assert.Equal(t, want, got)
	assert.Equal(t, to, gotTo)
	assert.Equal(t, 3, Recipients(b))
	id, ok := MessageID(b)
	assert.True(t, ok)
	assert.Equal(t, want.ID, id)

	for i := range b {
		_, _, ok := ParseMessage(b[:i])
		assert.False(t, ok, "cut at %d", i)
	}
	_, _, ok = ParseMessage(append(b, 0))
	assert.False(t, ok, "followed by something")
}

// TestMessageIsCopied: what is kept of a record stands when the record's memory
// is another's.
func TestMessageIsCopied(t *testing.T) {
	m := engine.Message{
		Room: "r@h", From: "sip:r@h", ContentType: "text/plain", Body: []byte("body"), InReplyTo: "c",
		Headers: "Date: d\r\n", Socket: "udp:h:1", Typing: true, Inviter: "sip:i@h",
	}
	record := MessageOf(&m)
	b := record.AppendTo(nil, nil, 0)
	parsed, _, ok := ParseMessage(b)
	require.True(t, ok)
	to := []string{"sip:a@h"}
	kept := parsed.Copy(to)
	clear(b)
	m.To = [][]string{to}
	assert.Equal(t, m, kept)
}

func TestMessageIsSplitOverRecords(t *testing.T) {
	to := uris(20000)
	m := &engine.Message{Room: "r@h", From: "sip:r@h", To: [][]string{to}, ContentType: "text/plain", Body: []byte(strings.Repeat("x", 65000))}
	r := newReply(t)
	assert.Zero(t, WriteMessage(r, m))
	assert.True(t, r.More())
	var got []string
	all := append([]byte(nil), r.Bytes()...)
	buf := make([]byte, ReplyMin)
	for r.More() {
		r.proceed(buf)
		assert.NotZero(t, r.Len())
		all = append(all, r.Bytes()...)
	}
	for len(all) > 0 {
		record, rest, ok := NextRecord(all)
		require.True(t, ok)
		_, part, ok := ParseMessage(record)
		require.True(t, ok)
		got = append(got, part...)
		all = rest
	}
	assert.Equal(t, to, got)
}

func TestMessageThatNoRecordHolds(t *testing.T) {
	r := newReply(t)
	assert.Equal(t, 2, WriteMessage(r, &engine.Message{To: [][]string{uris(2)}, Body: make([]byte, RecordMax)}))
	assert.Zero(t, r.Len())
	long := "sip:" + strings.Repeat("u", RecordMax)
	assert.Equal(t, 1, WriteMessage(r, &engine.Message{To: [][]string{{"sip:a@h", long, "sip:b@h"}}}))
	assert.Equal(t, 2, recipients(r.Bytes()))
}

func TestLogIsCut(t *testing.T) {
	r := newReply(t)
	WriteLog(r, log.Error, strings.Repeat("x", 100000))
	record, rest, ok := NextRecord(r.Bytes())
	require.True(t, ok)
	assert.Empty(t, rest)
	assert.Less(t, len(record), maxLogText+100)
}

// FuzzParseMessage: whatever C gives back as a record is understood or
// refused.
func FuzzParseMessage(f *testing.F) {
	h := Message{Room: ViewOf("r@h"), From: ViewOf("sip:r@h"), Body: []byte("text")}
	to := uris(3)
	_, length := h.Fit(to, 3)
	f.Add(h.AppendTo(nil, to, length))
	f.Add(AppendLog(nil, log.Info, "line"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		Recipients(b)
		MessageID(b)
		recipients(b)
		h, to, ok := ParseMessage(b)
		if !ok {
			return
		}
		_, length := h.Fit(to, len(to))
		assert.Equal(t, b, h.AppendTo(nil, to, length))
	})
}
