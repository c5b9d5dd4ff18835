package module

import (
	"context"
	"sync"
	"time"

	"kamailio-imc/engine"
)

// withdrawEvery is how often invitations that cannot be withdrawn for now are
// tried again.
const withdrawEvery = time.Second

// withdrawals are invitations that failed and are still to be withdrawn. While
// the database is away nobody is invited, so that what waits is what was under
// way then. Safe for concurrent use.
type withdrawals struct {
	wake chan struct{} // holds one token if there may be something to take

	mu   sync.Mutex // a leaf
	list []Event
}

func newWithdrawals() *withdrawals {
	return &withdrawals{wake: make(chan struct{}, 1)}
}

// add takes over e, whose texts are not to change any more.
func (w *withdrawals) add(e Event) {
	w.mu.Lock()
	w.list = append(w.list, e)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns what was added since the last time, in order.
func (w *withdrawals) take() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.list
	w.list = nil
	return list
}

// withdraw withdraws invitations that failed until the host ends. Those that
// cannot be withdrawn for now are tried again.
func (h *Host) withdraw() {
	defer h.serving.Done()
	defer h.guard()
	var left []Event
	for {
		var again <-chan time.Time
		if len(left) > 0 {
			again = time.After(withdrawEvery)
		}
		select {
		case <-h.ending:
			if left = append(left, h.withdrawals.take()...); len(left) > 0 {
				h.notes.addf(engine.LevelWarning, "stopped with %d failed invitations not withdrawn", len(left))
			}
			return
		case <-h.withdrawals.wake:
			left = append(left, h.withdrawals.take()...)
		case <-again:
		}
		later := left[:0]
		for i := range left {
			if h.withdrawOne(&left[i]) {
				later = append(later, left[i])
			}
		}
		left = later
	}
}

// withdrawOne withdraws an invitation and queues the notice to who invited.
// later reports that it cannot be done for now.
func (h *Host) withdrawOne(e *Event) (later bool) {
	defer h.awake()
	defer func() {
		if v := recover(); v != nil {
			h.noteAll(panicNotes(v))
		}
	}()
	ctx, cancel := context.WithTimeout(h.ctx, h.settings.Timeout)
	defer cancel()
	o := h.conf.InvitationFailed(ctx, e.Room, e.User, e.Inviter, e.CallID, e.Socket)
	if o.Later {
		return true
	}
	h.noteAll(o.Notes)
	for i := range o.Messages {
		if !e.Told {
			// At most one for each invitation, which was counted itself.
			h.queue.pushOver(headOf(&o.Messages[i]), o.Messages[i].To)
		}
	}
	h.gauges()
	return false
}

// uninviteAll withdraws, at a stop, the invitations that wait to be sent: a
// database keeps them, and the queue may not be sent to its end.
func (h *Host) uninviteAll() {
	if h.settings.Mode == engine.ModeMemory {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	list := h.queue.takeInvitations()
	for i := range list {
		e := &list[i]
		o := h.conf.InvitationFailed(ctx, e.Room, e.User, e.Inviter, e.CallID, e.Socket)
		h.noteAll(o.Notes)
		for j := range o.Messages {
			h.queue.pushOver(headOf(&o.Messages[j]), o.Messages[j].To)
		}
	}
}
