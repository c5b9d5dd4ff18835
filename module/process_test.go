package module

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/sip"
	"kamailio-imc/module/moduletest"
	"kamailio-imc/module/snapshot"
	"kamailio-imc/module/wire"
)

func TestTextAndCommand(t *testing.T) {
	s := start(t, 2, nil).ready()
	a, b := s.Workers[0], s.Workers[1]

	r := a.Handle(user(0), room, "#create")
	assert.Equal(t, 1, r.Code)
	require.Len(t, r.Messages, 1)
	assert.Equal(t, "*** Room was created", string(r.Messages[0].Body))
	assert.Equal(t, room, r.Messages[0].From)
	assert.Equal(t, []string{user(0)}, r.Messages[0].To)
	assert.Equal(t, "call", r.Messages[0].InReplyTo)

	r = b.Handle(user(1), room, "#join")
	assert.Equal(t, 1, r.Code)

	for range 3 { // from the host's help, then from the snapshot
		r = a.Handle(user(0), room, "hello")
		assert.Equal(t, 1, r.Code)
		require.Len(t, r.Messages, 1, "%v", r.Logs)
		assert.Equal(t, "[user0]: hello", string(r.Messages[0].Body))
		assert.Equal(t, []string{user(1)}, r.Messages[0].To)
		assert.Equal(t, "text/plain", r.Messages[0].ContentType)
		assert.EqualValues(t, "room@example.org", r.Messages[0].Room)
		assert.Zero(t, r.Messages[0].ID)
	}
	assert.Equal(t, 3, a.Counter(wire.CounterTexts))

	r = b.Handle(user(2), room, "#join") // changes the room: a's snapshot is out of date
	assert.Equal(t, 1, r.Code)
	r = a.Handle(user(0), room, "again")
	require.Len(t, r.Messages, 1)
	assert.ElementsMatch(t, []string{user(1), user(2)}, r.Messages[0].To)

	r = a.Handle(user(9), room, "I am no member")
	assert.Equal(t, -200, r.Code)
	assert.Empty(t, r.Messages)
	assert.Equal(t, 3, s.Host.Counter(wire.CounterMembers))
	assert.Equal(t, 1, s.Host.Counter(wire.CounterRooms))
}

// TestWorkerDecidesAsTheHost: a text comes to the same whether the worker has
// the room's snapshot, is sent one, or the host handles the text.
func TestWorkerDecidesAsTheHost(t *testing.T) {
	s := start(t, 2, nil).ready()
	big := start(t, 1, func(s *Settings) { s.FanoutInline = 0 }).ready()
	known, told, none := s.Workers[0], s.Workers[1], big.Workers[0]
	for _, members := range []int{3, 20} {
		uri := fmt.Sprintf("sip:Room%d@example.org", members)
		key := fmt.Appendf(nil, "room%d@example.org", members)
		known.MakeRoom(uri, members)
		none.MakeRoom(uri, members)
		big.Host.Drain()
		for _, r := range []sip.Request{
			{From: user(0), Body: []byte("text")},
			{From: "sip:USER1@Example.org:5070;transport=tcp", ContentType: "text/html", Body: []byte("<b>text</b>")},
			{From: user(members - 1), ContentType: "application/json", CallID: "call", Body: []byte("{}")},
			{From: user(0), ContentType: "message/imdn+xml", Body: []byte("<imdn/>")},
			{From: user(0)},
			{From: user(0), CallID: "a\r\nb", Body: []byte("text")},
			{From: user(members), Body: []byte("no member")},
			{From: "tel:+49", Body: []byte("no member")},
			{From: "sip:a<b", Body: []byte("no URI")},
		} {
			r.RequestURI = uri
			require.Equal(t, 1, known.Handle(user(0), uri, "so that it has a snapshot").Code)
			a := known.HandleRequest(&r)
			s.Versions.Raise(key)
			b := told.HandleRequest(&r)
			c := none.HandleRequest(&r)
			queued := big.Host.Drain()
			assert.Equal(t, a.Code, b.Code, "%+v", r)
			assert.Equal(t, a.Code, c.Code, "%+v", r)
			assert.Equal(t, received(a.Messages), received(b.Messages), "%+v", r)
			assert.Equal(t, received(a.Messages), received(queued), "%+v", r)
		}
	}
}

// received returns what each recipient gets.
func received(messages []moduletest.Sent) map[string]string {
	out := make(map[string]string)
	for _, m := range messages {
		for _, to := range m.To {
			out[to] = fmt.Sprintf("%s %s %s %q %s", m.Room, m.From, m.InReplyTo, m.ContentType, m.Body)
		}
	}
	return out
}

func TestBothInOneProcess(t *testing.T) {
	x := moduletest.NewCaller(t)
	set := testSettings(start(t, 0, nil).Versions, x.Counters)
	set.Roles, set.FanoutInline = RoleWorker|RoleHost, 2
	p, err := Start(&set)
	require.NoError(t, err)
	x.Process = p
	x.UntilReady()
	x.MakeRoom(room, 2)
	r := x.Handle(user(0), room, "hello")
	require.Len(t, r.Messages, 1)
	assert.Equal(t, wire.StatusOK, x.Event(&wire.Event{Kind: wire.EventUnsent, First: 0, Message: r.Records[0]}).Status)
	assert.Len(t, x.Drain(), 1)
	x.Handle(user(2), room, "#join")
	x.Handle(user(3), room, "#join")
	assert.Equal(t, 1, x.Query(wire.QueryRoomMember, room, user(3)).Code)
	assert.NotEmpty(t, x.Drain())
	assert.Equal(t, wire.StatusOK, x.Event(moduletest.Failed(0, room, user(9), user(0))).Status)
	assert.Equal(t, 4, x.Counter(wire.CounterMembers))
	x.Handle(user(0), room, "#invite sip:guest@example.org")
	x.Drain()
	assert.Equal(t, wire.StatusOK, x.Event(moduletest.Failed(0, room, "sip:guest@example.org", user(0))).Status)
	assert.Equal(t, []string{user(0)}, x.AwaitMessage().To)
	assert.Equal(t, wire.StatusOK, x.Stop())
	assert.Equal(t, wire.StatusTimeout, x.Handle(user(0), room, "hello").Status)
}

// TestRolesAreApart: who is no worker handles nothing, who is no host has
// nothing to do.
func TestRolesAreApart(t *testing.T) {
	s := start(t, 1, nil).ready()
	r := s.Host.Handle(user(0), room, "#create")
	assert.Equal(t, wire.StatusInvalid, r.Status)
	assert.Equal(t, -1, r.Code)
	assert.Equal(t, wire.StatusInvalid, s.Host.Query(wire.QueryRoomActive, room, "").Status)
	assert.Equal(t, wire.StatusInvalid, s.Workers[0].Next(0).Status)
	assert.Equal(t, wire.StatusOK, s.Workers[0].Stop())
}

// TestOtherVersion: the library works for an imc.so of its own version only.
func TestOtherVersion(t *testing.T) {
	s := testSettings(make(snapshot.Versions, 2), make(wire.Counters, wire.CounterRow))
	s.Roles = RoleHost
	s.Version = wire.ViewOf("0.9")
	_, err := Start(&s)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "impossible settings: imc.so is version 0.9, imc_engine.so version ")
}

func TestSettingsThatCannotBe(t *testing.T) {
	good := func() Settings {
		s := testSettings(make(snapshot.Versions, 4), make(wire.Counters, wire.CounterRow))
		s.Roles = RoleHost
		return s
	}
	for name, change := range map[string]func(*Settings){
		"version":  func(s *Settings) { s.Version = wire.ViewOf("0.9") },
		"roles":    func(s *Settings) { s.Roles = 0 },
		"role":     func(s *Settings) { s.Roles = 4 },
		"mode":     func(s *Settings) { s.Mode = 3 },
		"start":    func(s *Settings) { s.CommandStart = 0 },
		"inline":   func(s *Settings) { s.FanoutInline = -1 },
		"queue":    func(s *Settings) { s.QueueSize = 0 },
		"bytes":    func(s *Settings) { s.QueueBytes = 0 },
		"ttl":      func(s *Settings) { s.CacheTTL = -1 },
		"timeout":  func(s *Settings) { s.Timeout = 0 },
		"versions": func(s *Settings) { s.Versions = s.Versions[:3] },
		"none":     func(s *Settings) { s.Versions = nil },
		"row":      func(s *Settings) { s.Counters = s.Counters[:3] },
		"worker":   func(s *Settings) { s.Roles, s.WorkerFD = RoleWorker, -1 },
		"host":     func(s *Settings) { s.HostFDs = []int{-1} },
		"socket":   func(s *Settings) { s.HostFDs = []int{1 << 20} },
	} {
		s := good()
		change(&s)
		_, err := Start(&s)
		assert.Error(t, err, name)
	}
}
