package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// TestRegistry creates and destroys rooms at random: their order stays that of
// their creation, and the counts stay right.
func TestRegistry(t *testing.T) {
	c := New(Settings{CommandStart: '#'}, nil)
	rng := rand.New(rand.NewPCG(3, 4))
	var want []sip.Key
	for range 2000 {
		a := sip.Address{User: fmt.Sprintf("r%d", rng.IntN(300)), Host: "example.org"}
		k := a.Key()
		if i := slices.Index(want, k); i >= 0 {
			c.apply(k, c.lookup(k), &room.Change{Room: a, Destroy: true})
			want = slices.Delete(want, i, i+1)
			require.Zero(t, c.Size(k))
		} else {
			c.apply(k, nil, &room.Change{Room: a, Create: true, Put: []room.Member{{Address: a}, {Address: sip.Address{User: "x", Host: "y"}}}})
			want = append(want, k)
			require.Equal(t, 2, c.Size(k))
		}
		rooms, members := c.Counts()
		require.Equal(t, len(want), rooms)
		require.Equal(t, 2*len(want), members)
		require.LessOrEqual(t, len(c.order), max(64, 2*len(want)+2))
	}
	var got []sip.Key
	for _, r := range c.all() {
		got = append(got, r.Address().Key())
	}
	assert.Equal(t, want, got)
}
