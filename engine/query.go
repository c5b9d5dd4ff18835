package engine

import "context"

// View returns the room as it is now, nil if there is none.
func (c *Conference) View(_ context.Context, k Key) (*RoomView, error) {
	r := c.lookup(k)
	if r == nil {
		return nil, nil
	}
	return r.snapshot(), nil
}

// RoomActive reports whether there is such a room. The error is ErrInvalidURI
// or that of the store.
func (c *Conference) RoomActive(ctx context.Context, roomURI string) (bool, error) {
	a, err := ParseURI(roomURI)
	if err != nil {
		return false, err
	}
	v, err := c.View(ctx, a.Key())
	return v != nil, err
}

// RoomMember reports whether a user is a member of a room, not merely invited
// to it. The error is ErrInvalidURI or that of the store.
func (c *Conference) RoomMember(ctx context.Context, roomURI, userURI string) (bool, error) {
	a, err := ParseURI(roomURI)
	if err != nil {
		return false, err
	}
	key, err := AppendKey(nil, userURI)
	if err != nil {
		return false, err
	}
	v, err := c.View(ctx, a.Key())
	if v == nil || err != nil {
		return false, err
	}
	return v.Index(key) >= 0, nil
}

// Rooms returns all rooms in the order of their creation.
func (c *Conference) Rooms(context.Context) ([]RoomInfo, error) {
	rooms := c.all()
	infos := make([]RoomInfo, len(rooms))
	for i, r := range rooms {
		infos[i] = r.info()
	}
	return infos, nil
}

// Members returns the room for a list of its members; RoomView.All is what
// the stock module lists. The error is ErrInvalidURI, ErrRoomNotFound or that
// of the store.
func (c *Conference) Members(ctx context.Context, roomURI string) (*RoomView, error) {
	a, err := ParseURI(roomURI)
	if err != nil {
		return nil, err
	}
	v, err := c.View(ctx, a.Key())
	if v == nil && err == nil {
		err = ErrRoomNotFound
	}
	return v, err
}

// listRooms answers #rooms. Private rooms are shown to their members only.
func (c *Conference) listRooms(_ context.Context, cmd *command) Outcome {
	sender := string(cmd.from.Key())
	var names []string
	for _, r := range c.all() {
		if r.private && !r.hasMember(sender) {
			continue
		}
		names = append(names, "["+r.address().User+"]")
	}
	return c.direct(cmd, splitList(headingRooms, names)...)
}

// hasMember reports whether a user is a member, not merely invited.
func (r *room) hasMember(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.findMember(key) != nil
}
