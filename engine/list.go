package engine

import "context"

// fetchAtOnce is how many rooms a list reads with one query.
const fetchAtOnce = 500

// Rooms returns all rooms in the order of their creation. The error, in
// ModeDatabase only, is that of the store.
func (c *Conference) Rooms(ctx context.Context) ([]RoomInfo, error) {
	if c.settings.Mode == ModeDatabase {
		return c.storedRooms(ctx, func(*RoomInfo) bool { return true }, func(info *RoomInfo, r *room) {
			*info = r.info()
		})
	}
	rooms := c.all()
	infos := make([]RoomInfo, len(rooms))
	for i, r := range rooms {
		infos[i] = r.info()
	}
	return infos, nil
}

// listRooms answers #rooms. Private rooms are shown to their members only.
func (c *Conference) listRooms(ctx context.Context, cmd *command) Outcome {
	sender := string(cmd.from.Key())
	var names []string
	add := func(a Address, private, member bool) {
		if !private || member {
			names = append(names, "["+a.User+"]")
		}
	}
	if c.settings.Mode != ModeDatabase {
		for _, r := range c.all() {
			add(r.address(), r.private, r.private && r.hasMember(sender))
		}
		return c.direct(cmd, splitList(headingRooms, names)...)
	}
	member := make(map[Key]bool)
	isPrivate := func(info *RoomInfo) bool { return info.Private }
	infos, err := c.storedRooms(ctx, isPrivate, func(info *RoomInfo, r *room) {
		member[info.Key()] = r.hasMember(sender)
	})
	if err != nil {
		return c.refused(cmd, cmd.refuse("The rooms cannot be listed now, because their database does not answer: please try again later"))
	}
	for i := range infos {
		add(infos[i].Address, infos[i].Private, member[infos[i].Key()])
	}
	return c.direct(cmd, splitList(headingRooms, names)...)
}

// hasMember reports whether a user is a member, not merely invited.
func (r *room) hasMember(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.findMember(key) != nil
}

// storedRooms reads the list of rooms, and with their members those that want
// says (ModeDatabase). A room that is gone when its members are read is left
// out. Each query is bounded by storeTimeout.
func (c *Conference) storedRooms(ctx context.Context, want func(*RoomInfo) bool, found func(*RoomInfo, *room)) ([]RoomInfo, error) {
	if c.away() {
		return nil, ErrUnavailable
	}
	infos, err := c.readList(ctx)
	if err != nil {
		return nil, err
	}
	listed := infos[:0]
	for len(infos) > 0 {
		part := infos[:min(fetchAtOnce, len(infos))]
		infos = infos[len(part):]
		var keys []Key
		for i := range part {
			if want(&part[i]) {
				keys = append(keys, part[i].Key())
			}
		}
		records, err := c.readRooms(ctx, keys)
		if err != nil {
			return nil, err
		}
		for i := range part {
			info := part[i]
			if want(&info) {
				rec := records[info.Key()]
				if rec == nil {
					continue
				}
				found(&info, newRoomFrom(rec, c.noteOnce))
			}
			listed = append(listed, info)
		}
	}
	return listed, nil
}

// readList reads the list of rooms, without those that cannot be used.
func (c *Conference) readList(ctx context.Context) ([]RoomInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	infos, err := c.store.List(ctx)
	if err != nil {
		return nil, c.listFailed(err)
	}
	seen := make(map[Key]struct{}, len(infos))
	usable := infos[:0]
	for i := range infos {
		k := infos[i].Key()
		if _, twice := seen[k]; twice || !infos[i].sendable() {
			continue
		}
		seen[k] = struct{}{}
		usable = append(usable, infos[i])
	}
	return usable, nil
}

// readRooms reads rooms with one query, without keeping them.
func (c *Conference) readRooms(ctx context.Context, keys []Key) (map[Key]*RoomRecord, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	records, err := c.store.Fetch(ctx, keys)
	if err != nil {
		return nil, c.listFailed(err)
	}
	return records, nil
}

func (c *Conference) listFailed(err error) error {
	if isAway(err) {
		c.lost(err)
	} else {
		c.note(notef(LevelError, "database refuses to list rooms: %v", err))
	}
	return err
}
