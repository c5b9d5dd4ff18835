package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/tests/await"
)

// The probe: a room of these, one of whom says something every probeStep.
const (
	probeRoom    = "chat-probe"
	probeMembers = 4
	probeStep    = 50 * time.Millisecond
)

// probe is the healthy room beside a fault.
type probe struct {
	s      *scene
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	sent    []probeText
	slowest time.Duration
	late    time.Duration // by how much this process itself was late at most
}

type probeText struct {
	id, from string
	began    time.Time
	rc       string // what came back; an error's text if nothing did
	took     time.Duration
}

// slack is what the machine may add to the bounds of a line: three times, for
// the processes that a text passes, what a timer of this process was late.
func (p *probe) slack() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return 3 * p.late
}

func probeUser(i int) string { return fmt.Sprintf("probe%d", i) }

// startProbe makes the room and begins to talk.
func startProbe(s *scene) *probe {
	p := &probe{s: s}
	for i := range probeMembers {
		p.join(i)
	}
	p.resume()
	return p
}

func (p *probe) join(i int) {
	err := await.Try(30*time.Second, func() error {
		if rc, says := p.s.command(p.s.ctx, probeUser(i), probeRoom, "#join"); rc != "1" {
			return fmt.Errorf("%s %q", rc, says)
		}
		return nil
	})
	assert.NoError(p.s.t, err, "db_mode %d: %s joins", p.s.mode, probeUser(i))
}

// repeated reports whether Kamailio may have taken copies of a text for texts
// of their own: tm forgets a request some time after its answer (wt_timer), and
// knows nothing of a copy that waits in its socket for so long. A copy waits as
// long as a text that was sent when it was: the answers to those sent until the
// text's own answer came tell.
func (p *probe) repeated(text probeText) bool {
	remembers := 5 * time.Second
	if _, fast := p.s.o.Defines["FAST_TM"]; fast {
		remembers = 200 * time.Millisecond
	}
	const firstCopy = 500 * time.Millisecond
	if text.took < firstCopy {
		return false
	}
	from, to := text.began.Add(firstCopy), text.began.Add(text.took)
	return slices.ContainsFunc(p.sent, func(other probeText) bool {
		return other.began.After(from) && other.began.Before(to.Add(probeStep)) &&
			other.began.Add(other.took).After(to.Add(remembers))
	})
}

// resume goes on to talk.
func (p *probe) resume() {
	ctx, cancel := context.WithCancel(p.s.ctx)
	p.cancel = cancel
	p.done.Go(func() {
		for n := 0; ; n++ {
			began := time.Now()
			select {
			case <-ctx.Done():
				return
			case <-time.After(probeStep):
			}
			p.mu.Lock()
			p.late = max(p.late, time.Since(began)-probeStep)
			p.mu.Unlock()
			// each waits for its own answer, so that the rate is kept
			p.done.Go(func() { p.say(ctx, probeUser(n%probeMembers), n) })
		}
	})
}

func (p *probe) say(ctx context.Context, from string, n int) {
	id := p.s.farm.NewCallID()
	began := time.Now()
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	if p.s.run.dies { // its end is not waited for
		patience = ctx
	}
	res, err := p.s.farm.Send(patience, message(from, probeRoom, id, "text/plain", fmt.Sprintf("probe %d", n)))
	took := time.Since(began)
	text := probeText{id: id, from: from, began: began, took: took}
	switch {
	case err != nil:
		text.rc = err.Error()
	default:
		text.rc = strings.TrimSpace(res.Get("X-RC"))
		if text.rc == "" {
			text.rc = fmt.Sprintf("%d %s", res.Code, res.Reason)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, text)
	p.slowest = max(p.slowest, took)
}

// answered is how many texts have been.
func (p *probe) answered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent)
}

func (p *probe) stop() {
	p.cancel()
	p.done.Wait()
}

// judge fails the test unless every text was answered in time, and came to
// every other member, once.
func (p *probe) judge() {
	p.s.t.Helper()
	var wrong []string
	bound := p.s.run.text + p.slack()
	for _, text := range p.sent {
		if (text.rc != "1" || text.took > bound) && !p.s.run.dies {
			wrong = append(wrong, fmt.Sprintf("one of %s: %s after %v", text.from, text.rc, text.took.Round(time.Millisecond)))
		}
	}
	if len(wrong) > 0 {
		p.s.t.Errorf("db_mode %d: %d of %d texts were refused, or not answered within %v, the first: %s",
			p.s.mode, len(wrong), len(p.sent), bound, strings.Join(wrong[:min(5, len(wrong))], "; "))
	}
	for _, text := range p.sent {
		if text.rc != "1" {
			continue // see above
		}
		var want []string
		for i := range probeMembers {
			if u := probeUser(i); u != text.from {
				want = append(want, uri(u))
			}
		}
		err := await.Try(bound+5*time.Second, func() error {
			got := p.s.inbox.receivers(text.id)
			if p.repeated(text) {
				got = slices.Compact(got)
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("a text of %s went to %q", text.from, got)
			}
			return nil
		})
		if err != nil && !p.s.run.dies {
			p.s.t.Errorf("db_mode %d: %v", p.s.mode, err)
			return
		}
	}
}

func (p *probe) String() string {
	return fmt.Sprintf("%d texts, the slowest answered in %v (the machine's share at most %v)",
		len(p.sent), p.slowest.Round(time.Millisecond), p.slack().Round(time.Millisecond))
}

// askRoom is where an asker's users come and go.
const askRoom = "chat-asked"

// asker sends commands on another room beside a fault: new users join.
type asker struct {
	s      *scene
	cancel context.CancelFunc
	done   chan struct{}

	mu        sync.Mutex
	expected  outcome
	in, maybe map[string]bool   // users who were told that they are, or may be, members
	out       map[string]string // what others were told
	counts    [3]int            // by outcome, answered for those in doubt
	slowest   time.Duration
	recovered time.Duration
	wrong     []string
}

func startAsker(s *scene) *asker {
	a := &asker{s: s, done: make(chan struct{}), in: map[string]bool{}, maybe: map[string]bool{}, out: map[string]string{}}
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(s.ctx)
	go func() {
		defer close(a.done)
		for i := 0; ctx.Err() == nil; i++ {
			a.one(ctx, fmt.Sprintf("asker%d", i))
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return a
}

// expect says what commands have to come to from now on.
func (a *asker) expect(o outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expected = o
}

func (a *asker) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.in)
}

// one has a user join. What is asked for when the fault begins or ends may
// come to either.
func (a *asker) one(ctx context.Context, user string) {
	a.mu.Lock()
	before := a.expected
	a.mu.Unlock()
	began := time.Now()
	if !a.s.run.dies { // its end is not waited for
		ctx = a.s.ctx
	}
	rc, says := a.s.command(ctx, user, askRoom, "#join")
	took := time.Since(began)

	a.mu.Lock()
	defer a.mu.Unlock()
	a.slowest = max(a.slowest, took)
	switch {
	case rc == "1":
		a.in[user] = true
		a.counts[work]++
	case strings.HasPrefix(rc, "-"):
		a.counts[refused]++
		a.out[user] = fmt.Sprintf("%s %q", rc, says)
		if len(says) != 1 || !strings.HasPrefix(says[0], "*** ") {
			a.wrong = append(a.wrong, fmt.Sprintf("%s was refused and told %q", user, says))
		} else if strings.Contains(says[0], "did not confirm") {
			a.maybe[user] = true
			a.counts[answered]++
		}
	default: // no answer at all
		a.maybe[user] = true
		a.counts[answered]++
		a.wrong = append(a.wrong, fmt.Sprintf("%s joins: %s", user, rc))
	}
	if bound := a.s.run.command + a.s.probe.slack(); took > bound {
		a.wrong = append(a.wrong, fmt.Sprintf("%s was answered %s after %v, not within %v", user, rc, took.Round(time.Millisecond), bound))
	}
	if before != a.expected || before == answered {
		return
	}
	if got := rc == "1"; got != (before == work) {
		a.wrong = append(a.wrong, fmt.Sprintf("%s joins: %s %q", user, rc, says))
	}
}

func (a *asker) stop() {
	a.cancel()
	<-a.done
}

// judge fails the test unless commands came to what the line says, and the
// room's members are those who were told so.
func (a *asker) judge() {
	a.s.t.Helper()
	if len(a.wrong) > 0 && !a.s.run.dies {
		a.s.t.Errorf("db_mode %d: %d commands are not as the line says, the first: %s",
			a.s.mode, len(a.wrong), strings.Join(a.wrong[:min(5, len(a.wrong))], "; "))
	}
	err := await.Try(5*time.Second, func() error {
		v, err := a.s.RPC("imc.list_members", uri(askRoom))
		if err != nil {
			return err
		}
		if len(v.Structs()) == 0 {
			return errors.New("no list")
		}
		list, _ := v.Structs()[0].Field("members")
		there := map[string]bool{}
		for _, m := range list.Strings() {
			there[strings.TrimSuffix(strings.TrimPrefix(m, "sip:"), "@"+domain)] = true
		}
		for u := range a.in {
			if !there[u] {
				return fmt.Errorf("%s was confirmed and is no member", u)
			}
		}
		for u := range there {
			if !a.in[u] && !a.maybe[u] {
				return fmt.Errorf("%s was refused (%s) and is a member", u, a.out[u])
			}
		}
		return nil
	})
	assert.NoError(a.s.t, err, "db_mode %d", a.s.mode)
}

func (a *asker) String() string {
	return fmt.Sprintf("%d commands confirmed, %d refused, %d in doubt, the slowest in %v, well again after %v",
		a.counts[work], a.counts[refused], a.counts[answered], a.slowest.Round(time.Millisecond), a.recovered.Round(time.Millisecond))
}
