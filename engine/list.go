package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"kamailio-imc/engine/command"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

const (
	// fetchAtOnce is how many rooms a list reads with one query.
	fetchAtOnce = 500
	// listShare bounds how much of the time a list of more than shortList
	// rooms is being read for #rooms (ModeDatabase): it is used again for so
	// many times as long as its reading took, listKept at most.
	listShare = 10
	listKept  = 2 * time.Second
	shortList = 1000
)

// Rooms returns all rooms in the order of their creation. The error, in
// ModeDatabase only, is that of the store.
func (c *Conference) Rooms(ctx context.Context) ([]room.Info, error) {
	if c.settings.Mode == storage.ModeDatabase {
		return c.storedRooms(ctx)
	}
	rooms := c.all()
	infos := make([]room.Info, len(rooms))
	for i, r := range rooms {
		infos[i] = r.Info()
	}
	return infos, nil
}

// listRooms answers #rooms. Private rooms are shown to their members only.
func (c *Conference) listRooms(ctx context.Context, o *command.Order) Outcome {
	sender := o.From.Key()
	var list command.RoomList
	if c.settings.Mode == storage.ModeDatabase {
		infos, member, err := c.listing.visible(ctx, c, sender)
		if err != nil {
			return c.refused(o, o.Refuse("The rooms cannot be listed now, because their database does not answer: please try again later"))
		}
		for i := range infos {
			if _, in := member[infos[i].Key()]; in || !infos[i].Private {
				list.Add(infos[i].URI())
			}
		}
	} else {
		for _, r := range c.all() {
			if !r.Private() || r.HasMember(sender) {
				list.Add(r.URI())
			}
		}
	}
	return direct(o, list.Bodies(o)...)
}

// listing shares the reading of the list of rooms between all who want it, so
// that no number of #rooms loads the database (ModeDatabase).
type listing struct {
	mu      sync.Mutex // a leaf
	running *listRead  // nil while the list is not being read
	last    *listRead  // nil, or still good enough
}

// listRead is one reading of the list. Its rooms are never changed.
type listRead struct {
	done  chan struct{}
	infos []room.Info
	err   error
	stale bool // this node changed the list after it began; guarded by listing.mu
	// rooms of users who asked; guarded by listing.mu.
	members map[sip.Key]map[sip.Key]struct{}
}

// visible returns all rooms, and those of them that a user is a member of if
// any room is private.
func (l *listing) visible(ctx context.Context, c *Conference, user sip.Key) ([]room.Info, map[sip.Key]struct{}, error) {
	if c.away() {
		return nil, nil, storage.ErrUnavailable
	}
	rd, err := l.get(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	private := false
	for i := range rd.infos {
		private = private || rd.infos[i].Private
	}
	if !private {
		return rd.infos, nil, nil
	}
	l.mu.Lock()
	member := rd.members[user]
	l.mu.Unlock()
	if member != nil {
		return rd.infos, member, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	keys, err := c.store.RoomsOf(ctx, user)
	if err != nil {
		return nil, nil, c.listFailed(err)
	}
	member = make(map[sip.Key]struct{}, len(keys))
	for _, k := range keys {
		member[k] = struct{}{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	rd.members[user] = member
	return rd.infos, member, nil
}

// get returns a list that is good enough, which it reads if it has to.
func (l *listing) get(ctx context.Context, c *Conference) (*listRead, error) {
	for {
		l.mu.Lock()
		if l.last != nil {
			defer l.mu.Unlock()
			return l.last, nil
		}
		if l.running == nil {
			l.running = &listRead{done: make(chan struct{}), members: make(map[sip.Key]map[sip.Key]struct{})}
			c.reads.idle.Add(1)
			go l.read(c, l.running)
		}
		rd, stale := l.running, l.running.stale
		l.mu.Unlock()
		select {
		case <-rd.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !stale {
			return rd, rd.err
		}
	}
}

// read reads the list.
func (l *listing) read(c *Conference, rd *listRead) {
	defer c.reads.idle.Done()
	began := time.Now()
	rd.err = c.guarded(func() (err error) {
		rd.infos, err = c.readList(context.Background())
		return err
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = nil
	if rd.err == nil && !rd.stale && len(rd.infos) > shortList {
		l.last = rd
		time.AfterFunc(min(listShare*time.Since(began), listKept), func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.last == rd {
				l.last = nil
			}
		})
	}
	close(rd.done)
}

// changed is called with each change that this node has made: the next list
// shows it.
func (l *listing) changed(change *room.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, rd := range [...]*listRead{l.running, l.last} {
		if rd == nil {
			continue
		}
		for i := range change.Put {
			delete(rd.members, change.Put[i].Key())
		}
		for i := range change.Delete {
			delete(rd.members, change.Delete[i].Key())
		}
	}
	if change.Create || change.Destroy {
		l.last = nil
		if l.running != nil {
			l.running.stale = true
		}
	}
}

// storedRooms reads all rooms with their members (ModeDatabase). A room that
// is gone when its members are read is left out. Each query is bounded by
// storeTimeout.
func (c *Conference) storedRooms(ctx context.Context) ([]room.Info, error) {
	if c.away() {
		return nil, storage.ErrUnavailable
	}
	infos, err := c.readList(ctx)
	if err != nil {
		return nil, err
	}
	listed := infos[:0]
	for len(infos) > 0 {
		part := infos[:min(fetchAtOnce, len(infos))]
		infos = infos[len(part):]
		keys := make([]sip.Key, len(part))
		for i := range part {
			keys[i] = part[i].Key()
		}
		records, err := c.readRooms(ctx, keys)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if rec := records[k]; rec != nil {
				listed = append(listed, room.From(rec).Info())
			}
		}
	}
	return listed, nil
}

// readList reads the list of rooms.
func (c *Conference) readList(ctx context.Context) ([]room.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	infos, err := c.store.List(ctx)
	if err != nil {
		return nil, c.listFailed(err)
	}
	return infos, nil
}

// readRooms reads rooms with one query, without keeping them.
func (c *Conference) readRooms(ctx context.Context, keys []sip.Key) (map[sip.Key]*room.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	records, err := c.store.Fetch(ctx, keys)
	if err != nil {
		return nil, c.listFailed(err)
	}
	return records, nil
}

func (c *Conference) listFailed(err error) error {
	c.failed(err)
	switch {
	case errors.Is(err, storage.ErrUnavailable): // told as an outage
	case errors.Is(err, storage.ErrTimeout), errors.Is(err, storage.ErrLocked):
		c.noteRarely("list slowly", log.Notef(log.Warning, "rooms could not be listed in time: %v", err))
	default:
		c.noteRarely("list", log.Notef(log.Error, "database refuses to list rooms: %v", err))
	}
	return err
}
