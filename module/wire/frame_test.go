package wire

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/sip"
)

func testRequest() *sip.Request {
	return &sip.Request{From: "sip:a@h", RequestURI: "sip:r@h", CallID: "c", ContentType: "text/html", Headers: "Date: x\r\n", Socket: "udp:h:1", Body: []byte("b\x00")}
}

func TestFrame(t *testing.T) {
	b := EndFrame(append(BeginFrame([]byte("x"), FrameQuery, 77), "payload"...), 1)
	b = append(b, "next"...)
	for i := range len(b) - 5 {
		_, need, err := splitFrame(b[1 : 1+i])
		require.NoError(t, err)
		assert.Greater(t, need, i)
	}
	f, need, err := splitFrame(b[1:])
	require.NoError(t, err)
	assert.Zero(t, need)
	assert.Equal(t, FrameQuery, f.Kind)
	assert.EqualValues(t, 77, f.ID)
	assert.Equal(t, "payload", string(f.Payload))

	_, _, err = splitFrame([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0})
	require.ErrorIs(t, err, ErrFrame)
	_, _, err = splitFrame(make([]byte, frameHead))
	require.ErrorIs(t, err, ErrFrame, "shorter than its head")
}

func TestPayloads(t *testing.T) {
	r := testRequest()
	deadline, got, ok := ParseRequest(AppendRequest(nil, 5, r))
	require.True(t, ok)
	assert.EqualValues(t, 5, deadline)
	assert.Equal(t, *r, got)
	assert.Len(t, AppendRequest(nil, 5, r), RequestSize(r)-frameHead)

	_, what, room, user, ok := ParseQuery(AppendQuery(nil, 5, QueryRoomMember, ViewOf("r"), ViewOf("u")))
	require.True(t, ok)
	assert.Equal(t, QueryRoomMember, what)
	assert.Equal(t, "r", room)
	assert.Equal(t, "u", user)

	e := Event{
		Kind: EventInvitationFailed, Code: -1, Room: ViewOf("r"), User: ViewOf("u"),
		Inviter: ViewOf("i"), CallID: ViewOf("c"), Socket: ViewOf("udp:h:1"),
	}
	gotEvent, ok := ParseFailed(AppendFailed(nil, &e))
	require.True(t, ok)
	assert.Equal(t, e, gotEvent)
}

// TestRequestIsCopied: what is kept of a request stands when C's memory is used
// again.
func TestRequestIsCopied(t *testing.T) {
	memory := []byte("frtchs")
	at := func(i int) View { return ViewBytes(memory[i : i+1]) }
	r := Request{
		From: at(0), RequestURI: at(1), ContentType: at(2), CallID: at(3), Headers: at(4), Socket: at(5), Body: memory,
	}
	seen, kept := r.Peek(), r.Copy()
	assert.Equal(t, seen, kept)
	assert.Equal(t, sip.Request{
		From: "f", RequestURI: "r", ContentType: "t", CallID: "c", Headers: "h", Socket: "s", Body: []byte("frtchs"),
	}, kept)
	clear(memory)
	assert.Equal(t, "f", kept.From)
	assert.Equal(t, "\x00", r.From.Copy())
	assert.Equal(t, "frtchs", string(kept.Body))
}
