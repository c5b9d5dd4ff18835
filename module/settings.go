package module

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Role says what a process is, a mask.
type Role int

// Roles of a process, as in imc_engine.h.
const (
	RoleWorker Role = 1 // handles requests and questions
	RoleHost   Role = 2 // owns the rooms
)

// maxTimeout bounds how long a worker may be told to wait.
const maxTimeout = 10 * time.Minute

// ErrSettings is wrapped by every error of [Start] that settings cause.
var ErrSettings = errors.New("impossible settings")

// Settings are what a process is started with.
type Settings struct {
	Version       string // of imc.so: this library works with no other
	Roles         Role
	Mode          int           // db_mode: 0, 1 or 2
	CreateOnJoin  bool          //
	CheckOnCreate bool          //
	CommandStart  byte          // first byte of a command's body
	MaxHops       int           // rooms that a text may have come through
	FanoutInline  int           // recipients that a worker sends to by itself at most
	QueueSize     int           // MESSAGEs that the host's queue holds at most
	QueueBytes    int           // bytes that it holds at most
	CacheTTL      time.Duration // db_mode 2: age that a room's rows may have
	Timeout       time.Duration // how long a worker waits for the host
	URL           string        // db_url, with its password
	RoomsTable    string
	MembersTable  string

	// Versions is shared by all processes, its length a power of two.
	Versions []atomic.Uint64
	// Counters is this process's row of [CounterRow] numbers.
	Counters []atomic.Uint64

	WorkerFD int   // worker: its end of its socket pair; Start takes it over
	HostFDs  []int // host: its ends of all socket pairs; Start takes them over

	// Open is called by a host in db_mode 1 and 2; nil: the database of URL.
	Open Opener
}

func (s *Settings) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrSettings, fmt.Sprintf(format, args...))
	}
	switch {
	case s.Version != version:
		return bad("imc.so is version %s, imc_engine.so version %s: install both of one build", s.Version, version)
	case s.Roles&^(RoleWorker|RoleHost) != 0 || s.Roles == 0:
		return bad("roles %d", s.Roles)
	case s.Mode < 0 || s.Mode > 2:
		return bad("db_mode %d", s.Mode)
	case s.CommandStart == 0:
		return bad("no command start character")
	case s.MaxHops < 0:
		return bad("max_hops %d", s.MaxHops)
	case s.FanoutInline < 0:
		return bad("fanout_inline %d", s.FanoutInline)
	case s.QueueSize < 1:
		return bad("queue_size %d", s.QueueSize)
	case s.QueueBytes < 1:
		return bad("queue_bytes %d", s.QueueBytes)
	case s.CacheTTL < 0:
		return bad("db_cache_ttl %v", s.CacheTTL)
	case s.Timeout <= 0 || s.Timeout > maxTimeout:
		return bad("timeout %v", s.Timeout)
	case len(s.Versions) == 0 || len(s.Versions)&(len(s.Versions)-1) != 0:
		return bad("%d versions, not a power of two", len(s.Versions))
	case len(s.Counters) != CounterRow:
		return bad("a row of %d counters, not %d", len(s.Counters), CounterRow)
	case s.Roles == RoleWorker && s.WorkerFD < 0:
		return bad("worker's socket %d", s.WorkerFD)
	}
	for _, fd := range s.HostFDs {
		if fd < 0 {
			return bad("host's socket %d", fd)
		}
	}
	return nil
}
