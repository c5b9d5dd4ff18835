package e2e

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// TestKEMI runs the routing logic as a Lua script, which calls the module's
// three functions as KSR.imc.*.
func TestKEMI(t *testing.T) {
	t.Parallel()
	script := filepath.Join(kamailio.RepoDir(), "tests", "kamailio-config", "kemi", "kamailio.lua")
	c := newChat(t, kamailio.Options{Case: "kemi", NoTCP: true,
		Defines: map[string]string{"LUA_SCRIPT": kamailio.Quote(script)}})
	ctx := bounded(t, 20*time.Second)

	assert.Equal(t, "-1", c.ask(ctx, "room", ""))
	assert.Equal(t, "-1", c.ask(ctx, "room", "alice"))
	c.must(ctx, "1", "alice", "room", "#create")
	c.must(ctx, "1", "bob", "room", "#join")
	assert.Equal(t, "1", c.ask(ctx, "room", ""))
	assert.Equal(t, "1", c.ask(ctx, "room", "alice"))
	assert.Equal(t, "-1", c.ask(ctx, "room", "carol"))
	assert.Equal(t, "-1", c.ask(ctx, "hall", ""))
	c.must(ctx, "-200", "carol", "room", "let me in")
	c.must(ctx, "-80", "bob", "room", "#remove alice")

	first := c.farm.Count()
	c.must(ctx, "1", "alice", "room", "hello")
	got, err := c.farm.Await(ctx, first, 1)
	require.NoError(t, err)
	assert.Equal(t, "[alice]: hello", string(got[0].Body))
	assert.Equal(t, uri("bob"), got[0].URI)
}

// ask has the script call imc_room_active(), or imc_room_member() if a user is
// given.
func (c *chat) ask(ctx context.Context, room, user string) string {
	c.t.Helper()
	headers := []sipua.Header{{Name: "X-Room", Value: uri(room)}}
	if user != "" {
		headers = append(headers, sipua.Header{Name: "X-User", Value: uri(user)})
	}
	res, err := c.farm.Send(ctx, sipua.Request{Method: "INFO", URI: uri("script"), From: "<" + uri("script") + ">", Headers: headers})
	require.NoError(c.t, err)
	return res.Get("X-RC")
}
