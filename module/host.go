package module

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"kamailio-imc/engine"
)

const (
	// progressEvery is how often a long load reports to the log.
	progressEvery = 3 * time.Second
	// stopWait is how long requests may still run, and the storage take to
	// close, when the host ends.
	stopWait = time.Second
	// cutWait is how long they get to end when they have been cancelled.
	cutWait = 250 * time.Millisecond
)

var (
	errStopping = errors.New("the engine is stopping")
	errNotReady = errors.New("the engine has not loaded its rooms yet")
)

// Host owns the rooms: it serves the workers' requests, each socket with a
// goroutine of its own, and keeps what its main thread is to do: MESSAGEs to
// send and lines to log. Its methods are for the main thread, but for those
// that serve requests.
type Host struct {
	settings *Settings
	versions versions
	counters counters
	queue    *queue
	notes    *notes
	wake     chan struct{} // holds one token if there may be something for next

	withdrawals *withdrawals

	ctx    context.Context //nolint:containedctx // ends with stop, not with a call
	cancel context.CancelFunc
	ending chan struct{} // closed when the end begins; ctx ends later
	ready  chan struct{} // closed when the rooms are loaded
	failed chan struct{} // closed when the start failed
	told   bool          // READY was handed out

	conf  *engine.Conference // set before ready is closed
	store engine.Store       // the same; nil in mode 0

	conns   []*conn
	mu      sync.Mutex     // held while withdraw is started, or conns are closed
	ended   atomic.Bool    // set with mu held
	broken  atomic.Bool    // a goroutine ended in a panic: the host cannot go on
	serving sync.WaitGroup // goroutines of serve and withdraw
}

// newHost starts the host: loading goes on in a goroutine, see next.
func newHost(s *Settings) (*Host, error) {
	h := &Host{
		settings: s,
		versions: s.Versions,
		counters: s.Counters,
		wake:     make(chan struct{}, 1),
		ready:    make(chan struct{}),
		failed:   make(chan struct{}),

		withdrawals: newWithdrawals(),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.ending = make(chan struct{})
	h.notes = &notes{wake: h.awake}
	h.queue = newQueue(load{s.QueueSize, s.QueueBytes},
		func(room string) { h.versions.bump(room) },
		func(depth int) { h.counters.set(CounterQueued, depth) })
	for _, fd := range s.HostFDs {
		c, err := newConn(fd)
		if err != nil {
			h.end()
			return nil, err
		}
		h.conns = append(h.conns, c)
	}
	for _, c := range h.conns {
		h.serving.Add(1)
		go h.serve(c)
	}
	go h.start()
	return h, nil
}

// awake lets next look again.
func (h *Host) awake() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// start opens the storage and loads the rooms. Until it has, workers' requests
// are refused.
func (h *Host) start() {
	defer func() {
		if v := recover(); v != nil {
			h.noteAll(panicNotes(v))
			h.fail()
		}
	}()
	h.notes.addf(engine.LevelNotice, "version %s, %s, db_mode %d", version, runtime.Version(), h.settings.Mode)
	if err := h.load(); err != nil {
		h.notes.addf(engine.LevelError, "the engine cannot start: %v", err)
		h.fail()
		return
	}
	h.gauges()
	close(h.ready)
	h.awake()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended.Load() {
		return
	}
	h.serving.Add(1)
	go h.withdraw()
}

func (h *Host) fail() {
	close(h.failed)
	h.awake()
}

func (h *Host) load() error {
	s := h.settings
	if s.Mode != 0 {
		open := s.Open
		if open == nil {
			open = openSQL
		}
		store, notes, err := open(h.ctx, s, h.noteOne)
		h.noteAll(notes)
		if err != nil {
			return err
		}
		h.store = store
	}
	h.conf = engine.New(engine.Settings{
		CommandStart:  s.CommandStart,
		MaxHops:       s.MaxHops,
		CreateOnJoin:  s.CreateOnJoin,
		CheckOnCreate: s.CheckOnCreate,
		Mode:          s.Mode,
		CacheTTL:      s.CacheTTL,
		Changed:       func(k engine.Key) { h.versions.bump(string(k)) },
		Note:          h.noteOne,
	}, h.store)
	began := time.Now()
	last := began
	err := h.conf.Load(h.ctx, func(rooms, members int) {
		if time.Since(last) >= progressEvery {
			last = time.Now()
			h.notes.addf(engine.LevelNotice, "loading: %d rooms, %d members so far", rooms, members)
		}
	}, h.noteOne)
	if err != nil {
		return err
	}
	if s.Mode == 1 {
		rooms, members := h.conf.Counts()
		h.notes.addf(engine.LevelNotice, "%d rooms with %d members loaded in %v",
			rooms, members, time.Since(began).Round(time.Millisecond))
	}
	return nil
}

func (h *Host) noteOne(n engine.Note) { h.notes.add(n.Level, n.Text) }

func (h *Host) noteAll(lines []engine.Note) {
	for _, n := range lines {
		h.notes.add(n.Level, n.Text)
	}
}

// gauges writes how many rooms and members there are.
func (h *Host) gauges() {
	rooms, members := h.conf.Counts()
	h.counters.set(CounterRooms, rooms)
	h.counters.set(CounterMembers, members)
}

// next waits at most timeout for something to do on the main thread and
// writes it to reply: log lines, READY once, and at most one MESSAGE record,
// which is reported with EventSent or EventUnsent. StatusStart: the start
// failed, StatusPanic: the host cannot go on; the reason is in the reply.
func (h *Host) next(timeout time.Duration, reply *Reply) Status {
	debugNext()
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		if status, something := h.poll(reply); something || timeout <= 0 {
			return status
		}
		select {
		case <-h.wake:
		case <-expired:
			timeout = 0
		}
	}
}

// poll writes what there is to do to reply, and reports whether there was
// anything.
func (h *Host) poll(reply *Reply) (_ Status, something bool) {
	// Both say why first.
	failed := isClosed(h.failed)
	broken := h.broken.Load()
	something = h.notes.write(reply, RecordMax)
	if failed {
		return StatusStart, true
	}
	if broken {
		return StatusPanic, true
	}
	if !h.told && isClosed(h.ready) {
		h.told = true
		something = true
		dst := reply.room(recordHead)
		*dst = appendReady(*dst)
	}
	before := reply.Len()
	buf, dropped := h.queue.take(reply.buf)
	reply.buf = buf
	if dropped > 0 {
		h.counters.add(CounterDropped, dropped)
		note(reply, engine.LevelError, fmt.Sprintf("%d MESSAGEs dropped: too long to be sent", dropped))
	}
	return StatusOK, something || dropped > 0 || reply.Len() > before
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// sent takes the main thread's report that a MESSAGE of the queue is sent.
func (h *Host) sent(e *Event) Status {
	id, ok := messageID(e.Message)
	if !ok || !h.queue.sent(id) {
		return StatusInvalid
	}
	return StatusOK
}

// unsent takes the main thread's report that a MESSAGE of the queue could not
// be sent for want of memory.
func (h *Host) unsent(e *Event, reply *Reply) Status {
	id, ok := messageID(e.Message)
	if !ok {
		return StatusInvalid
	}
	back, ok := h.queue.unsent(id, e.First, e.Code != 0, time.Now())
	if !ok {
		return StatusInvalid
	}
	if e.Code != 0 {
		h.counters.add(CounterRetried, back.retried)
	}
	if back.dropped != "" {
		h.counters.add(CounterDropped, 1)
		note(reply, engine.LevelError, fmt.Sprintf(
			"room %s: a MESSAGE to %s dropped: no memory to send it for %v", back.head.room, clip(back.dropped), giveUp))
		if back.head.flags&FlagInvitation != 0 {
			h.withdrawals.add(back.head.failed(back.dropped))
		}
	}
	return StatusOK
}

// guard is deferred by goroutines that others rely on: a panic in one of them
// is logged, and the host cannot go on. Not recovered, it would end the process
// without a word in the log.
func (h *Host) guard() {
	if v := recover(); v != nil {
		h.noteAll(panicNotes(v))
		h.broken.Store(true)
		h.awake()
	}
}

// stop ends the service: no more requests are taken, storage is closed. What
// is queued can still be taken with next.
func (h *Host) stop() Status {
	if !h.end() {
		return StatusOK
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer h.guard()
		h.serving.Wait()
		if !isClosed(h.ready) {
			return
		}
		h.uninviteAll()
		h.conf.Close()
		if h.store != nil {
			if err := h.store.Close(); err != nil {
				h.notes.addf(engine.LevelError, "storage: %v", err)
			}
		}
	}()
	// A commit that is under way is waited for: cut short, nobody would know
	// whether it is in force.
	cut := time.AfterFunc(stopWait, h.cancel)
	defer cut.Stop()
	select {
	case <-done:
	case <-time.After(stopWait + cutWait):
		h.notes.add(engine.LevelWarning, "stopped while requests were running")
	}
	h.cancel()
	return StatusOK
}

// end lets all that runs come to its end. It reports false if it did already.
func (h *Host) end() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended.Swap(true) {
		return false
	}
	close(h.ending)
	if !isClosed(h.ready) {
		h.cancel() // what is being loaded
	}
	for _, c := range h.conns {
		c.close()
	}
	return true
}
