package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/sip"
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
		for _, from := range []string{"user0", "USER1", fmt.Sprintf("user%d", size-1), "invitee", "nobody", "tel:+49", "sip:a<b@c"} {
			r := request(from, "", "hello")
			out := c.Handle(t.Context(), r)
			key, err := sip.AppendKey(nil, r.From)
			sender := v.Index(key)
			if err != nil || sender < 0 {
				assert.Negative(t, out.Code, from)
				continue
			}
			assert.Equal(t, engine.CodeOK, out.Code, from)
			content := sip.Classify(r, '#', 1)
			plan := sip.PlanText(nil, v.Members[sender], &content)
			assert.True(t, content.GoesOn())
			var received []string
			for _, m := range out.Messages {
				received = append(received, slices.Concat(m.To...)...)
				assert.Equal(t, roomKey, m.Room)
				assert.Equal(t, plan.Body, m.Body)
				assert.Equal(t, plan.ContentType, m.ContentType)
			}
			assert.ElementsMatch(t, append(received, v.Members[sender]), v.Members)
		}
	}
}

func TestTextWithoutRoom(t *testing.T) {
	c := engine.New(settings(), nil)
	assert.Equal(t, engine.CodeText, c.Handle(t.Context(), request("a", "", "hello")).Code)
	assert.Equal(t, engine.CodeMalformed, c.Handle(t.Context(), request("a", "", "")).Code)
}
