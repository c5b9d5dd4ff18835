package sipua

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two farms talk to each other: what one sends, the other receives once, even
// if it does not answer at first.
func TestFarmToFarm(t *testing.T) {
	t.Parallel()
	a := NewFarm(t, "")
	b := NewFarm(t, a.Addr())
	require.NoError(t, a.Connect(b.Addr()))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	b.Answer("sip:bob@chat.test", Silence)
	time.AfterFunc(100*time.Millisecond, func() { b.Answer("sip:bob@chat.test", 486) })
	res, err := a.Send(ctx, Request{URI: "sip:bob@chat.test", From: `"A, b" <sip:alice@chat.test>`,
		Headers: []Header{{"X-A", "1"}}, Body: []byte("hi\x00there")})
	require.NoError(t, err)
	assert.Equal(t, 486, res.Code)

	got, err := b.Await(ctx, 0, 1)
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.Equal(t, "MESSAGE sip:bob@chat.test SIP/2.0", got[0].Line)
	assert.Equal(t, "hi\x00there", string(got[0].Body))
	assert.Equal(t, "1", got[0].Get("x-a"))
	assert.Contains(t, got[0].Get("From"), `"A, b" <sip:alice@chat.test>;tag=`)
	assert.Equal(t, 2, got[0].Copies, "one retransmission")
}

func TestParseMessageRefuses(t *testing.T) {
	t.Parallel()
	const head = "MESSAGE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKa\r\nFrom: <sip:a@c>;tag=1\r\n" +
		"To: <sip:b@c>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n"
	for name, data := range map[string]string{
		"no end of headers":         head,
		"no Content-Length":         head + "\r\n",
		"Content-Length too short":  head + "Content-Length: 1\r\n\r\nab",
		"a header without a colon":  head + "nonsense\r\nContent-Length: 0\r\n\r\n",
		"a folded line":             head + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
		"control byte in a header":  head + "X: a\x00b\r\nContent-Length: 0\r\n\r\n",
		"a line feed in a header":   head + "X: a\nY: b\r\nContent-Length: 0\r\n\r\n",
		"a first line of two words": "MESSAGE sip:b@c\r\nContent-Length: 0\r\n\r\n",
	} {
		_, err := ParseMessage([]byte(data))
		require.Error(t, err, name)
	}
	m, err := ParseMessage([]byte(head + "Content-Length: 2\r\n\r\nab"))
	require.NoError(t, err)
	assert.Equal(t, "z9hG4bKa", m.branch())
}
