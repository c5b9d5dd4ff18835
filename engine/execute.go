package engine

import (
	"context"
	"errors"
	"time"

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
func (c *Conference) execute(ctx context.Context, cmd *command) Outcome {
	key := cmd.room.Key()
	release, err := c.turnstile.take(ctx, key)
	if err != nil {
		return c.refused(cmd, cmd.refuse(textBusy))
	}
	defer release()
	var done executed
	var failed *refusal
	switch c.settings.Mode {
	case ModeDurable:
		done, failed = c.executeDurable(ctx, cmd, key)
	case ModeDatabase:
		done, failed = c.executeShared(ctx, cmd, key)
	default:
		r := c.lookup(key)
		done = c.bring(key, r, cmd.decide(r))
	}
	if failed == nil {
		failed = done.decision.err
	}
	if failed != nil {
		return c.refused(cmd, failed)
	}
	if !done.decision.change.Empty() {
		c.listing.changed(&done.decision.change)
		if c.settings.Changed != nil {
			c.settings.Changed(key)
		}
	}
	return c.answer(cmd, key, &done)
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
	decision      decision
	before, after [][]string // recipients, in parts
}

// bring brings a decision on r into force in memory. In ModeMemory and
// ModeDurable r is the room itself.
func (c *Conference) bring(k sip.Key, r *room.Room, d decision) executed {
	done := executed{decision: d}
	if d.err == nil {
		done.before = d.recipients(toBefore, r)
		done.after = d.recipients(toAfter, c.apply(k, r, &d.change))
	}
	return done
}

// executeDurable commits a change before it is in force.
func (c *Conference) executeDurable(ctx context.Context, cmd *command, k sip.Key) (executed, *refusal) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for range maxDecisions {
		r := c.lookup(k)
		d := cmd.decide(r)
		if d.err != nil || d.change.Empty() {
			return c.bring(k, r, d), nil
		}
		if failed := c.mayWrite(ctx, cmd); failed != nil {
			return executed{}, failed
		}
		// Nothing is decided on a room of which it is not known what the
		// database has.
		if c.outage.isSuspect(k) {
			if err := c.settleHeld(ctx, k); err != nil {
				return executed{}, c.writeFailed(cmd, k, err)
			}
		}
		err := c.store.Commit(ctx, &d.change)
		if err == nil {
			return c.bring(k, r, d), nil
		}
		if !errors.Is(err, storage.ErrConflict) {
			if mayBeThere(err) {
				c.suspect(k)
			}
			return executed{}, c.writeFailed(cmd, k, err)
		}
		// Somebody else wrote rows of this room: decide on what is there.
		if err := c.reload(ctx, k); err != nil {
			return executed{}, c.writeFailed(cmd, k, err)
		}
	}
	return executed{}, cmd.refuse(textBusy)
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
func (c *Conference) executeShared(ctx context.Context, cmd *command, k sip.Key) (executed, *refusal) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if cmd.kind == cmdMembers {
		r, err := c.fresh(ctx, k)
		if err != nil {
			return executed{}, cmd.refuse(textAway)
		}
		return executed{decision: cmd.decide(r)}, nil
	}
	for range maxDecisions {
		if failed := c.mayWrite(ctx, cmd); failed != nil {
			return executed{}, failed
		}
		var r *room.Room
		var d decision
		var decided time.Time
		err := c.store.Update(ctx, k, func(rec *room.Record) *room.Change {
			decided = time.Now()
			r = nil
			if rec != nil {
				r = room.From(rec)
			}
			d = cmd.decide(r)
			if d.err != nil {
				return nil
			}
			return &d.change
		})
		switch {
		case err == nil:
			done := executed{decision: d}
			if d.err == nil {
				done.before = d.recipients(toBefore, r)
				r = r.After(&d.change)
				done.after = d.recipients(toAfter, r)
			}
			c.adoptOwn(k, r, decided, d.err == nil && !d.change.Empty())
			return done, nil
		case !errors.Is(err, storage.ErrConflict):
			return executed{}, c.writeFailed(cmd, k, err)
		}
	}
	return executed{}, cmd.refuse(textBusy)
}

// mayWrite refuses a command that cannot be written now.
func (c *Conference) mayWrite(ctx context.Context, cmd *command) *refusal {
	switch c.health() {
	case gone:
		return cmd.refuse(textAway)
	case unwritable:
		return cmd.refuse(textUnwritable)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < shortestWrite {
		return cmd.refuse(textBusy)
	}
	return nil
}

// writeFailed refuses a command whose change the store did not take.
func (c *Conference) writeFailed(cmd *command, k sip.Key, err error) *refusal {
	c.failed(err)
	level, text := log.Error, textRows
	switch {
	case errors.Is(err, storage.ErrDoubtful) && c.settings.Mode == ModeDatabase:
		return cmd.refuse(textDoubt)
	case errors.Is(err, storage.ErrUnavailable), errors.Is(err, storage.ErrTimeout), errors.Is(err, storage.ErrDoubtful):
		return cmd.refuse(textAway)
	case errors.Is(err, storage.ErrLocked), errors.Is(err, storage.ErrConflict):
		level, text = log.Warning, textBusy
	case errors.Is(err, storage.ErrReadOnly), errors.Is(err, storage.ErrFull), errors.Is(err, storage.ErrDenied):
		text = textUnwritable
	case errors.Is(err, storage.ErrValue):
		c.note(log.Notef(log.Warning, "room %s: %s%s of %s: %v", k, c.start, clip(cmd.name), cmd.from.URI(), err))
		return cmd.refuse(textName)
	}
	c.noteRarely("write "+text+string(k), log.Notef(level, "room %s: %s%s of %s could not be written: %v", k, c.start, clip(cmd.name), cmd.from.URI(), err))
	return cmd.refuse("%s", text)
}
