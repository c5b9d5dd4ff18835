package e2e

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// domain of all users and rooms of a farm.
const domain = "chat.test"

// uri of a user or room.
func uri(name string) string { return "sip:" + name + "@" + domain }

// chat is a server with a farm of users behind its outbound_proxy.
type chat struct {
	*kamailio.Server
	farm *sipua.Farm
	t    testing.TB
}

// newChat starts the case "conversation", where every MESSAGE goes to
// imc_manager().
func newChat(tb testing.TB, o kamailio.Options) *chat {
	tb.Helper()
	farm := sipua.NewFarm(tb, "")
	if o.Case == "" {
		o.Case = "conversation"
	}
	params := map[string]any{"outbound_proxy": "sip:" + farm.Addr()}
	maps.Copy(params, o.Params)
	o.Params = params
	server := kamailio.Start(tb, o)
	require.NoError(tb, farm.Connect(server.Addr))
	return &chat{Server: server, farm: farm, t: tb}
}

// send sends a text or command of a user and gives the final response; its
// header X-RC is what imc_manager() returned.
func (c *chat) send(ctx context.Context, from, room, body string) (*sipua.Message, error) {
	return c.farm.Send(ctx, sipua.Request{
		URI: uri(room), From: "<" + uri(from) + ">", Body: []byte(body),
		Headers: []sipua.Header{{Name: "Content-Type", Value: "text/plain"}},
	})
}

// must sends and fails the test unless imc_manager() returned rc.
func (c *chat) must(ctx context.Context, rc, from, room, body string) {
	c.t.Helper()
	res, err := c.send(ctx, from, room, body)
	require.NoError(c.t, err, "%s to %s: %.60q", from, room, body)
	require.Equal(c.t, rc, res.Get("X-RC"), "%s to %s: %.60q", from, room, body)
}

// ready waits until the engine serves, without a question by RPC: the process
// of ctl would open the library for it.
func (c *chat) ready(ctx context.Context) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		res, err := c.send(ctx, "nobody", "room", "#rooms")
		return err == nil && res.Get("X-RC") == "1"
	}, 10*time.Second, 10*time.Millisecond, "the engine does not serve")
}

// members asks for the list of members as a user and gives the names, without
// marks for owners and admins.
func (c *chat) members(ctx context.Context, as, room string) ([]string, error) {
	first := c.farm.Count()
	if _, err := c.send(ctx, as, room, "#members"); err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		got, err := c.farm.Await(ctx, first, n)
		if err != nil {
			return nil, err
		}
		for _, m := range got {
			if list, ok := strings.CutPrefix(string(m.Body), "Members:\n"); ok && m.URI == uri(as) {
				var names []string
				for l := range strings.SplitSeq(list, "\n") {
					names = append(names, strings.Trim(l, "*~[]"))
				}
				return names, nil
			}
		}
		n = len(got)
	}
}

// alive fails the test unless a new room can be made and talked in.
func (c *chat) alive(ctx context.Context) {
	c.t.Helper()
	room := fmt.Sprintf("alive%d", time.Now().UnixNano())
	c.must(ctx, "1", "erin", room, "#create")
	c.must(ctx, "1", "frank", room, "#join")
	first := c.farm.Count()
	c.must(ctx, "1", "erin", room, "still there?")
	await.Until(c.t, 10*time.Second, func() error {
		got := c.farm.Received(first)
		for _, m := range got {
			if m.URI == uri("frank") && string(m.Body) == "[erin]: still there?" {
				return nil
			}
		}
		return fmt.Errorf("the text of a new room did not arrive, but %v", got)
	})
	c.must(ctx, "1", "erin", room, "#destroy")
}

// bounded gives a context that ends before the test's patience does.
func bounded(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), d)
	tb.Cleanup(cancel)
	return ctx
}
