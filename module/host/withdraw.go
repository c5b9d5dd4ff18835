package host

import (
	"context"
	"sync"
	"time"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/storage"
	"kamailio-imc/module/wire"
)

// withdrawEvery is how often invitations that cannot be withdrawn for now are
// tried again.
const withdrawEvery = time.Second

// failure is an invitation that did not reach who is invited. All are URIs but
// the last two, which are those of the #invite.
type failure struct {
	room, user, inviter string
	callID, socket      string
	told                bool // who invited knows already
}

// failureOf copies what is reported.
func failureOf(e *wire.Event) failure {
	return failure{
		room: e.Room.Copy(), user: e.User.Copy(), inviter: e.Inviter.Copy(),
		callID: e.CallID.Copy(), socket: e.Socket.Copy(),
	}
}

// failureTo says that m, an invitation, does not reach the recipient to.
func failureTo(m *engine.Message, to string) failure {
	return failure{room: m.From, user: to, inviter: m.Inviter, callID: m.InReplyTo, socket: m.Socket}
}

// withdrawals are invitations that failed and are still to be withdrawn. While
// the database is away nobody is invited, so that what waits is what was under
// way then. Safe for concurrent use.
type withdrawals struct {
	wake chan struct{} // holds one token if there may be something to take

	mu   sync.Mutex // a leaf
	list []failure
}

func newWithdrawals() *withdrawals {
	return &withdrawals{wake: make(chan struct{}, 1)}
}

func (w *withdrawals) add(f failure) {
	w.mu.Lock()
	w.list = append(w.list, f)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns what was added since the last time, in order.
func (w *withdrawals) take() []failure {
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
	var left []failure
	for {
		var again <-chan time.Time
		if len(left) > 0 {
			again = time.After(withdrawEvery)
		}
		select {
		case <-h.ending:
			if left = append(left, h.withdrawals.take()...); len(left) > 0 {
				h.notes.addf(log.Warning, "stopped with %d failed invitations not withdrawn", len(left))
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
func (h *Host) withdrawOne(f *failure) (later bool) {
	defer h.awake()
	defer func() {
		if v := recover(); v != nil {
			h.notes.add(wire.PanicNotes(v)...)
		}
	}()
	ctx, cancel := context.WithTimeout(h.ctx, h.settings.Timeout)
	defer cancel()
	o := h.conf.InvitationFailed(ctx, f.room, f.user, f.inviter, f.callID, f.socket)
	if o.Later {
		return true
	}
	h.notes.add(o.Notes...)
	for i := range o.Messages {
		if !f.told {
			// At most one for each invitation, which was counted itself.
			h.queue.pushOver(&o.Messages[i])
		}
	}
	h.gauges()
	return false
}

// uninviteAll withdraws, at a stop, the invitations that wait to be sent: a
// database keeps them, and the queue may not be sent to its end.
func (h *Host) uninviteAll() {
	if h.settings.Mode == storage.ModeMemory {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	list := h.queue.takeInvitations()
	for i := range list {
		f := &list[i]
		o := h.conf.InvitationFailed(ctx, f.room, f.user, f.inviter, f.callID, f.socket)
		h.notes.add(o.Notes...)
		for j := range o.Messages {
			h.queue.pushOver(&o.Messages[j])
		}
	}
}
