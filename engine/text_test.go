package engine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
)

// TestTextIsOneDecision holds what a process with a view decides against what
// the conference does, for small and large rooms.
func TestTextIsOneDecision(t *testing.T) {
	for _, size := range []int{1, 3, 16, 50} {
		c := engine.New(settings(), nil)
		send(t, c, "user0", "", "#create")
		for i := 1; i < size; i++ {
			send(t, c, fmt.Sprintf("user%d", i), "", "#join")
		}
		send(t, c, "user0", "", "#invite invitee")
		v, err := c.View(t.Context(), roomKey)
		require.NoError(t, err)
		remote := engine.NewRoomView(v.Address, v.Private, v.Members, v.Invited)
		for _, from := range []string{"user0", "USER1", fmt.Sprintf("user%d", size-1), "invitee", "nobody", "tel:+49", "sip:a<b@c"} {
			r := request(from, "", "hello")
			want := c.Handle(t.Context(), r)
			for _, view := range []*engine.RoomView{v, remote} {
				got := engine.Text(view, r)
				assert.Equal(t, want.Code, got.Code, from)
				assert.Equal(t, want.Messages, got.Messages)
				plan := engine.PlanText(nil, view, r)
				assert.Equal(t, want.Code, engine.Code(plan.Err))
				assert.Equal(t, plan.Sender >= 0, plan.Deliver)
			}
			if want.Code == engine.CodeOK {
				received := 0
				for _, m := range want.Messages {
					received += len(m.To)
					assert.Equal(t, roomKey, m.Room)
				}
				assert.Equal(t, size-1, received)
			}
		}
	}
	assert.Equal(t, engine.CodeText, engine.Text(nil, request("a", "", "hello")).Code)
	assert.Equal(t, engine.CodeMalformed, engine.Text(nil, request("a", "", "")).Code)
}

func TestPlanTextDoesNotAllocate(t *testing.T) {
	var members []string
	for i := range 40 {
		members = append(members, fmt.Sprintf("sip:user%d@example.org", i))
	}
	v := engine.NewRoomView(engine.Address{User: "room", Host: "example.org"}, false, members, nil)
	r := request("user20", "", "hello")
	buf := make([]byte, 0, 256)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		plan := engine.PlanText(buf, v, r)
		if plan.Err != nil || engine.IsCommand(r, '#') {
			t.Fail()
		}
	}))
}

func BenchmarkPlanText(b *testing.B) {
	members := []string{"sip:alice@example.org", "sip:bob@example.org"}
	v := engine.NewRoomView(engine.Address{User: "room", Host: "example.org"}, false, members, nil)
	r := request("bob", "", "hello")
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		engine.PlanText(buf, v, r)
	}
}
