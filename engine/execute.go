package engine

import (
	"context"
	"errors"
	"time"

	"kamailio-imc/engine/command"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// maxDecisions is how often a command is decided again because another node
// changed its room first.
const maxDecisions = 4

// execute decides a command on its room and brings the decision into force.
// The room's turn is held throughout, also while the store writes.
func (c *Conference) execute(ctx context.Context, o *command.Order) Outcome {
	key := o.Room.Key()
	release, err := c.turnstile.take(ctx, key)
	if err != nil {
		return c.refused(o, o.RefuseForNow(textBusy))
	}
	defer release()
	var done executed
	var failed *command.Refusal
	switch c.settings.Mode {
	case storage.ModeDurable:
		done, failed = c.executeDurable(ctx, o, key)
	case storage.ModeDatabase:
		done, failed = c.executeShared(ctx, o, key)
	default:
		r := c.lookup(key)
		done = c.bring(key, r, o.Decide(r))
	}
	if failed == nil {
		failed = done.decision.Refusal
	}
	if failed != nil {
		return c.refused(o, failed)
	}
	if !done.decision.Change.Empty() {
		c.listing.changed(&done.decision.Change)
		if c.settings.Changed != nil {
			c.settings.Changed(key)
		}
	}
	return c.answer(o, key, &done)
}

// Answers when a command cannot be carried out for now.
const (
	textBusy = "The room is busy, please try again later"
	textAway = "The room cannot be changed now, because its database does not answer: please try again later"
	// Other nodes may know already of a change that was not confirmed to this
	// one (ModeDatabase), so it is not taken back.
	textDoubt = "The room's database did not confirm the change: please see whether it was made before you try again"
	textName  = "The room cannot be changed: its database cannot hold one of the names"
	// The database is read-only, full, or denies the right.
	textUnwritable = "The room cannot be changed now, because its database takes no changes: please try again later"
	textRows       = "The room cannot be changed: its database refused the change"
)

// executed is a decision that is in force, or a refusal.
type executed struct {
	decision      command.Decision
	before, after [][]string // recipients, in parts
}

// bring brings a decision on r into force in memory. In ModeMemory and
// ModeDurable r is the room itself.
func (c *Conference) bring(k sip.Key, r *room.Room, d command.Decision) executed {
	done := executed{decision: d}
	if d.Refusal == nil {
		done.before = recipients(&d, command.ToBefore, r)
		done.after = recipients(&d, command.ToAfter, c.apply(k, r, &d.Change))
	}
	return done
}

// executeDurable commits a change before it is in force.
func (c *Conference) executeDurable(ctx context.Context, o *command.Order, k sip.Key) (executed, *command.Refusal) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for range maxDecisions {
		r := c.lookup(k)
		d := o.Decide(r)
		if d.Refusal != nil || d.Change.Empty() {
			return c.bring(k, r, d), nil
		}
		if failed := c.mayWrite(ctx, o); failed != nil {
			return executed{}, failed
		}
		// Nothing is decided on a room of which it is not known what the
		// database has.
		if c.outage.isSuspect(k) {
			if err := c.settleHeld(ctx, k); err != nil {
				return executed{}, c.writeFailed(o, k, err)
			}
		}
		err := c.store.Commit(ctx, &d.Change)
		if err == nil {
			return c.bring(k, r, d), nil
		}
		if !errors.Is(err, storage.ErrConflict) {
			if mayBeThere(err) {
				c.suspect(k)
			}
			return executed{}, c.writeFailed(o, k, err)
		}
		// Somebody else wrote rows of this room: decide on what is there.
		if err := c.reload(ctx, k); err != nil {
			return executed{}, c.writeFailed(o, k, err)
		}
	}
	return executed{}, o.RefuseForNow(textBusy)
}

// mayBeThere reports whether a change that ended with this error may be in the
// database all the same.
func mayBeThere(err error) bool {
	return errors.Is(err, storage.ErrDoubtful) || errors.Is(err, storage.ErrTimeout) || errors.Is(err, storage.ErrUnavailable)
}

// reload takes over a room as the database has it (ModeDurable).
func (c *Conference) reload(ctx context.Context, k sip.Key) error {
	found, err := c.store.Fetch(ctx, []sip.Key{k})
	if err != nil {
		return err
	}
	c.note(log.Notef(log.Warning, "room %s: its rows were changed by somebody else and are read again", k))
	if rec := found[k]; rec != nil {
		c.install(k, room.From(rec))
	} else {
		c.forget(k)
	}
	if c.settings.Changed != nil {
		c.settings.Changed(k)
	}
	return nil
}

// executeShared decides on the rows, in a transaction of the database.
func (c *Conference) executeShared(ctx context.Context, o *command.Order, k sip.Key) (executed, *command.Refusal) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if o.ReadOnly {
		r, err := c.fresh(ctx, k)
		if err != nil {
			return executed{}, o.RefuseForNow(textAway)
		}
		return executed{decision: o.Decide(r)}, nil
	}
	for range maxDecisions {
		if failed := c.mayWrite(ctx, o); failed != nil {
			return executed{}, failed
		}
		var r *room.Room
		var d command.Decision
		var decided time.Time
		err := c.store.Update(ctx, k, func(rec *room.Record) *room.Change {
			decided = time.Now()
			r = nil
			if rec != nil {
				r = room.From(rec)
			}
			d = o.Decide(r)
			if d.Refusal != nil {
				return nil
			}
			return &d.Change
		})
		switch {
		case err == nil:
			done := executed{decision: d}
			if d.Refusal == nil {
				done.before = recipients(&d, command.ToBefore, r)
				r = r.After(&d.Change)
				done.after = recipients(&d, command.ToAfter, r)
			}
			c.adoptOwn(k, r, decided, d.Refusal == nil && !d.Change.Empty())
			return done, nil
		case !errors.Is(err, storage.ErrConflict):
			return executed{}, c.writeFailed(o, k, err)
		}
	}
	return executed{}, o.RefuseForNow(textBusy)
}

// mayWrite refuses a command that cannot be written now.
func (c *Conference) mayWrite(ctx context.Context, o *command.Order) *command.Refusal {
	switch c.health() {
	case gone:
		return o.RefuseForNow(textAway)
	case unwritable:
		return o.Refuse(textUnwritable)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < shortestWrite {
		return o.RefuseForNow(textBusy)
	}
	return nil
}

// writeFailed refuses a command whose change the store did not take.
func (c *Conference) writeFailed(o *command.Order, k sip.Key, err error) *command.Refusal {
	c.failed(err)
	level, text := log.Error, textRows
	switch {
	case errors.Is(err, storage.ErrDoubtful) && c.settings.Mode == storage.ModeDatabase:
		return o.RefuseForNow(textDoubt)
	case errors.Is(err, storage.ErrUnavailable), errors.Is(err, storage.ErrTimeout), errors.Is(err, storage.ErrDoubtful):
		return o.RefuseForNow(textAway)
	case errors.Is(err, storage.ErrLocked), errors.Is(err, storage.ErrConflict):
		level, text = log.Warning, textBusy
	case errors.Is(err, storage.ErrReadOnly), errors.Is(err, storage.ErrFull), errors.Is(err, storage.ErrDenied):
		text = textUnwritable
	case errors.Is(err, storage.ErrValue):
		c.note(log.Notef(log.Warning, "room %s: %s%s of %s: %v", k, c.rules.Start, log.Clip(o.Name, shownOfName), o.From.URI(), err))
		return o.Refuse(textName)
	}
	c.noteRarely("write "+text+string(k), log.Notef(level, "room %s: %s%s of %s could not be written: %v", k, c.rules.Start, log.Clip(o.Name, shownOfName), o.From.URI(), err))
	if text == textBusy {
		return o.RefuseForNow(text)
	}
	return o.Refuse("%s", text)
}
