package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/engine/storage/storagetest"
)

// TestConversations has random users say random things to a few rooms, in all
// modes, while the database fails in every way it can, and nodes restart. What
// each request comes to is compared with the model of model_test.go, and so is
// what the engine knows and what the database holds afterwards.
//
// A conversation is repeatable by its number, which a failure shows:
//
//	IMC_SEED=1234 go test -run TestConversations ./engine
//
// IMC_SOAK=1 runs many more of them. Time is synctest's: an outage costs none.
func TestConversations(t *testing.T) {
	first, count := uint64(1), uint64(30)
	if os.Getenv("IMC_SOAK") != "" {
		first, count = rand.Uint64(), 3000
	}
	if text := os.Getenv("IMC_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal("IMC_SEED:", err)
		}
		first, count = seed, 1
	}
	for _, mode := range []storage.Mode{storage.ModeMemory, storage.ModeDurable, storage.ModeDatabase} {
		t.Run(fmt.Sprintf("mode %d", mode), func(t *testing.T) {
			t.Parallel()
			for i := range count {
				converseAs(t, first+i, mode)
			}
		})
	}
}

// FuzzConversation is TestConversations with numbers that nobody chose.
func FuzzConversation(f *testing.F) {
	for seed := range uint64(3) {
		f.Add(seed, byte(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, mode byte) { converseAs(t, seed, storage.Mode(mode%3)) })
}

// converseAs runs the conversation with a number.
func converseAs(t *testing.T, seed uint64, mode storage.Mode) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, uint64(mode)))
	converse(t, fmt.Sprintf("IMC_SEED=%d, mode %d", seed, mode), mode, rnd.IntN)
}

// conversation is a run of TestConversations. Its nodes share the store.
type conversation struct {
	t     *testing.T
	name  string
	roll  func(n int) int // decides what happens: one of n
	mode  storage.Mode
	rules rules
	store *faultyStore // nil in ModeMemory
	nodes []*node
	world world
	// doubt is what a room's rows may be instead, after a commit that nobody
	// confirmed and that this life of the node has not settled yet.
	doubt map[string]*chatroom
	away  int // how many more steps the database is away
	log   []string
}

// node is one Conference.
type node struct {
	*engine.Conference
	changed map[sip.Key]bool // what Settings.Changed told during a step
	// seen is what the node may know of a room by name, in ModeDatabase: each
	// state that it has read since it last read it for certain.
	seen map[string][]*chatroom
}

func converse(t *testing.T, name string, mode storage.Mode, roll func(int) int) {
	t.Helper()
	const steps = 400
	synctest.Test(t, func(t *testing.T) {
		c := &conversation{t: t, name: name, mode: mode, roll: roll, world: world{}, doubt: map[string]*chatroom{},
			rules: rules{createOnJoin: roll(3) > 0, checkOnCreate: roll(4) == 0}}
		if mode != storage.ModeMemory {
			c.store = &faultyStore{Store: storagetest.NewStore()}
		}
		c.nodes = make([]*node, 1)
		if mode == storage.ModeDatabase {
			c.nodes = make([]*node, 2)
		}
		for i := range c.nodes {
			c.start(i)
		}
		defer func() {
			for _, n := range c.nodes {
				n.Close()
			}
		}()
		for range steps {
			c.step()
		}
		c.recover()
		c.compare()
	})
}

// failf ends the test and shows what led to it.
func (c *conversation) failf(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("%s, %+v\n...\n%s\n%s", c.name, c.rules, strings.Join(c.log[max(0, len(c.log)-15):], "\n"), fmt.Sprintf(format, args...))
}

func (c *conversation) note(format string, args ...any) {
	c.log = append(c.log, fmt.Sprintf(format, args...))
}

// start makes a node, anew if it was there.
func (c *conversation) start(i int) {
	n := &node{changed: map[sip.Key]bool{}, seen: map[string][]*chatroom{}}
	set := engine.Settings{CommandStart: '#', CreateOnJoin: c.rules.createOnJoin, CheckOnCreate: c.rules.checkOnCreate,
		Mode: c.mode, Changed: func(k sip.Key) { n.changed[k] = true }}
	var store storage.Store
	if c.store != nil {
		store = c.store
	}
	n.Conference = engine.New(set, store)
	if err := n.Load(c.t.Context(), func(int, int) {}, func(log.Note) {}); err != nil {
		c.failf("load: %v", err)
	}
	c.nodes[i] = n
}

// restart ends a node and starts it again. What its last life left in doubt is
// then as the rows are.
func (c *conversation) restart(i int) {
	c.note("node %d restarts", i)
	c.nodes[i].Close()
	for name, other := range c.doubt {
		rows := c.stored(name)
		if !rows.equal(c.world[name]) && !rows.equal(other) {
			c.failf("%s is neither as before nor as after a doubtful commit: %+v", name, rows)
		}
		c.set(name, rows)
	}
	clear(c.doubt)
	c.start(i)
	c.compare()
}

// recover lets the database answer again, and time pass until it is noticed.
func (c *conversation) recover() {
	if c.store == nil {
		return
	}
	c.store.Fail(nil)
	c.away = 0
	time.Sleep(10 * time.Second)
	synctest.Wait()
	clear(c.doubt) // what was refused is taken out again
}

func (c *conversation) set(name string, r *chatroom) {
	if c.world[name] = r; r == nil {
		delete(c.world, name)
	}
}

// stored is a room as the database has it.
func (c *conversation) stored(name string) *chatroom {
	rec := c.store.Room(sip.Key(name + domain))
	if rec == nil {
		return nil
	}
	r := &chatroom{rec.URI(), rec.Private, map[string]person{}}
	for _, m := range rec.Members {
		if r.people[strings.ToLower(m.User)] = (person{m.URI(), m.Role}); len(r.people) == 0 {
			c.failf("%s has a member without a name", name)
		}
	}
	if len(r.people) != len(rec.Members) {
		c.failf("%s has a member twice: %+v", name, rec.Members)
	}
	return r
}

// step is one thing that happens.
func (c *conversation) step() {
	i := c.roll(len(c.nodes))
	if c.away > 0 {
		if c.away--; c.away == 0 {
			c.note("the database is back")
			c.recover()
			c.compare()
		}
	}
	if c.store != nil && c.away == 0 {
		switch c.roll(40) {
		case 0:
			c.restart(i)
		case 1:
			c.note("the database is away")
			c.store.Fail(storage.ErrUnavailable)
			c.away = 2 + c.roll(6)
		}
	}
	s := c.any()
	if c.away > 0 && s.verb == "withdraw" {
		s.verb = "" // how long that is tried is not this test's matter
	}
	c.play(i, s, c.store != nil && c.away == 0)
	if c.away > 0 {
		return
	}
	c.rows()
	if c.roll(3) == 0 {
		c.compare()
	}
}

// play has a request answered by a node and judges the answer. hurt allows
// that something goes wrong meanwhile.
func (c *conversation) play(i int, s *saying, hurt bool) {
	n, name := c.nodes[i], strings.ToLower(s.room)
	hangs, raced := false, false
	release := func() {}
	if hurt && s.verb != "withdraw" {
		switch c.roll(12) {
		case 0, 1:
			c.store.arm(&writeFaults[c.roll(len(writeFaults))])
		case 2:
			hangs = true
			release = c.store.Block()
		case 3:
			if c.mode == storage.ModeDatabase {
				c.store.BeforeWrite(func() {
					raced = true
					other := c.any()
					other.room = s.room
					other.requestURI = s.requestURI
					c.play(1-i, other, false)
				})
			}
		}
	}
	clear(n.changed)
	out := c.ask(n, s)
	release()
	var fired *fault
	if c.store != nil {
		fired = c.store.disarm()
		if !raced {
			c.store.BeforeWrite(nil)
		}
	}
	what := fmt.Sprintf("node %d: %s: %q to %s -> %d %v", i, s.from, s.body(), s.requestURI, out.Code, renderAll(out))
	for flag, is := range map[string]bool{"the database is away": c.away > 0, "it hangs": hangs} {
		if is {
			what += "; " + flag
		}
	}
	if fired != nil {
		what += "; database: " + fired.name
	}
	c.note("%s", what)
	c.judge(n, name, s, out, hangs || c.away > 0, fired)
	if hangs || fired != nil && (errors.Is(fired.err, storage.ErrUnavailable) || errors.Is(fired.err, storage.ErrDoubtful)) {
		if c.mode == storage.ModeDurable && !hangs && c.roll(3) == 0 {
			c.restart(i)
		}
		c.recover()
	}
}

// listsAge is more than the age that a list of rooms may have in ModeDatabase,
// where other nodes make rooms too.
const listsAge = 3 * time.Second

// ask hands the request to a node.
func (c *conversation) ask(n *node, s *saying) engine.Outcome {
	if s.verb == "rooms" && c.mode == storage.ModeDatabase {
		time.Sleep(listsAge)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 4*time.Second)
	defer cancel()
	if s.verb == "withdraw" {
		return n.InvitationFailed(ctx, plainURI(s.room), plainURI(s.who), s.from, "1@call", "")
	}
	return n.Handle(ctx, &sip.Request{
		From: s.from, RequestURI: s.requestURI, CallID: "1@call", ContentType: "text/plain", Body: []byte(s.body()),
	})
}
