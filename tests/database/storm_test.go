package database

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stormRoom is a room of a storm, which one goroutine sends commands to.
type stormRoom struct {
	name  string
	now   *room
	maybe []*room // what the room may be instead, after commands without an answer
	sent  []string
}

func (s *stormRoom) String() string {
	return fmt.Sprintf("%s after ...%s", s.name, strings.Join(s.sent[max(0, len(s.sent)-6):], "; "))
}

// storm sends commands to its rooms, each of which it knows: what is in force,
// because its sender heard of it, what is not, because it was refused, and
// what may be, because nobody was told.
type storm struct {
	n     *node
	t     testing.TB
	rooms []*stormRoom
	rnd   []*rand.Rand

	confirmed, refused, silent atomic.Int64
	// away: commands may be refused because the database is away.
	away atomic.Bool
	// refusedAway counts commands that were refused for it.
	refusedAway atomic.Int64
	// slowest is the longest time to an answer, in ns.
	slowest atomic.Int64
	// last is the last refusal, a text.
	last atomic.Value
}

func newStorm(n *node, seed uint64, rooms int) *storm {
	s := &storm{n: n, t: n.t}
	n.t.Logf("seed %d", seed)
	for i := range rooms {
		s.rooms = append(s.rooms, &stormRoom{name: fmt.Sprintf("storm%d", i)})
		s.rnd = append(s.rnd, rand.New(rand.NewPCG(seed, uint64(i)))) //nolint:gosec // repeatable
	}
	return s
}

// run storms until stop ends, or no answers can come any more: sends bounds the
// wait for each.
func (s *storm) run(stop, sends context.Context) {
	var wg sync.WaitGroup
	for i, r := range s.rooms {
		wg.Go(func() {
			// when something is not known, nobody knows what comes next
			for stop.Err() == nil && !s.t.Failed() && len(r.maybe) == 0 {
				s.one(sends, r, anyCommand(s.rnd[i], r.now, r.name))
			}
		})
	}
	wg.Wait()
}

// atLeast is a check for await: one of the storm's counters has come so far, or
// the test has failed. Its error shows all that the storm knows.
func (s *storm) atLeast(counter *atomic.Int64, enough int64) func() error {
	return func() error {
		if s.t.Failed() || counter.Load() >= enough {
			return nil
		}
		return fmt.Errorf("%d of %d; %d commands confirmed, %d refused, %d refused for the database, %d silent; the last refusal: %v",
			counter.Load(), enough, s.confirmed.Load(), s.refused.Load(), s.refusedAway.Load(), s.silent.Load(), s.last.Load())
	}
}

// one sends a command and notes what is known of the room then.
func (s *storm) one(ctx context.Context, r *stormRoom, c command) {
	began := time.Now()
	res, callID, err := s.n.send(ctx, c.from, r.name, c.body)
	what := c.from + " " + c.body
	if err != nil {
		// A notice tells as much as the response does.
		what += " -> nothing"
		if s.told(callID, c) {
			what += " but a notice"
			s.confirmed.Add(1)
			r.now = c.after
		} else {
			s.silent.Add(1)
			r.maybe = append(r.maybe, c.after)
		}
		r.sent = append(r.sent, what)
		return
	}
	for took := time.Since(began).Nanoseconds(); ; {
		old := s.slowest.Load()
		if took <= old || s.slowest.CompareAndSwap(old, took) {
			break
		}
	}
	code, err := strconv.Atoi(res.Get("X-RC"))
	if err != nil {
		s.t.Errorf("X-RC: %v", err)
	}
	r.sent = append(r.sent, fmt.Sprintf("%s -> %d", what, code))
	switch {
	case code > 0:
		if c.refused {
			s.t.Errorf("%v: not refused", r)
		}
		s.confirmed.Add(1)
		r.now = c.after
	case c.refused:
		s.refused.Add(1)
	case s.away.Load():
		s.refusedAway.Add(1)
		s.last.Store(r.String())
		// In db_mode 2 the answer to a commit may get lost; its sender is told.
		if s.n.says(callID, "did not confirm") {
			s.silent.Add(1)
			r.maybe = append(r.maybe, c.after)
		}
	default:
		s.t.Errorf("%v: refused: %v", r, s.n.answers(callID))
	}
}

// told reports whether a notice of success has arrived.
func (s *storm) told(callID string, c command) bool {
	if c.refused || strings.HasPrefix(c.body, "#reject") {
		return false
	}
	for _, body := range s.n.answers(callID) {
		for _, success := range []string{"has joined", "has left", "was created", "been destroyed", "been removed", "is now", "invites you"} {
			if strings.Contains(body, success) {
				return true
			}
		}
	}
	return false
}

// answers are the MESSAGEs that a command has caused so far.
func (n *node) answers(callID string) (bodies []string) {
	for _, m := range n.farm.Received(0) {
		if m.Get("In-Reply-To") == callID {
			bodies = append(bodies, string(m.Body))
		}
	}
	return bodies
}

// says waits for the answer to a refused command and reports whether it holds
// a text.
func (n *node) says(callID, text string) bool {
	ctx := bounded(n.t, patience)
	for have := 0; ; {
		all, err := n.farm.Await(ctx, 0, have)
		have = len(all) + 1
		for _, body := range n.answers(callID) {
			return strings.Contains(body, text)
		}
		if err != nil {
			n.t.Errorf("a refused command was not answered: %v", err)
			return false
		}
	}
}

// check compares the rows, and what the server knows, with what is known of
// each room, and takes over what was not known.
func (s *storm) check(d *tables) {
	s.t.Helper()
	rooms, members := d.rows(s.t)
	stored := map[string]*room{}
	for _, line := range rooms {
		name, flag, _ := strings.Cut(line, "@"+domain+" ")
		assert.NotContains(s.t, stored, name, "a room is there twice")
		stored[name] = &room{private: flag == "1", members: map[string]role{}}
	}
	for _, line := range members {
		f := strings.Fields(line)
		require.Len(s.t, f, 3)
		r := stored[userOf(f[1])]
		require.NotNil(s.t, r, "a member of no room: %s", line)
		user := userOf(f[0])
		assert.NotContains(s.t, r.members, user, "a member is there twice: %s", line)
		r.members[user] = role(f[2])
	}
	for _, r := range s.rooms {
		have := stored[r.name]
		possible := []string{r.now.String()}
		for _, m := range r.maybe {
			possible = append(possible, m.String())
		}
		if !assert.Contains(s.t, possible, have.String(), "%v", r) {
			continue
		}
		r.now, r.maybe = have.clone(), nil
		v, err := s.n.RPC("imc.list_members", uri(r.name))
		if have == nil {
			assert.Error(s.t, err, "%v", r)
			continue
		}
		if assert.NoError(s.t, err, "%v", r) {
			list, _ := v.Structs()[0].Field("members")
			assert.Len(s.t, list.Strings(), len(have.members), "%v", r)
			for _, u := range list.Strings() {
				assert.Contains(s.t, have.members, userOf(u), "%v", r)
			}
		}
	}
}
