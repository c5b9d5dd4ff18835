package host

import (
	"context"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/module/wire"
)

// Handle handles a request of the host's own process (fork=no, or a route that
// runs in it). reply.Code is the code for the script, also after a panic.
func (h *Host) Handle(r *wire.Request, reply *wire.Reply) wire.Status {
	request := r.Copy()
	content := h.settings.Classify(&request, reply)
	defer h.settings.Count(content.Kind, reply)
	if h.settings.Settle(&request, &content, reply) {
		return wire.StatusOK
	}
	ctx, cancel, why := h.local()
	if why != "" {
		if m := engine.Unanswered(&request, &content, false); m != nil {
			wire.WriteMessage(reply, m)
		}
		wire.WriteLog(reply, log.Error, why)
		return wire.StatusTimeout
	}
	defer cancel()
	reply.Code = h.handle(ctx, &request, &content, reply)
	return wire.StatusOK
}

// Query answers a question of the host's own process about rooms.
func (h *Host) Query(what wire.Query, room, user wire.View, reply *wire.Reply) wire.Status {
	ctx, cancel, why := h.local()
	if why != "" {
		wire.WriteLog(reply, log.Error, why)
		return wire.StatusTimeout
	}
	defer cancel()
	return h.query(ctx, what, room.Copy(), user.Copy(), reply, &reply.Code)
}

// local returns the context of a request of the host's own process, once the
// rooms are loaded, or why there is none.
func (h *Host) local() (_ context.Context, _ context.CancelFunc, why string) {
	if h.ended.Load() {
		return nil, nil, stopping
	}
	ctx, cancel := context.WithTimeout(h.ctx, h.settings.Timeout)
	select {
	case <-h.ready:
		return ctx, cancel, ""
	case <-h.failed:
	case <-ctx.Done():
	}
	cancel()
	return nil, nil, notReady
}
