package faults

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// domain of all users and rooms.
const domain = "chat.test"

func uri(name string) string { return "sip:" + name + "@" + domain }

// outcome is what a line says of commands while its fault lasts.
type outcome int

const (
	work     outcome = iota // each is confirmed
	refused                 // each is refused, with a line that says why
	answered                // each is confirmed or refused
)

// line is a fault and what users must see.
type line struct {
	fault string // what goes wrong
	where string // where it is injected
	see   string // what users must see

	on     []backend // one run for each; none: rooms in memory
	server bool      // the fault is the whole server's: it gets its own
	bridge bool      // the database is reached through a bridge
	relay  bool      // SIP goes through a relay
	modes  []int     // db_mode of the Kamailios; none: 1 and 2
	room   int       // so many members are in the room chat-big from the start: big0 to big...
	itself bool      // the module sends through the server itself
	o      kamailio.Options

	inject func(r *run) (lift func())
	during func(s *scene) // what is special, while the fault lasts
	lasts  time.Duration  // at least; 0 is usual

	commands outcome
	// The figures: within which time a text is answered, and a command, and
	// within which everything works again.
	text, command, recover time.Duration

	dies bool // the fault ends the server, which is then started again
}

// usual is how long a fault lasts.
const usual = 2 * time.Second

// soaking makes faults last longer.
var soaking = os.Getenv("IMC_SOAK") != ""

// TestMain lets more lines run at once than there are processors: they wait
// most of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "6")
	}
	code := m.Run()
	if err := closeServers(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func TestFaults(t *testing.T) {
	for i := range table {
		l := &table[i]
		t.Run(l.fault, func(t *testing.T) {
			t.Parallel()
			if len(l.on) == 0 {
				l.run(t, backend{})
				return
			}
			for _, b := range l.on {
				t.Run(b.name, func(t *testing.T) {
					t.Parallel()
					l.run(t, b)
				})
			}
		})
	}
}

// run is a line on one kind of database.
type run struct {
	*line
	t      *testing.T
	server dbServer // nil without one
	scenes []*scene
}

// scene is a Kamailio of a run with its users.
type scene struct {
	*kamailio.Server
	run   *run
	t     testing.TB
	mode  int
	db    *database // nil in db_mode 0
	farm  *sipua.Farm
	relay *relay
	ctx   context.Context //nolint:containedctx // that of the scene's life
	o     kamailio.Options
	inbox *inbox
	probe *probe
	ask   *asker
}

func (l *line) run(t *testing.T, b backend) {
	t.Helper()
	began := time.Now()
	r := &run{line: l, t: t}
	modes := []int{1, 2}
	if len(l.modes) > 0 {
		modes = l.modes
	}
	if b.name == "" {
		modes = []int{0}
	} else {
		r.server = b.server(t, l.server)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, mode := range modes {
		s := &scene{run: r, t: t, mode: mode, ctx: ctx}
		if b.name != "" {
			s.db = r.server.database(t, l)
			s.db.fill(t, l.room)
		}
		s.open()
		r.scenes = append(r.scenes, s)
	}
	r.each(func(s *scene) {
		s.probe = startProbe(s)
		s.ask = startAsker(s)
		await.Until(t, 30*time.Second, await.True(func() bool { return s.probe.answered() >= 5 && s.ask.count() >= 1 }, "the probe does not run"))
	})
	defer func() {
		t.Logf("%s: %s; %s; %v in all", l.where, l.see, r.figures(), time.Since(began).Round(100*time.Millisecond))
	}()
	r.faulty()
	r.each((*scene).finish)
}

// faulty brings the fault about, lets it last, and ends it.
func (r *run) faulty() {
	lasts := r.lasts
	if lasts == 0 {
		lasts = usual
	}
	if soaking {
		lasts *= 10
	}
	processes := map[*scene][]kamailio.Process{}
	for _, s := range r.scenes {
		ps, err := s.Processes()
		require.NoError(r.t, err)
		processes[s] = ps
		s.ask.expect(answered) // one may be on its way
	}
	lift := r.inject(r)
	for _, s := range r.scenes {
		s.ask.expect(r.commands)
	}
	over := time.After(lasts)
	if r.during != nil {
		r.each(r.during)
	}
	if r.dies {
		r.each((*scene).reborn)
		return
	}
	<-over
	for _, s := range r.scenes {
		s.ask.expect(answered)
	}
	if lift != nil {
		lift()
	}
	r.each(func(s *scene) {
		s.works(r.recover)
		ps, err := s.Processes()
		require.NoError(r.t, err)
		assert.Equal(r.t, processes[s], ps, "no process was lost")
	})
}

// each does something with all scenes at once.
func (r *run) each(do func(s *scene)) {
	r.t.Helper()
	var wg sync.WaitGroup
	for _, s := range r.scenes {
		wg.Go(func() { do(s) })
	}
	wg.Wait()
	if r.t.Failed() {
		r.t.FailNow()
	}
}

func (r *run) figures() string {
	var parts []string
	for _, s := range r.scenes {
		if s.ask == nil {
			continue // it did not come so far
		}
		parts = append(parts, fmt.Sprintf("db_mode %d: %v; %v", s.mode, s.probe, s.ask))
	}
	return strings.Join(parts, " | ")
}

// open starts the scene's farm, relay and server.
func (s *scene) open() {
	s.t.Helper()
	l := s.run.line
	s.farm = sipua.NewFarm(s.t, "")
	s.inbox = newInbox(s.farm)
	next := "sip:" + s.farm.Addr()
	if l.relay {
		s.relay = newRelay(s.t, s.farm.Addr())
		next = "sip:" + s.relay.outside()
	}
	s.o = l.o
	s.o.Case = "faults"
	s.o.Defines = map[string]string{"FARM": kamailio.Quote(next)}
	maps.Copy(s.o.Defines, l.o.Defines)
	s.o.Params = map[string]any{"outbound_proxy": next}
	maps.Copy(s.o.Params, l.o.Params)
	if s.db != nil {
		s.o.Params["db_url"], s.o.Params["db_mode"] = s.db.url, s.mode
	}
	if l.itself {
		s.o.Defines["THROUGH_ITSELF"] = ""
		delete(s.o.Params, "outbound_proxy")
	}
	s.boot()
}

// boot starts the server, again perhaps.
func (s *scene) boot() {
	s.t.Helper()
	if s.o.Workers == 0 {
		s.o.Workers = 2
	}
	s.o.NoTCP = true
	s.Server = kamailio.Start(s.t, s.o)
	server := s.Addr
	if s.relay != nil {
		s.relay.connect(s.Addr)
		server = s.relay.inside()
	}
	require.NoError(s.t, s.farm.Connect(server))
}

// works waits until a command and a text work again, and the texts of the
// probe are answered as if nothing had been.
func (s *scene) works(limit time.Duration) {
	s.t.Helper()
	began := time.Now()
	if err := await.Try(limit+s.probe.slack(), func() error {
		rc, says := s.command(s.ctx, "again", "chat-again", "#create")
		if rc != "1" {
			return fmt.Errorf("#create: %s %q", rc, says)
		}
		return nil
	}); err != nil {
		s.t.Errorf("db_mode %d: not well %v after the fault: %v", s.mode, limit, err)
		return
	}
	s.ask.recovered = time.Since(began)
}

// finish ends the traffic and judges what came of it.
func (s *scene) finish() {
	s.t.Helper()
	s.probe.stop()
	s.ask.stop()
	s.probe.judge()
	s.ask.judge()
	assert.Empty(s.t, s.LogLines(`CRITICAL:|BUG:|panic|goroutine \d+`), "db_mode %d", s.mode)
	s.Stop()
}

// reborn waits for the end of the server, which has to be told by its exit
// status, and starts it again: what was confirmed is there.
func (s *scene) reborn() {
	s.t.Helper()
	if err := s.Wait(20 * time.Second); err != nil {
		s.t.Error(err)
		return
	}
	if s.ExitCode() == 0 {
		s.t.Error("the server ended with status 0: nothing would start it again")
	}
	s.probe.stop()
	s.ask.stop()
	s.boot()
	s.works(s.run.recover)
	s.probe.resume()
}

// command sends a command and gives the code and the lines that answer it.
func (s *scene) command(ctx context.Context, from, room, body string) (rc string, says []string) {
	id := s.farm.NewCallID()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	res, err := s.farm.Send(ctx, message(from, room, id, "text/plain", body))
	if err != nil {
		return err.Error(), nil
	}
	rc = res.Get("X-RC")
	if rc == "" {
		return fmt.Sprintf("%d %s", res.Code, res.Reason), nil
	}
	// the answer to who sent it is on its way with the response
	if strings.HasPrefix(rc, "-") {
		_ = await.Try(5*time.Second, func() error {
			if says = s.inbox.caused(id, from); len(says) == 0 {
				return fmt.Errorf("no answer")
			}
			return nil
		})
	}
	return rc, says
}

// message is a MESSAGE of a user to a room.
func message(from, room, callID, contentType, body string) sipua.Request {
	return sipua.Request{URI: uri(room), From: "<" + uri(from) + ">", CallID: callID, Body: []byte(body),
		Headers: []sipua.Header{{Name: "Content-Type", Value: contentType}}}
}

// inbox is what has arrived at a farm, by the Call-ID that it answers.
type inbox struct {
	mu sync.Mutex
	by map[string][]*sipua.Message
}

func newInbox(f *sipua.Farm) *inbox {
	in := &inbox{by: map[string][]*sipua.Message{}}
	f.OnArrive(func(m *sipua.Message) {
		in.mu.Lock()
		defer in.mu.Unlock()
		id := m.Get("In-Reply-To")
		in.by[id] = append(in.by[id], m)
	})
	return in
}

// caused gives the bodies that came to a user because of a request.
func (in *inbox) caused(callID, to string) (bodies []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, m := range in.by[callID] {
		if m.URI == uri(to) {
			bodies = append(bodies, string(m.Body))
		}
	}
	return bodies
}

// receivers gives who got a MESSAGE because of a request, sorted.
func (in *inbox) receivers(callID string) (to []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, m := range in.by[callID] {
		to = append(to, m.URI)
	}
	slices.Sort(to)
	return to
}
