package engine

import (
	"context"
	"time"
)

// progressEvery is how often a long load is reported.
const progressEvery = 2 * time.Second

// Load reads all rooms in ModeDurable; in the other modes it does nothing. It
// is called once, before any other method. progress is called every two
// seconds and at the end with what has been read so far, note with what is odd
// about rows. The error is that of the store.
func (c *Conference) Load(ctx context.Context, progress func(rooms, members int), note func(Note)) error {
	if c.settings.Mode != ModeDurable {
		return nil
	}
	var last *room
	var lastKey Key
	rooms, members, next := 0, 0, time.Now().Add(progressEvery)
	tick := func() {
		if (rooms+members)%1024 == 0 && time.Now().After(next) {
			next = time.Now().Add(progressEvery)
			progress(rooms, members)
		}
	}
	err := c.store.Load(ctx, func(a Address, private bool) {
		k := a.Key()
		switch {
		case !a.sendable():
			note(notef(LevelWarning, "room %q left out: cannot be part of a SIP URI", a.URI()))
		case c.lookup(k) != nil:
			note(notef(LevelWarning, "room %s is there twice: the first row counts", a.URI()))
		default:
			c.install(k, newRoom(a, private))
		}
		rooms++
		tick()
	}, func(k Key, m Member) {
		if k != lastKey || last == nil {
			last, lastKey = c.lookup(k), k
		}
		if last == nil {
			note(notef(LevelWarning, "member %q left out: there is no room %q", m.URI(), string(k)))
		} else {
			last.load(m, note)
		}
		members++
		tick()
	}, note)
	if err != nil {
		return err
	}
	c.finishLoad()
	progress(c.Counts())
	return nil
}

// finishLoad gives back what growing lists of members took too much, and
// counts.
func (c *Conference) finishLoad() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members = 0
	for _, r := range c.order {
		if n := len(r.members); cap(r.members) > n {
			exact := make([]member, n)
			copy(exact, r.members)
			r.members = exact
		}
		c.members += len(r.members)
	}
}
