package engine

import (
	"context"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// Return codes of the functions that ask about rooms, beside CodeOK.
const (
	CodeNo          = -1 // no such room, or not a member of it
	CodeInvalidName = -2 // of the list of members: its room is no URI
)

// View returns the room as it is now, nil if there is none. In ModeDatabase it
// is at most CacheTTL old by its ReadAt, or, while the database is away, as it
// was last read; the error then says that nothing is known of the room.
func (c *Conference) View(ctx context.Context, k sip.Key) (*room.View, error) {
	if c.settings.Mode != storage.ModeDatabase {
		if r := c.lookup(k); r != nil {
			return r.View(), nil
		}
		return nil, nil
	}
	_, err := c.fresh(ctx, k)
	r, readAt := c.known(k)
	if r == nil {
		return nil, err
	}
	v := *r.View()
	v.ReadAt = readAt
	return &v, nil
}

// RoomActive reports whether there is such a room. The error is ErrInvalidURI
// or that of the store.
func (c *Conference) RoomActive(ctx context.Context, roomURI string) (bool, error) {
	a, err := sip.ParseURI(roomURI)
	if err != nil {
		return false, err
	}
	r, err := c.current(ctx, a.Key())
	if r != nil {
		err = nil // as it was last known
	}
	return r != nil, err
}

// RoomMember reports whether a user is a member of a room, not merely invited
// to it. The error is ErrInvalidURI or that of the store.
func (c *Conference) RoomMember(ctx context.Context, roomURI, userURI string) (bool, error) {
	a, err := sip.ParseURI(roomURI)
	if err != nil {
		return false, err
	}
	key, err := sip.AppendKey(nil, userURI)
	if err != nil {
		return false, err
	}
	r, err := c.current(ctx, a.Key())
	if r == nil {
		return false, err
	}
	return r.HasMember(sip.Key(key)), nil
}

// Members returns the room for a list of its members, nil if there is none;
// room.View.All is what the stock module lists. The error is ErrInvalidURI or
// that of the store.
func (c *Conference) Members(ctx context.Context, roomURI string) (*room.View, error) {
	a, err := sip.ParseURI(roomURI)
	if err != nil {
		return nil, err
	}
	return c.View(ctx, a.Key())
}
