package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/log"
)

// newReply returns a reply into a buffer of the least size.
func newReply(tb testing.TB) *Reply {
	tb.Helper()
	var rs Replies
	r := rs.Begin(make([]byte, ReplyMin))
	require.NotNil(tb, r)
	return r
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
		WriteLog(r, log.Info, strings.Repeat("x", maxLogText))
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

// TestRecordsAreMadeInPlace: a record that is made in the reply's memory is not
// moved, and one that turns out longer than said is taken all the same.
func TestRecordsAreMadeInPlace(t *testing.T) {
	r := newReply(t)
	record := AppendMember(r.Space(100), "sip:a@h")
	r.Append(record)
	assert.Same(t, &record[0], &r.Bytes()[0])
	for range 3 {
		r.Append(AppendMember(r.Space(0), strings.Repeat("x", 100000)))
	}
	assert.Equal(t, len(record)+2*100009, r.Len())
	assert.Equal(t, 100009, r.Spilled())
	r.Append(AppendMember(r.Space(100), "sip:b@h"))
	assert.Equal(t, 100009+len(record), r.Spilled(), "stays behind what is left over")
}
