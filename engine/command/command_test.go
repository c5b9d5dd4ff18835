package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/engine/sip"
)

// TestTable holds each entry of the table against what the others, the parser
// and the scripts rely on.
func TestTable(t *testing.T) {
	for _, c := range All() {
		name := c.Names[0]
		for _, n := range c.Names {
			assert.Equal(t, sip.Lower(n), n)
			assert.False(t, strings.ContainsAny(n, " \t"), n)
			assert.Same(t, c, byName[n])
		}
		assert.Less(t, c.Code, -20, name)
		assert.Greater(t, c.Code, CodeUnknown, name)
		assert.LessOrEqual(t, len(c.fields), maxArgs, name)
		for i, arg := range strings.Fields(c.Args) {
			assert.Equal(t, i < c.required, !strings.HasPrefix(arg, "["), "%s: what may be left out comes last", name)
		}
		assert.True(t, c.Help == "" || strings.HasPrefix(c.Help, name+" "), name)
		assert.Equal(t, c.May >= Managers, c.Denied != "", name)
		assert.True(t, c.DeniedLog == "" || c.Denied != "", name)

		// It is about a room, about all rooms, or about none.
		assert.Equal(t, c.decide == nil, c.answer != nil || c.AllRooms, name)
		assert.Equal(t, c.decide != nil, strings.Contains(c.Args, RoomArg), name)
	}
	assert.Panics(t, func() { register(&Command{Names: []string{"join"}}) })
}

// TestCodes holds the return codes against those of the stock module.
func TestCodes(t *testing.T) {
	for line, want := range map[string]int{
		"#create": -30, "#join": -40, "#invite": -50, "#add": -50, "#accept": -60, "#reject": -70, "#deny": -70,
		"#remove": -80, "#leave": -90, "#exit": -90, "#members": -100, "#list": -100, "#rooms": -100,
		"#destroy": -110, "#modify": -120, "#help": -120, "#": -20, "#nonsense": -130, "": -20,
	} {
		assert.Equal(t, want, In([]byte(line)).Code, line)
	}
}

// TestChanges: what is not confirmed is in doubt, but for what only asks.
func TestChanges(t *testing.T) {
	for _, c := range All() {
		_, asks := map[string]bool{"members": true, "rooms": true, "help": true}[c.Names[0]]
		assert.Equal(t, !asks, c.Changes(), c.Names[0])
	}
	assert.False(t, nameless.Changes())
	assert.False(t, unknown.Changes())
}
