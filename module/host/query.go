package host

import (
	"context"
	"errors"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
	"kamailio-imc/module/wire"
)

func (h *Host) serveQuery(payload []byte, a *wire.Answer) {
	deadline, what, room, user, ok := wire.ParseQuery(payload)
	if !ok {
		a.Status = wire.StatusInvalid
		return
	}
	ctx, cancel, ok := h.within(deadline)
	if !ok {
		a.Done = true
		return
	}
	defer cancel()
	a.Code = engine.CodeNo
	a.Status = h.query(ctx, what, room, user, a, &a.Code)
}

// query answers a question about rooms to out. It sets code before it writes
// the first record of a list.
func (h *Host) query(ctx context.Context, what wire.Query, room, user string, out wire.Sink, code *int) wire.Status {
	var yes bool
	var err error
	switch what {
	case wire.QueryRoomActive:
		yes, err = h.conf.RoomActive(ctx, room)
	case wire.QueryRoomMember:
		yes, err = h.conf.RoomMember(ctx, room, user)
	case wire.QueryListRooms:
		return h.listRooms(ctx, out, code)
	case wire.QueryListMembers:
		return h.listMembers(ctx, room, out, code)
	default:
		return wire.StatusInvalid
	}
	if err != nil && !errors.Is(err, sip.ErrInvalidURI) {
		wire.WriteLogf(out, log.Error, "question about room %s: %v", wire.ForLog(room), err)
	}
	*code = engine.CodeNo
	if yes && err == nil {
		*code = engine.CodeOK
	}
	return wire.StatusOK
}

func (h *Host) listRooms(ctx context.Context, out wire.Sink, code *int) wire.Status {
	rooms, err := h.conf.Rooms(ctx)
	if err != nil {
		wire.WriteLogf(out, log.Error, "list of rooms: %v", err)
		return wire.StatusTimeout
	}
	*code = engine.CodeOK
	for i := range rooms {
		wire.WriteRoom(out, rooms[i].URI(), rooms[i].Members, rooms[i].Owner)
	}
	return wire.StatusOK
}

func (h *Host) listMembers(ctx context.Context, room string, out wire.Sink, code *int) wire.Status {
	v, err := h.conf.Members(ctx, room)
	switch {
	case errors.Is(err, sip.ErrInvalidURI):
		*code = engine.CodeInvalidName
		return wire.StatusOK
	case err != nil:
		wire.WriteLogf(out, log.Error, "members of room %s: %v", wire.ForLog(room), err)
		return wire.StatusTimeout
	case v == nil:
		*code = engine.CodeNo
		return wire.StatusOK
	}
	*code = engine.CodeOK
	wire.WriteRoom(out, v.URI, len(v.All), "")
	for _, uri := range v.All {
		wire.WriteMember(out, uri)
	}
	return wire.StatusOK
}
