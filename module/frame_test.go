package module

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
)

func testRequest() *engine.Request {
	return &engine.Request{From: "sip:a@h", RequestURI: "sip:r@h", CallID: "c", ContentType: "text/html", Headers: "Date: x\r\n", Socket: "udp:h:1", Body: []byte("b\x00")}
}

func TestFrame(t *testing.T) {
	b := endFrame(append(beginFrame([]byte("x"), frameQuery, 77), "payload"...), 1)
	b = append(b, "next"...)
	for i := range len(b) - 5 {
		_, _, _, need, err := splitFrame(b[1 : 1+i])
		require.NoError(t, err)
		assert.Greater(t, need, i)
	}
	kind, id, payload, need, err := splitFrame(b[1:])
	require.NoError(t, err)
	assert.Zero(t, need)
	assert.EqualValues(t, frameQuery, kind)
	assert.EqualValues(t, 77, id)
	assert.Equal(t, "payload", string(payload))

	_, _, _, _, err = splitFrame([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0})
	require.ErrorIs(t, err, errFrame)
	_, _, _, _, err = splitFrame(make([]byte, frameHead))
	require.ErrorIs(t, err, errFrame, "shorter than its head")
}

func TestPayloads(t *testing.T) {
	r := testRequest()
	deadline, got, ok := parseRequest(appendRequest(nil, 5, r))
	require.True(t, ok)
	assert.EqualValues(t, 5, deadline)
	assert.Equal(t, *r, got)
	assert.Len(t, appendRequest(nil, 5, r), requestSize(r)-frameHead)

	_, what, room, user, ok := parseQuery(appendQuery(nil, 5, QueryRoomMember, "r", "u"))
	require.True(t, ok)
	assert.Equal(t, QueryRoomMember, what)
	assert.Equal(t, "r", room)
	assert.Equal(t, "u", user)

	e := Event{Kind: EventInvitationFailed, Code: -1, Room: "r", User: "u", Inviter: "i", CallID: "c", Socket: "udp:h:1"}
	gotEvent, ok := parseFailed(appendFailed(nil, &e))
	require.True(t, ok)
	assert.Equal(t, e, gotEvent)
}

// FuzzHostFrame: a host answers or refuses any frame, and never panics: a
// panic would show as StatusPanic.
func FuzzHostFrame(f *testing.F) {
	h := head{room: "r@h", from: "sip:r@h", body: []byte("text")}
	to := uris("u", 3)
	_, bytes := fit(h.size(), to, 3)
	late := uint64(1) << 62
	f.Add(byte(frameRequest), appendRequest(nil, late, testRequest()))
	f.Add(byte(frameRequest), appendRequest(nil, late, &engine.Request{From: "sip:a@h", RequestURI: "sip:r@h", Body: []byte("#join")}))
	f.Add(byte(frameQuery), appendQuery(nil, late, QueryListRooms, "", ""))
	f.Add(byte(frameQuery), appendQuery(nil, late, QueryListMembers, "sip:r@h", ""))
	f.Add(byte(frameQuery), appendQuery(nil, late, QueryRoomMember, "sip:r@h", "sip:a@h"))
	f.Add(byte(frameUnsent), appendUnsent(nil, 1, appendMessage(nil, &h, to, bytes)))
	f.Add(byte(frameFailed), appendFailed(nil, &Event{Room: "sip:r@h", User: "sip:a@h", Inviter: "sip:b@h"}))
	f.Add(byte(0), []byte{})
	s := start(f, 0, nil).ready()
	f.Fuzz(func(t *testing.T, kind byte, payload []byte) {
		c, received := testConn(t)
		a := newAnswer(c, 1, nil)
		s.host.p.host.serveFrame(kind, payload, a)
		c.close()
		require.NoError(t, a.err)
		for _, frame := range received() {
			if frame.kind == frameAnswer {
				_, _, status, _, ok := parseAnswer(frame.payload)
				assert.True(t, ok)
				assert.NotEqual(t, int(StatusPanic), status)
			}
		}
		s.host.t = t
		s.host.drain()
	})
}

// FuzzSnapshot: a worker takes a sound snapshot or refuses it.
func FuzzSnapshot(f *testing.F) {
	f.Add(appendSnapshot(nil, 1, 0, "sip:r@h", uris("u", 3)))
	f.Add(appendSnapshot(nil, 1, 1000, "sip:r@h", nil))
	f.Add(appendSnapshot(nil, 1, 0, "sip:R@h", uris("U", linearMembers+1)))
	c := newCache(1<<21, 10)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := makeSnapshot(nil, b, 0)
		if !ok {
			return
		}
		_, to := s.split()
		n := 0
		for at := 0; at < len(to); at += 4 + len(fieldAt(to, at)) {
			r := newReply(t)
			s.fanOut(&head{from: string(s.uri()), body: []byte("x")}, at, r)
			assert.Equal(t, s.members()-1, recipients(r.Bytes())+recipients(r.rest))
			assert.GreaterOrEqual(t, s.find(keyOf(s.member(at))), 0)
			n++
		}
		assert.Equal(t, s.members(), n)
		assert.Equal(t, -1, s.find([]byte("no member's")))
		key := keyOf(s.uri())
		c.put(key, s)
		assert.Equal(t, s, c.get(key))
	})
}

// keyOf returns the key of a stored URI.
func keyOf(uri []byte) []byte {
	key := bytes.Clone(uri[len(scheme):])
	for i, c := range key {
		if 'A' <= c && c <= 'Z' {
			key[i] = c + 'a' - 'A'
		}
	}
	return key
}
