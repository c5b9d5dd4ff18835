// Package engine is the conference: which rooms there are, in which order what
// concerns one of them is decided, and how a decision comes into force: in
// memory, with a commit first (db_mode 1), or inside a transaction of the
// database (db_mode 2). It goes on without a database that is away, and lets
// who reads rooms share queries.
//
// What is decided is said below it: what a MESSAGE means by package sip, what a
// command comes to by package command, who is in a room by package room. It
// knows these, storage, log and the standard library. It knows nothing of
// Kamailio and sends nothing: its answers are Outcomes.
package engine

import (
	"context"
	"sync"
	"time"

	"kamailio-imc/engine/command"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// Settings of a Conference.
type Settings struct {
	CommandStart  byte // first byte of a command, '#' by default
	MaxHops       int  // rooms that a text may have come through
	CreateOnJoin  bool
	CheckOnCreate bool
	Mode          storage.Mode
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
	rules    command.Rules

	turnstile turnstile
	outage    outage
	reads     reads
	listing   listing
	rare      rare

	// mu guards what follows. Locks are taken in this order: reads.mu, mu,
	// Room.mu; turnstile.mu, outage.mu, listing.mu and rare.mu are leaves. None is
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
	return &Conference{
		settings: s,
		store:    store,
		rules: command.Rules{
			Start:         string([]byte{s.CommandStart}),
			CreateOnJoin:  s.CreateOnJoin,
			CheckOnCreate: s.CheckOnCreate,
		},
		rooms: make(map[sip.Key]*known),
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
	o, refusal := command.Read(&c.rules, r, from, to, content.Line)
	if refusal != nil {
		return c.refused(o, refusal)
	}
	text, refusal, needsRoom := o.Answer()
	switch {
	case refusal != nil:
		return c.refused(o, refusal)
	case !needsRoom:
		return direct(o, text)
	case o.AllRooms:
		return c.listRooms(ctx, o)
	}
	return c.execute(ctx, o)
}

// direct answers the sender from the Request-URI as it came.
func direct(o *command.Order, bodies ...string) Outcome {
	out := Outcome{Code: CodeOK}
	for _, body := range bodies {
		out.Messages = append(out.Messages, reply(o.Request, body))
	}
	return out
}

// refused answers the sender of a command that is refused.
func (c *Conference) refused(o *command.Order, refusal *command.Refusal) Outcome {
	out := direct(o, command.Prefix+refusal.Text)
	out.Code, out.Later = refusal.Code, refusal.Later
	where := o.To
	if o.Room.Complete() {
		where = o.Room
	}
	out.Notes = append(out.Notes, log.Notef(log.Info, "room %s: %s%s of user %s refused: %s",
		log.Clip(where.URI(), shownInLog), c.rules.Start, log.Clip(o.Name, shownOfName), log.Clip(o.From.URI(), shownInLog), refusal.Text))
	return out
}

// recipients returns the members that a notice of the decision goes to, nil if
// there is none for this audience.
func recipients(d *command.Decision, who command.Audience, r *room.Room) [][]string {
	for i := range d.Drafts {
		if d.Drafts[i].Audience == who && r != nil {
			return r.Recipients()
		}
	}
	return nil
}

// answer makes MESSAGEs of what was decided.
func (c *Conference) answer(o *command.Order, key sip.Key, done *executed) Outcome {
	out := Outcome{Code: CodeOK}
	d := &done.decision
	callID := sip.HeaderValue(o.Request.CallID)
	for i := range d.Drafts {
		t := &d.Drafts[i]
		m := Message{
			Room: key, From: t.From, ContentType: sip.TypeText,
			Body: []byte(t.Body), InReplyTo: callID, Socket: o.Request.Socket, Inviter: t.Inviter,
		}
		switch t.Audience {
		case command.ToOne:
			m.To = [][]string{{t.To}}
		case command.ToBefore:
			m.To = done.before
		case command.ToAfter:
			m.To = done.after
		}
		if len(m.To) > 0 {
			out.Messages = append(out.Messages, m)
		}
	}
	if d.Log != "" {
		level := log.Debug
		if d.Change.Create || d.Change.Destroy {
			level = log.Info
		}
		out.Notes = append(out.Notes, log.Notef(level, "room %s: %s", d.Change.Room.URI(), d.Log))
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
	if c.settings.Mode == storage.ModeDatabase {
		return c.fresh(ctx, k)
	}
	return c.lookup(k), nil
}
