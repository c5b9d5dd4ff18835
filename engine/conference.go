// Package engine is the conference itself: rooms, their members, and what a
// MESSAGE to a room does. It knows nothing of Kamailio and sends nothing: its
// answers are Outcomes.
//
// A command is a pure decision over the state of one room (decision.go,
// membership.go), which Conference brings into force: in memory, with a commit
// first (db_mode 1), or inside a transaction of the database (db_mode 2). A
// text of a member is decided by PlanText, in any process.
package engine

import (
	"context"
	"sync"
	"time"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// Values of Settings.Mode, as of the parameter db_mode.
const (
	ModeMemory   = 0 // rooms live in memory only
	ModeDurable  = 1 // rooms live in memory, every change is committed first
	ModeDatabase = 2 // the database is the truth, shared with other nodes
)

// Settings of a Conference.
type Settings struct {
	CommandStart  byte // first byte of a command, '#' by default
	MaxHops       int  // rooms that a text may have come through
	CreateOnJoin  bool
	CheckOnCreate bool
	Mode          int
	CacheTTL      time.Duration // db_mode 2: how old rows may be that another node may have changed
	// Changed is called when a change of a room is in force, before the
	// command that made it is answered. It may call any method that reads.
	// nil: nothing is called.
	Changed func(sip.Key)
	// Note gets log lines that belong to no request, such as the end of an
	// outage of the database, from any goroutine. nil: they are dropped.
	Note func(log.Note)
}

// Conference is all rooms. Its methods may be called from any goroutine.
type Conference struct {
	settings Settings
	store    storage.Store // nil in ModeMemory
	start    string
	help     string

	turnstile turnstile
	outage    outage
	reads     reads
	listing   listing
	rare      rare

	// mu guards what follows. Locks are taken in this order: reads.mu, mu,
	// room.mu; turnstile.mu, outage.mu, listing.mu and rare.mu are leaves. None is
	// held while the store or a callback is called, or while anything is
	// waited for.
	mu      sync.RWMutex
	rooms   map[sip.Key]*known
	order   []*known // in the order of their creation, nil where one is gone
	members int      // of all rooms
	// shrinkAt is the number of rooms at which those not used lately are
	// forgotten (ModeDatabase).
	shrinkAt int
}

// New makes a conference. store is nil in ModeMemory; its owner closes it,
// after Close of the conference.
func New(s Settings, store storage.Store) *Conference {
	start := string([]byte{s.CommandStart})
	return &Conference{
		settings: s,
		store:    store,
		start:    start,
		help:     helpText(start),
		rooms:    make(map[sip.Key]*known),
	}
}

// Handle decides a MESSAGE and brings its consequences into force. It waits
// for the store no longer than ctx allows. Whatever goes wrong is in the
// outcome.
func (c *Conference) Handle(ctx context.Context, r *sip.Request) Outcome {
	content := sip.Classify(r, c.settings.CommandStart, c.settings.MaxHops)
	return c.HandleContent(ctx, r, &content)
}

// HandleContent is Handle for who knows already what r is.
func (c *Conference) HandleContent(ctx context.Context, r *sip.Request, content *sip.Content) Outcome {
	debugRequest(r)
	if out, settled := Settle(r, content); settled {
		return out
	}
	from, to, ok := requestAddresses(r)
	if !ok {
		return malformed(r)
	}
	if content.Kind != sip.KindCommand {
		return c.text(ctx, r, content, from.Key(), to.Key())
	}
	cmd := &command{settings: &c.settings, start: c.start, req: r, from: from, to: to}
	text, ok := parseCommand(content.Line)
	cmd.commandText = text
	if !ok {
		cmd.reason = ErrUnparsable
		return c.refused(cmd, cmd.refuse("No command given (send '%shelp' for help)", c.start))
	}
	switch cmd.kind {
	case cmdHelp:
		return c.direct(cmd, c.help)
	case cmdUnknown:
		return c.unknown(cmd)
	case cmdRooms:
		return c.listRooms(ctx, cmd)
	}
	if err := cmd.understand(); err != nil {
		return c.refused(cmd, err)
	}
	return c.execute(ctx, cmd)
}

func (c *Conference) unknown(cmd *command) Outcome {
	body := prefix + "Invalid command '" + cmd.name + "' (send '" + c.start + "help' for help)"
	if len(body) > maxNotice {
		return c.refused(cmd, cmd.refuse("Invalid command (send '%shelp' for help)", c.start))
	}
	return c.direct(cmd, body)
}

// direct answers the sender from the Request-URI as it came.
func (c *Conference) direct(cmd *command, bodies ...string) Outcome {
	out := Outcome{Code: CodeOK}
	for _, body := range bodies {
		out.Messages = append(out.Messages, reply(cmd.req, body))
	}
	return out
}

// refused answers the sender of a command that is refused.
func (c *Conference) refused(cmd *command, err *refusal) Outcome {
	out := c.direct(cmd, prefix+err.text)
	out.Code = Code(err)
	out.Later = err.text == textBusy || err.text == textAway || err.text == textDoubt
	where := cmd.to
	if cmd.room.Complete() {
		where = cmd.room
	}
	out.Notes = append(out.Notes, log.Notef(log.Info, "room %s: %s%s of user %s refused: %s",
		log.Clip(where.URI(), shownInLog), c.start, clip(cmd.name), log.Clip(cmd.from.URI(), shownInLog), err.text))
	return out
}

// recipients returns the members that a notice of the decision goes to, nil if
// there is none for this audience.
func (d *decision) recipients(who audience, r *room.Room) [][]string {
	for i := range d.drafts {
		if d.drafts[i].audience == who && r != nil {
			return r.Recipients()
		}
	}
	return nil
}

// answer makes MESSAGEs of what was decided.
func (c *Conference) answer(cmd *command, key sip.Key, done *executed) Outcome {
	out := Outcome{Code: CodeOK}
	d := &done.decision
	callID := sip.HeaderValue(cmd.req.CallID)
	for i := range d.drafts {
		t := &d.drafts[i]
		m := Message{
			Room: key, From: t.from, ContentType: sip.TypeText,
			Body: []byte(t.body), InReplyTo: callID, Socket: cmd.req.Socket, Inviter: t.inviter,
		}
		switch t.audience {
		case toOne:
			m.To = [][]string{{t.to}}
		case toBefore:
			m.To = done.before
		case toAfter:
			m.To = done.after
		}
		if len(m.To) > 0 {
			out.Messages = append(out.Messages, m)
		}
	}
	if d.log != "" {
		level := log.Debug
		if d.change.Create || d.change.Destroy {
			level = log.Info
		}
		out.Notes = append(out.Notes, log.Notef(level, "room %s: %s", d.change.Room.URI(), d.log))
	}
	return out
}

// text decides a text. While the database is away the members known here get
// it.
func (c *Conference) text(ctx context.Context, req *sip.Request, content *sip.Content, from, to sip.Key) Outcome {
	r, err := c.current(ctx, to)
	if r == nil {
		if err != nil {
			return refusedText(req, whyAway)
		}
		return refusedText(req, whyNoRoom)
	}
	sender, others, ok := r.TextFrom(from)
	if !ok {
		return refusedText(req, whyNoMember)
	}
	plan := sip.PlanText(nil, sender, content)
	out := Outcome{Code: CodeOK}
	if len(others) > 0 {
		out.Messages = []Message{{
			Room: to, From: r.URI(), To: others, ContentType: plan.ContentType,
			Body: plan.Body, InReplyTo: sip.HeaderValue(req.CallID),
			Headers: string(plan.Headers), Socket: req.Socket, Typing: plan.Typing,
		}}
	}
	return out
}

// current returns a room as it is now, nil if there is none. The error, in
// ModeDatabase only, is that of fresh: the room is then as it was last read.
func (c *Conference) current(ctx context.Context, k sip.Key) (*room.Room, error) {
	if c.settings.Mode == ModeDatabase {
		return c.fresh(ctx, k)
	}
	return c.lookup(k), nil
}
