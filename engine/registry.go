package engine

import (
	"slices"
	"time"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

// known is a room that is known, and what the conference has to know of it
// besides. Conference.mu guards it.
type known struct {
	*room.Room
	at     int       // position in Conference.order
	readAt time.Time // ModeDatabase: see room.View.ReadAt
}

// lookup returns the room with this key, nil if there is none.
func (c *Conference) lookup(k sip.Key) *room.Room {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if r := c.rooms[k]; r != nil {
		return r.Room
	}
	return nil
}

// apply brings a change of the room r into force and returns the room, nil if
// it is destroyed. The caller has the room's turn.
func (c *Conference) apply(k sip.Key, r *room.Room, change *room.Change) *room.Room {
	switch {
	case change.Empty():
		return r
	case change.Destroy:
		c.forget(k)
		return nil
	case r == nil:
		r = room.New(change.Room, change.Private)
		r.Apply(change)
		c.install(k, r)
		return r
	}
	count := r.Size()
	r.Apply(change)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members += r.Size() - count
	return r
}

// install puts a room in the place of the one with its key, or at the end.
func (c *Conference) install(k sip.Key, r *room.Room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.installLocked(k, r)
}

func (c *Conference) installLocked(k sip.Key, r *room.Room) *known {
	now := &known{Room: r}
	if old := c.rooms[k]; old != nil {
		c.members -= old.Size()
		now.at = old.at
		c.order[now.at] = now
	} else {
		now.at = len(c.order)
		c.order = append(c.order, now)
	}
	c.rooms[k] = now
	c.members += r.Size()
	return now
}

// forget removes the room with this key.
func (c *Conference) forget(k sip.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetLocked(k)
}

func (c *Conference) forgetLocked(k sip.Key) {
	r := c.rooms[k]
	if r == nil {
		return
	}
	delete(c.rooms, k)
	c.members -= r.Size()
	c.order[r.at] = nil
	if len(c.order) < 64 || len(c.rooms) > len(c.order)/2 {
		return
	}
	order := make([]*known, 0, len(c.rooms))
	for _, r := range c.order {
		if r != nil {
			r.at = len(order)
			order = append(order, r)
		}
	}
	c.order = order
}

// Bounds of what is known of rooms in ModeDatabase.
const (
	// keptUnused is how long a room is known that nobody uses, and keptRooms
	// the number of rooms that are known at most.
	keptUnused = time.Hour
	keptRooms  = 100_000
	// fewRooms are not worth a look.
	fewRooms = 1024
)

// shrinkLocked forgets rooms that were not used lately, when there are many
// (ModeDatabase): they are read when they are used again.
func (c *Conference) shrinkLocked(now time.Time) {
	if len(c.rooms) < max(c.shrinkAt, fewRooms) {
		return
	}
	oldest := now.Add(-keptUnused)
	if len(c.rooms) >= keptRooms {
		used := make([]time.Time, 0, len(c.rooms))
		for _, r := range c.rooms {
			used = append(used, r.readAt)
		}
		slices.SortFunc(used, time.Time.Compare)
		if middle := used[len(used)/2]; middle.After(oldest) {
			oldest = middle
		}
	}
	for k, r := range c.rooms {
		if r.readAt.Before(oldest) {
			c.forgetLocked(k)
		}
	}
	c.shrinkAt = 2 * len(c.rooms)
	if len(c.rooms) < keptRooms {
		c.shrinkAt = min(c.shrinkAt, keptRooms)
	}
}

// all returns the rooms in the order of their creation.
func (c *Conference) all() []*room.Room {
	c.mu.RLock()
	defer c.mu.RUnlock()
	rooms := make([]*room.Room, 0, len(c.rooms))
	for _, r := range c.order {
		if r != nil {
			rooms = append(rooms, r.Room)
		}
	}
	return rooms
}

// Size returns how many members, the invited ones included, a room has as far
// as is known here, 0 if the room is not known. Unlike View it costs nothing
// that grows with the room.
func (c *Conference) Size(k sip.Key) int {
	if r := c.lookup(k); r != nil {
		return r.Size()
	}
	return 0
}

// Counts returns how many rooms and how many members, the invited ones
// included, are known here: all there are, but in ModeDatabase only those that
// this node has used.
func (c *Conference) Counts() (rooms, members int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.rooms), c.members
}
