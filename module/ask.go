package module

import (
	"context"
	"errors"
	"fmt"

	"kamailio-imc/engine"
)

// Codes of QueryListMembers beside 1.
const (
	codeNoRoom      = -1
	codeInvalidName = -2
)

func (h *Host) serveQuery(payload []byte, a *answer) {
	deadline, what, room, user, ok := parseQuery(payload)
	if !ok {
		a.status = StatusInvalid
		return
	}
	ctx, cancel, ok := h.within(deadline)
	if !ok {
		a.done = true
		return
	}
	defer cancel()
	a.code = -1
	a.status = h.query(ctx, what, room, user, a, func(code int) { a.code = code })
}

// query answers a question about rooms to out. It calls answer with the code
// before it writes the first record of a list.
func (h *Host) query(ctx context.Context, what int, room, user string, out sink, answer func(code int)) Status {
	var yes bool
	var err error
	switch what {
	case QueryRoomActive:
		yes, err = h.conf.RoomActive(ctx, room)
	case QueryRoomMember:
		yes, err = h.conf.RoomMember(ctx, room, user)
	case QueryListRooms:
		return h.listRooms(ctx, out, answer)
	case QueryListMembers:
		return h.listMembers(ctx, room, out, answer)
	default:
		return StatusInvalid
	}
	if err != nil && !errors.Is(err, engine.ErrInvalidURI) {
		note(out, engine.LevelError, fmt.Sprintf("question about room %s: %v", clip(room), err))
	}
	if yes && err == nil {
		answer(1)
	} else {
		answer(-1)
	}
	return StatusOK
}

func (h *Host) listRooms(ctx context.Context, out sink, answer func(int)) Status {
	rooms, err := h.conf.Rooms(ctx)
	if err != nil {
		note(out, engine.LevelError, fmt.Sprintf("list of rooms: %v", err))
		return StatusTimeout
	}
	answer(1)
	for i := range rooms {
		uri := rooms[i].URI()
		dst := out.room(recordHead + 2*4 + 4 + len(uri) + len(rooms[i].Owner))
		*dst = appendRoom(*dst, uri, rooms[i].Members, rooms[i].Owner)
	}
	return StatusOK
}

func (h *Host) listMembers(ctx context.Context, room string, out sink, answer func(int)) Status {
	v, err := h.conf.Members(ctx, room)
	switch {
	case errors.Is(err, engine.ErrInvalidURI):
		answer(codeInvalidName)
		return StatusOK
	case errors.Is(err, engine.ErrRoomNotFound):
		answer(codeNoRoom)
		return StatusOK
	case err != nil:
		note(out, engine.LevelError, fmt.Sprintf("members of room %s: %v", clip(room), err))
		return StatusTimeout
	}
	answer(1)
	dst := out.room(recordHead + 2*4 + 4 + len(v.URI))
	*dst = appendRoom(*dst, v.URI, len(v.All), "")
	for _, uri := range v.All {
		dst := out.room(recordHead + strSize(uri))
		*dst = appendMember(*dst, uri)
	}
	return StatusOK
}
