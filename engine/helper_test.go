package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
)

// The Request-URI and the From URIs of the tests carry a port, so that what is
// sent from the Request-URI as it came differs from what is sent from the room.
const (
	domain  = "@example.org"
	roomURI = "sip:room" + domain
	roomKey = sip.Key("room" + domain)

	cpim = "From: <sip:a@b>\r\nTo: <sip:c@d>\r\n\r\n" // begins a message/cpim

	// How long, and at which steps, what happens by itself is waited for.
	waitLong = 10 * time.Second
	waitStep = 5 * time.Millisecond
)

func settings() engine.Settings {
	return engine.Settings{CommandStart: '#', CreateOnJoin: true, MaxHops: 1}
}

// uri makes a URI of a name: "alice" is sip:alice@example.org:5070, anything
// with a ':' stands for itself.
func uri(name, port string) string {
	if strings.Contains(name, ":") {
		return name
	}
	return "sip:" + name + domain + port
}

// step is a MESSAGE and what comes of it. to is "room" if it is empty.
type step struct {
	from, to, body string
	code           int
	// want are the MESSAGEs as render writes them.
	want []string
}

// render writes a MESSAGE in one line: from, recipients, body. "sip:" and the
// domain are left out, so "room" is the room and "room:5060" the Request-URI.
func render(m *engine.Message) string {
	short := strings.NewReplacer("sip:", "", domain, "")
	to := slices.Concat(m.To...)
	for i := range to {
		to[i] = short.Replace(to[i])
	}
	return short.Replace(m.From) + " -> " + strings.Join(to, ",") + " | " + string(m.Body)
}

func request(from, to, body string) *sip.Request {
	if to == "" {
		to = "room"
	}
	return &sip.Request{
		From: uri(from, ":5070"), RequestURI: uri(to, ":5060"),
		CallID: "1@call", ContentType: "text/plain", Body: []byte(body),
	}
}

func send(t testing.TB, c *engine.Conference, from, to, body string) engine.Outcome {
	t.Helper()
	return c.Handle(context.Background(), request(from, to, body))
}

func play(t *testing.T, c *engine.Conference, steps []step) {
	t.Helper()
	for _, s := range steps {
		out := send(t, c, s.from, s.to, s.body)
		got := make([]string, 0, len(out.Messages))
		for i := range out.Messages {
			m := &out.Messages[i]
			got = append(got, render(m))
			assert.Equal(t, "text/plain", m.ContentType)
			assert.Equal(t, "1@call", m.InReplyTo)
		}
		if s.want == nil {
			s.want = []string{}
		}
		require.Equal(t, s.want, got, "%s: %s", s.from, s.body)
		require.Equal(t, s.code, out.Code, "%s: %s", s.from, s.body)
		for _, n := range out.Notes {
			assert.GreaterOrEqual(t, n.Level, log.Info, n.Text)
		}
		checkInvariants(t, c)
	}
}

// checkInvariants checks what holds whatever is sent: every room that has
// members has an owner, and the counts are those of the rooms.
func checkInvariants(t testing.TB, c *engine.Conference) {
	t.Helper()
	infos, err := c.Rooms(context.Background())
	require.NoError(t, err)
	members := 0
	for _, info := range infos {
		members += info.Members
		v, err := c.View(context.Background(), info.Key())
		require.NoError(t, err)
		require.Len(t, v.All, info.Members)
		require.Len(t, v.All, len(v.Members)+len(v.Invited))
		for i, m := range v.Members {
			k, err := sip.AppendKey(nil, m)
			require.NoError(t, err)
			require.Equal(t, i, v.Index(k))
		}
	}
	rooms, counted := c.Counts()
	require.Equal(t, len(infos), rooms)
	require.Equal(t, members, counted)
}
