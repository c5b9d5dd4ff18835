package engine

import (
	"context"
	"time"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// reportEvery is how often a long load is reported.
const reportEvery = 2 * time.Second

// Load reads all rooms in ModeDurable; in the other modes it does nothing. It
// is called once, before any other method. progress is called every two
// seconds and at the end with what has been read so far, note with what is odd
// about rows. The error is that of the store.
func (c *Conference) Load(ctx context.Context, progress func(rooms, members int), note func(log.Note)) error {
	if c.settings.Mode != storage.ModeDurable {
		return nil
	}
	// What is read of each room, by room.at, until its roster is made.
	var read [][]room.Entry
	var last *known
	var lastKey sip.Key
	rooms, members, next := 0, 0, time.Now().Add(reportEvery)
	tick := func() {
		if (rooms+members)%1024 == 0 && time.Now().After(next) {
			next = time.Now().Add(reportEvery)
			progress(rooms, members)
		}
	}
	err := c.store.Load(ctx, func(a sip.Address, private bool) {
		c.install(a.Key(), room.New(a, private))
		read = append(read, nil)
		rooms++
		tick()
	}, func(k sip.Key, m room.Member) {
		if k != lastKey || last == nil {
			last, lastKey = c.rooms[k], k
		}
		read[last.at] = append(read[last.at], room.Entry{URI: m.URI(), Role: m.Role})
		members++
		tick()
	}, note)
	if err != nil {
		return err
	}
	loaded := 0
	for i, r := range c.all() {
		r.Fill(read[i])
		read[i] = nil
		loaded += r.Size()
	}
	c.mu.Lock()
	c.members = loaded
	c.mu.Unlock()
	progress(c.Counts())
	return nil
}
