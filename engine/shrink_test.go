package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// TestKnownRoomsAreBounded: in ModeDatabase rooms that were not used lately are
// forgotten, however many there are in all.
func TestKnownRoomsAreBounded(t *testing.T) {
	c := New(Settings{CommandStart: '#', Mode: storage.ModeDatabase}, nil)
	now := time.Now()
	read := func(i int, at time.Time) {
		r := room.From(&room.Record{Address: sip.Address{User: fmt.Sprintf("r%d", i), Host: "h"}, Members: []room.Member{{Address: sip.Address{User: "a", Host: "h"}, Role: room.RoleOwner}}})
		c.mu.Lock()
		defer c.mu.Unlock()
		c.adoptLocked(r.Address().Key(), r, at)
	}
	for i := range 5 * keptRooms {
		// One room is in use all the time, and the hours pass.
		read(0, now)
		read(i, now)
		now = now.Add(time.Hour / 1000)
		if rooms, members := c.Counts(); rooms > 3*1000+fewRooms || rooms != members {
			t.Fatalf("%d rooms with %d members are known", rooms, members)
		}
	}
	r, _ := c.known("r0@h")
	assert.NotNil(t, r)
	// All at one moment.
	for i := range 3 * keptRooms {
		read(i, now)
		now = now.Add(time.Microsecond)
		if rooms, _ := c.Counts(); rooms > keptRooms {
			t.Fatalf("%d rooms are known", rooms)
		}
	}
}
