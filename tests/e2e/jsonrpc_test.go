package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// TestJSONRPC asks over JSON, where the answers of the stock module and of
// ours have the same fields; kamcmd leaves out what follows a list.
func TestJSONRPC(t *testing.T) {
	t.Parallel()
	for _, module := range []kamailio.Module{kamailio.Stock, kamailio.Ours} {
		t.Run(module.String(), func(t *testing.T) {
			t.Parallel()
			c := newChat(t, kamailio.Options{Module: module, TextDB: true, NoTCP: true, JSONRPC: true})
			ctx := bounded(t, 10*time.Second)

			rooms, err := c.JSONRPC("imc.list_rooms")
			require.NoError(t, err)
			assert.JSONEq(t, `[]`, string(rooms))
			c.must(ctx, "1", "alice", "room", "#create")
			c.must(ctx, "1", "bob", "room", "#join")
			c.must(ctx, "1", "alice", "room", "#invite carol")
			rooms, err = c.JSONRPC("imc.list_rooms")
			require.NoError(t, err)
			assert.JSONEq(t, `[{"room": "sip:room@chat.test", "members": 3, "owner": "sip:alice@chat.test"}]`, string(rooms))
			members, err := c.JSONRPC("imc.list_members", uri("room"))
			require.NoError(t, err)
			assert.JSONEq(t, `{"room": "sip:room@chat.test", "count": 3,
				"members": ["sip:alice@chat.test", "sip:carol@chat.test", "sip:bob@chat.test"]}`, string(members))

			for argument, text := range map[string]string{
				"": "Empty room name", ".": "Empty room name", "room": "Invalid room name", "sip:hall@chat.test": "Room not found",
			} {
				_, err = c.JSONRPC("imc.list_members", argument)
				var fault *kamailio.FaultError
				require.ErrorAs(t, err, &fault, "%q", argument)
				assert.Equal(t, kamailio.FaultError{Code: 500, Text: text}, *fault, "%q", argument)
			}
			for _, method := range []string{"imc.list_rooms", "imc.list_members"} {
				help, err := c.JSONRPC("system.methodHelp", method)
				require.NoError(t, err)
				assert.Regexp(t, `^"List .+\."$`, string(help))
			}
		})
	}
}
