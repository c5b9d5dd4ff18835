package module

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/module/moduletest"
	"kamailio-imc/module/wire"
)

// mailbox is what every user received, in order.
type mailbox struct {
	mu  sync.Mutex
	got map[string][]string
}

func (b *mailbox) deliver(messages []moduletest.Sent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range messages {
		for _, to := range m.To {
			b.got[to] = append(b.got[to], string(m.Body))
		}
	}
}

func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// pump is the host's main thread: it delivers what is queued until done is
// closed and nothing is left. Every third batch finds no memory first.
func (s *system) pump(box *mailbox, done <-chan struct{}) {
	for i := 0; ; i++ {
		r := s.Host.Next(time.Millisecond)
		if len(r.Messages) == 0 {
			if ended(done) && s.Host.Counter(wire.CounterQueued) == 0 {
				return
			}
			continue
		}
		e := &wire.Event{Kind: wire.EventSent, Message: r.Records[0]}
		if i%3 == 0 {
			e.Kind, e.Code, e.First = wire.EventUnsent, -2, len(r.Messages[0].To)/2
			r.Messages[0].To = r.Messages[0].To[:e.First]
		}
		box.deliver(r.Messages)
		assert.Equal(s.Host.TB, wire.StatusOK, s.Host.Event(e).Status)
	}
}

// TestCrowd: users talk in rooms of several sizes through several workers at
// once, some of whose sends fail for want of memory. Every member receives
// every text once, and each sender's in the order sent.
func TestCrowd(t *testing.T) {
	const workers, texts = 4, 40
	sizes := []int{2, 2, 5, 10, 12, 40, 60}
	s := start(t, workers, func(s *Settings) { s.FanoutInline, s.QueueSize, s.QueueBytes = 10, 1<<30, 1<<30 }).ready()
	for i, size := range sizes {
		s.Workers[0].MakeRoom(fmt.Sprintf("sip:r%d@h", i), size)
	}
	s.Host.Drain()

	box := &mailbox{got: map[string][]string{}}
	done, pumped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(pumped)
		s.pump(box, done)
	}()
	// One goroutine a worker. The first four users of every room talk, each
	// through all workers in turn: a text is sent when the last is answered.
	var locks [workers]sync.Mutex
	var talking sync.WaitGroup
	for i, size := range sizes {
		for u := range min(size, 4) {
			talking.Go(func() {
				for n := range texts {
					k := (u + n) % workers
					locks[k].Lock()
					r := s.Workers[k].Handle(user(u), fmt.Sprintf("sip:r%d@h", i), fmt.Sprintf("r%d %d", i, n))
					assert.Equal(t, 1, r.Code, "%v", r.Logs)
					for j := range r.Messages { // the worker's own sends
						m := r.Messages[j]
						if rand.IntN(10) == 0 {
							first := rand.IntN(len(m.To))
							m.To = m.To[:first]
							assert.Equal(t, 1, s.Workers[k].Event(&wire.Event{Kind: wire.EventUnsent, Code: -2, First: first, Message: r.Records[j]}).Code)
						}
						box.deliver([]moduletest.Sent{m})
					}
					locks[k].Unlock()
				}
			})
		}
	}
	talking.Wait()
	close(done)
	<-pumped

	want := map[string]int{}
	for i, size := range sizes {
		for from := range min(size, 4) {
			for n := range texts {
				for to := range size {
					if to != from {
						want[fmt.Sprintf("%s [user%d]: r%d %d", user(to), from, i, n)]++
					}
				}
			}
		}
	}
	last := map[string]int{}
	for to, bodies := range box.got {
		for _, body := range bodies {
			want[to+" "+body]--
			var from, in, n int
			_, err := fmt.Sscanf(body, "[user%d]: r%d %d", &from, &in, &n)
			require.NoError(t, err)
			pair := fmt.Sprint(to, from, in)
			assert.Equal(t, last[pair], n, "order of %s", pair)
			last[pair]++
		}
	}
	for what, n := range want {
		require.Zero(t, n, what)
	}
}

// TestStorm: joins, leaves and texts on one room from several workers at once
// end in one state, the same for every question.
func TestStorm(t *testing.T) {
	const workers, users, rounds = 4, 8, 60
	s := start(t, workers, func(s *Settings) { s.FanoutInline, s.QueueSize, s.QueueBytes = 4, 1<<30, 1<<30 }).ready()
	s.Workers[0].MakeRoom(room, 1)
	box := &mailbox{got: map[string][]string{}}
	done, pumped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(pumped)
		s.pump(box, done)
	}()
	var storm sync.WaitGroup
	for k, w := range s.Workers {
		storm.Go(func() {
			random := rand.New(rand.NewPCG(uint64(k), 1))
			for range rounds {
				u := user(1 + random.IntN(users))
				body := []string{"#join", "#leave", "text", "#members", "#add " + user(1+random.IntN(users))}[random.IntN(5)]
				r := w.Handle(u, room, body)
				assert.Equal(t, wire.StatusOK, r.Status)
				w.Handle(user(0), room, "owner's text")
			}
		})
	}
	storm.Wait()
	close(done)
	<-pumped

	var members []string
	for u := range users + 1 {
		if s.Workers[u%workers].Query(wire.QueryRoomMember, room, user(u)).Code == 1 {
			members = append(members, user(u))
		}
	}
	for _, w := range s.Workers {
		got := w.Query(wire.QueryListMembers, room, "").Members
		slices.Sort(got)
		assert.Equal(t, members, got)
		text := w.Handle(user(0), room, "who is here?")
		assert.Equal(t, 1, text.Code)
		to := []string{} // all may have left
		for _, m := range append(text.Messages, s.Host.Drain()...) {
			to = append(to, m.To...)
		}
		slices.Sort(to)
		assert.Equal(t, members[1:], to)
	}
	assert.Equal(t, len(members), s.Host.Counter(wire.CounterMembers))
}
