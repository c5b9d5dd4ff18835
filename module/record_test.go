package module

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
)

// newReply returns a reply into a buffer of the least size.
func newReply(tb testing.TB) *Reply {
	tb.Helper()
	var rs Replies
	r := rs.Begin(make([]byte, ReplyMin))
	require.NotNil(tb, r)
	return r
}

func TestMessageRecord(t *testing.T) {
	want := head{
		id: 1 << 40, flags: FlagInvitation, room: "r@h", from: "sip:r@h", callID: "c\x00d", headers: "Date: d\r\n", socket: "tcp:[::1]:5060",
		contentType: "text/plain", inviter: "sip:i@h", body: []byte("hällo\x00"),
	}
	to := []string{"sip:a@h", "", "sip:c@h"}
	n, bytes := fit(want.size(), to, 10)
	assert.Equal(t, 3, n)
	b := appendMessage(nil, &want, to, bytes)
	assert.Len(t, b, want.size()+bytes)
	got, gotTo, ok := parseMessage(b)
	require.True(t, ok)
	assert.Equal(t, want, got)
	assert.Equal(t, to, gotTo)
	assert.Equal(t, 3, messageRecipients(b))
	id, ok := messageID(b)
	assert.True(t, ok)
	assert.Equal(t, want.id, id)

	for i := range b {
		_, _, ok := parseMessage(b[:i])
		assert.False(t, ok, "cut at %d", i)
	}
	_, _, ok = parseMessage(append(b, 0))
	assert.False(t, ok, "followed by something")
}

func TestMessageIsSplitOverRecords(t *testing.T) {
	to := uris("user", 20000)
	m := &engine.Message{Room: "r@h", From: "sip:r@h", To: [][]string{to}, ContentType: "text/plain", Body: []byte(strings.Repeat("x", 65000))}
	r := newReply(t)
	assert.Zero(t, message(r, m))
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
		record, rest, ok := nextRecord(all)
		require.True(t, ok)
		_, part, ok := parseMessage(record)
		require.True(t, ok)
		got = append(got, part...)
		all = rest
	}
	assert.Equal(t, to, got)
}

func TestMessageThatNoRecordHolds(t *testing.T) {
	r := newReply(t)
	assert.Equal(t, 2, message(r, &engine.Message{To: [][]string{uris("u", 2)}, Body: make([]byte, RecordMax)}))
	assert.Zero(t, r.Len())
	long := "sip:" + strings.Repeat("u", RecordMax)
	assert.Equal(t, 1, message(r, &engine.Message{To: [][]string{{"sip:a@h", long, "sip:b@h"}}}))
	assert.Equal(t, 2, recipients(r.Bytes()))
}

func TestLogIsCut(t *testing.T) {
	r := newReply(t)
	note(r, engine.LevelError, strings.Repeat("x", 100000))
	record, rest, ok := nextRecord(r.Bytes())
	require.True(t, ok)
	assert.Empty(t, rest)
	assert.Less(t, len(record), maxLogText+100)
}

func TestRepliesNeedABuffer(t *testing.T) {
	var rs Replies
	assert.Nil(t, rs.Begin(nil))
	assert.Nil(t, rs.Begin(make([]byte, ReplyMin-1)))
	buf := make([]byte, ReplyMin)
	assert.Nil(t, rs.Continue(buf), "nothing was begun")
	assert.NotNil(t, rs.Begin(buf))
	assert.NotNil(t, rs.Continue(buf))
}

func TestRepliesAreApart(t *testing.T) {
	var rs Replies
	one, two := make([]byte, ReplyMin), make([]byte, ReplyMin)
	r := rs.Begin(one)
	for range 60 {
		note(r, engine.LevelInfo, strings.Repeat("x", maxLogText))
	}
	require.True(t, r.More())
	assert.False(t, rs.Begin(two).More())
	n := 0
	for r.More() {
		r = rs.Continue(one)
		n++
	}
	assert.Positive(t, n)
}

// FuzzParseMessage: whatever C gives back as a record is understood or
// refused.
func FuzzParseMessage(f *testing.F) {
	h := head{room: "r@h", from: "sip:r@h", body: []byte("text")}
	to := uris("u", 3)
	_, bytes := fit(h.size(), to, 3)
	f.Add(appendMessage(nil, &h, to, bytes))
	f.Add(appendLog(nil, engine.LevelInfo, "line"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		messageRecipients(b)
		messageID(b)
		recipients(b)
		h, to, ok := parseMessage(b)
		if !ok {
			return
		}
		_, bytes := fit(h.size(), to, len(to))
		assert.Equal(t, b, appendMessage(nil, &h, to, bytes))
	})
}
