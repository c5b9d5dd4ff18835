package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// TestListsThatDoNotFit asks for lists that are longer than what ctl can send,
// 1 KB here: a fault says so, and one line in the log, and the next question is
// answered.
func TestListsThatDoNotFit(t *testing.T) {
	t.Parallel()
	const members, rooms = 50, 600
	const fault = "The list does not fit into a reply"
	c := newChat(t, kamailio.Options{NoTCP: true, JSONRPC: true, Defines: map[string]string{"CTL_REPLY_KB": "1"}})
	ctx := bounded(t, 60*time.Second)
	for i := range members {
		c.must(ctx, "1", longName(i), "room", "#join")
	}
	ours := func() []string { return c.LogLines(`ERROR: imc .*does not fit|ERROR: imc .*longer than a reply`) }
	ctl := func() []string { return c.LogLines(`tried to reply more then once`) }

	var f *kamailio.FaultError
	_, err := c.RPC("imc.list_members", uri("room"))
	require.ErrorAs(t, err, &f)
	assert.Equal(t, kamailio.FaultError{Code: 500, Text: fault}, *f)
	assert.Len(t, ours(), 1)
	assert.Empty(t, ctl())
	_, err = c.JSONRPC("imc.list_members", uri("room"))
	assert.NoError(t, err, "this transport has no such bound")

	for i := range rooms {
		c.must(ctx, "1", "alice", fmt.Sprintf("room%d", i), "#create")
	}
	_, err = c.RPC("imc.list_rooms")
	require.ErrorAs(t, err, &f)
	// ctl has sent a fault of its own before our line comes
	assert.Eventually(t, func() bool { return len(ours()) == 2 }, 5*time.Second, 10*time.Millisecond)
	assert.LessOrEqual(t, len(ctl()), 1)
	v, err := c.RPC("imc.list_members", uri("room7"))
	require.NoError(t, err)
	assert.Len(t, v.Structs(), 1)
}

func longName(i int) string { return fmt.Sprintf("user%060d", i) }

// TestLongerReplies gives ctl more room for a reply, as docs/parameters.md says.
func TestLongerReplies(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{NoTCP: true, ShmMB: 256, Defines: map[string]string{"CTL_REPLY_KB": "64"}})
	ctx := bounded(t, 30*time.Second)
	for i := range 120 {
		c.must(ctx, "1", longName(i), "room", "#join")
	}
	v, err := c.RPC("imc.list_members", uri("room"))
	require.NoError(t, err)
	require.Len(t, v.Structs(), 1)
	members, _ := v.Structs()[0].Field("members")
	assert.Len(t, members.Strings(), 120)
}
