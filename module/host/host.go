package host

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/module/snapshot"
	"kamailio-imc/module/wire"
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

// Why a request is refused, for the log.
const (
	stopping = "the engine is stopping"
	notReady = "the engine has not loaded its rooms yet"
)

// Host owns the rooms: it serves the workers' requests, each socket with a
// goroutine of its own, and keeps what its main thread is to do: MESSAGEs to
// send and lines to log. Its methods are for the main thread, but for those
// that serve requests.
type Host struct {
	settings *Settings
	versions snapshot.Versions
	counters wire.Counters
	queue    *queue
	notes    *notes
	wake     chan struct{} // holds one token if there may be something for Next

	withdrawals *withdrawals

	ctx    context.Context //nolint:containedctx // ends with Stop, not with a call
	cancel context.CancelFunc
	ending chan struct{} // closed when the end begins; ctx ends later
	ready  chan struct{} // closed when the rooms are loaded
	failed chan struct{} // closed when the start failed
	told   bool          // READY was handed out

	conf  *engine.Conference // set before ready is closed
	store storage.Store      // the same; nil in db_mode 0

	ends    []*wire.HostEnd
	mu      sync.Mutex     // held while withdraw is started, or ends are closed
	ended   atomic.Bool    // set with mu held
	broken  atomic.Bool    // a goroutine ended in a panic: the host cannot go on
	serving sync.WaitGroup // goroutines of serve and withdraw
}

// New starts the host: loading goes on in a goroutine, see Next. On an error
// the sockets are the caller's still.
func New(s *Settings) (*Host, error) {
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
		h.changed, func(depth int) { h.counters.Set(wire.CounterQueued, depth) })
	for _, fd := range s.FDs {
		end, err := wire.NewHostEnd(fd)
		if err != nil {
			h.end()
			return nil, err
		}
		h.ends = append(h.ends, end)
	}
	for _, end := range h.ends {
		h.serving.Add(1)
		go h.serve(end)
	}
	go h.start()
	return h, nil
}

// changed makes what workers know of a room out of date.
func (h *Host) changed(room sip.Key) { h.versions.Raise([]byte(room)) }

// awake lets Next look again.
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
			h.notes.add(wire.PanicNotes(v)...)
			h.fail()
		}
	}()
	h.notes.addf(log.Notice, "version %s, %s, db_mode %d", h.settings.Version, runtime.Version(), h.settings.Mode)
	if err := h.load(); err != nil {
		h.notes.addf(log.Error, "the engine cannot start: %v", err)
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
	if s.Mode != storage.ModeMemory {
		open := s.Open
		if open == nil {
			open = openSQL
		}
		store, notes, err := open(h.ctx, &s.Storage, s.Mode, h.noteOne)
		h.notes.add(notes...)
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
		Changed:       h.changed,
		Note:          h.noteOne,
	}, h.store)
	began := time.Now()
	last := began
	err := h.conf.Load(h.ctx, func(rooms, members int) {
		if time.Since(last) >= progressEvery {
			last = time.Now()
			h.notes.addf(log.Notice, "loading: %d rooms, %d members so far", rooms, members)
		}
	}, h.noteOne)
	if err != nil {
		return err
	}
	if s.Mode == storage.ModeDurable {
		rooms, members := h.conf.Counts()
		h.notes.addf(log.Notice, "%d rooms with %d members loaded in %v",
			rooms, members, time.Since(began).Round(time.Millisecond))
	}
	return nil
}

func (h *Host) noteOne(n log.Note) { h.notes.add(n) }

// gauges writes how many rooms and members there are.
func (h *Host) gauges() {
	rooms, members := h.conf.Counts()
	h.counters.Set(wire.CounterRooms, rooms)
	h.counters.Set(wire.CounterMembers, members)
}

// guard is deferred by goroutines that others rely on: a panic in one of them
// is logged, and the host cannot go on. Not recovered, it would end the process
// without a word in the log.
func (h *Host) guard() {
	if v := recover(); v != nil {
		h.notes.add(wire.PanicNotes(v)...)
		h.broken.Store(true)
		h.awake()
	}
}

// Stop ends the service: no more requests are taken, storage is closed. What
// is queued can still be taken with Next.
func (h *Host) Stop() wire.Status {
	if !h.end() {
		return wire.StatusOK
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
				h.notes.addf(log.Error, "storage: %v", err)
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
		h.notes.addf(log.Warning, "stopped while requests were running")
	}
	h.cancel()
	return wire.StatusOK
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
	for _, end := range h.ends {
		end.Close()
	}
	return true
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
