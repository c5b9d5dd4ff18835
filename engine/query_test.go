package engine_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/engine/storage/storagetest"
)

func TestQueries(t *testing.T) {
	for _, mode := range []storage.Mode{storage.ModeMemory, storage.ModeDurable, storage.ModeDatabase} {
		c, _ := withStore(t, mode, storagetest.NewStore(), nil)
		send(t, c, "alice", "", "#create")
		send(t, c, "alice", "", "#invite bob")
		send(t, c, "carol", "", "#join")
		send(t, c, "dave", "den", "#create private")

		for name, want := range map[string]bool{roomURI: true, "SIP:ROOM@example.org:5080;x=y": true, "sip:nowhere@example.org": false, "sip:example.org": false} {
			active, err := c.RoomActive(t.Context(), name)
			require.NoError(t, err)
			assert.Equal(t, want, active, name)
		}
		_, err := c.RoomActive(t.Context(), "room")
		require.ErrorIs(t, err, sip.ErrInvalidURI)

		for user, want := range map[string]bool{
			"sip:alice@example.org": true, "sips:ALICE@example.org:5061": true, "sip:bob@example.org": false, "tel:+49": false,
		} {
			is, err := c.RoomMember(t.Context(), roomURI, user)
			require.NoError(t, err)
			assert.Equal(t, want, is, user)
		}
		is, err := c.RoomMember(t.Context(), "sip:nowhere@example.org", "sip:alice@example.org")
		require.NoError(t, err)
		assert.False(t, is)
		_, err = c.RoomMember(t.Context(), "room", "sip:alice@example.org")
		require.ErrorIs(t, err, sip.ErrInvalidURI)
		_, err = c.RoomMember(t.Context(), roomURI, "alice")
		require.ErrorIs(t, err, sip.ErrInvalidURI)

		infos, err := c.Rooms(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []room.Info{
			{Address: sip.Address{User: "room", Host: "example.org"}, Members: 3, Owner: "sip:alice@example.org"},
			{Address: sip.Address{User: "den", Host: "example.org"}, Private: true, Members: 1, Owner: "sip:dave@example.org"},
		}, infos)

		v, err := c.Members(t.Context(), "sip:Room@example.org;lr")
		require.NoError(t, err)
		assert.Equal(t, roomURI, v.URI)
		assert.Equal(t, []string{"sip:alice@example.org", "sip:carol@example.org", "sip:bob@example.org"}, v.All)
		assert.Equal(t, []string{"sip:alice@example.org", "sip:carol@example.org"}, v.Members)
		assert.Equal(t, []string{"sip:bob@example.org"}, v.Invited)
		v, err = c.Members(t.Context(), "sip:nowhere@example.org")
		require.NoError(t, err)
		assert.Nil(t, v)
		_, err = c.Members(t.Context(), "nowhere")
		require.ErrorIs(t, err, sip.ErrInvalidURI)
	}
}

func TestInvitationFailed(t *testing.T) {
	for _, mode := range []storage.Mode{storage.ModeMemory, storage.ModeDurable, storage.ModeDatabase} {
		s := storagetest.NewStore()
		c, _ := withStore(t, mode, s, nil)
		send(t, c, "alice", "", "#create private")
		out := send(t, c, "alice", "", "#invite Bob")
		require.Len(t, out.Messages, 1)
		m := out.Messages[0]
		assert.Equal(t, "sip:alice@example.org", m.Inviter)
		assert.Equal(t, roomKey, m.Room)

		out = c.InvitationFailed(t.Context(), m.From, m.To[0][0], m.Inviter, m.InReplyTo, m.Socket)
		assert.Equal(t, engine.CodeOK, out.Code)
		assert.Equal(t, []string{"room -> alice | *** [Bob] is not registered"}, renderAll(out))
		assert.Equal(t, "1@call", out.Messages[0].InReplyTo)
		assert.Equal(t, "text/plain", out.Messages[0].ContentType)
		assert.Empty(t, out.Messages[0].Inviter)
		play(t, c, []step{{"bob", "", "#accept", -60, []string{"room:5060 -> bob:5070 | *** You are not invited to the room"}}})

		// It was answered, or is gone: nothing happens.
		out = c.InvitationFailed(t.Context(), m.From, m.To[0][0], m.Inviter, m.InReplyTo, m.Socket)
		assert.Equal(t, engine.CodeOK, out.Code)
		assert.Empty(t, out.Messages)
		send(t, c, "alice", "", "#invite bob")
		send(t, c, "bob", "", "#accept")
		assert.Empty(t, c.InvitationFailed(t.Context(), m.From, m.To[0][0], m.Inviter, "1", "").Messages)
		assert.Equal(t, engine.CodeOK, send(t, c, "bob", "", "hello").Code)
		send(t, c, "alice", "", "#destroy")
		out = c.InvitationFailed(t.Context(), m.From, m.To[0][0], m.Inviter, "1", "")
		assert.Equal(t, engine.CodeOK, out.Code)
		assert.Empty(t, out.Messages)
		assert.Equal(t, -50, c.InvitationFailed(t.Context(), "", "", "", "", "").Code)
	}
}

// TestMessageFields: what goes into headers cannot break out of them.
func TestMessageFields(t *testing.T) {
	c := engine.New(settings(), nil)
	r := request("alice", "", "#create")
	r.CallID = "x\r\nVia: y"
	assert.Equal(t, "x Via: y", c.Handle(t.Context(), r).Messages[0].InReplyTo)
	r.CallID = "x\x00y"
	assert.Empty(t, c.Handle(t.Context(), r).Messages[0].InReplyTo)
	r.CallID = ""
	assert.Empty(t, c.Handle(t.Context(), r).Messages[0].InReplyTo)
}
