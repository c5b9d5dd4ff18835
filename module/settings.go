package module

import (
	"fmt"
	"kamailio-imc/engine/storage"
	"kamailio-imc/module/host"
	"kamailio-imc/module/snapshot"
	"kamailio-imc/module/wire"
	"kamailio-imc/module/worker"
	"time"
)

// Role says what a process is, a mask.
type Role int

// Roles of a process, as in imc_engine.h.
const (
	RoleWorker Role = 1 // handles requests and questions
	RoleHost   Role = 2 // owns the rooms
)

// Settings are what a process is started with. The views are valid until
// [Start] returns.
type Settings struct {
	Version       wire.View // of imc.so: this library works with no other
	Roles         Role
	Mode          storage.Mode // db_mode
	CreateOnJoin  bool
	CheckOnCreate bool
	CommandStart  byte          // first byte of a command's body
	MaxHops       int           // rooms that a text may have come through
	FanoutInline  int           // recipients that a worker sends to by itself at most
	QueueSize     int           // MESSAGEs that the host's queue holds at most
	QueueBytes    int           // bytes that it holds at most
	CacheTTL      time.Duration // db_mode 2: age that a room's rows may have
	Timeout       time.Duration // how long a worker waits for the host
	URL           wire.View     // db_url, with its password
	RoomsTable    wire.View
	MembersTable  wire.View

	// Versions is shared by all processes, its length a power of two.
	Versions snapshot.Versions
	// Counters is this process's row of [CounterRow] numbers.
	Counters wire.Counters

	WorkerFD int   // worker: its end of its socket pair; Start takes it over
	HostFDs  []int // host: its ends of all socket pairs; Start takes them over

	// Open is called by a host in db_mode 1 and 2; nil: the database of URL.
	Open host.Opener
}

func (s *Settings) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("impossible settings: "+format, args...)
	}
	switch {
	case s.Version.Peek() != version:
		return bad("imc.so is version %s, imc_engine.so version %s: install both of one build", s.Version.Peek(), version)
	case s.Roles&^(RoleWorker|RoleHost) != 0 || s.Roles == 0:
		return bad("roles %d", s.Roles)
	case !s.Mode.Valid():
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
	case s.Timeout <= 0 || s.Timeout > worker.MaxTimeout:
		return bad("timeout %v", s.Timeout)
	case len(s.Versions) == 0 || len(s.Versions)&(len(s.Versions)-1) != 0:
		return bad("%d versions, not a power of two", len(s.Versions))
	case len(s.Counters) != wire.CounterRow:
		return bad("a row of %d counters, not %d", len(s.Counters), wire.CounterRow)
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

// intake returns what both kinds of processes need.
func (s *Settings) intake() worker.Intake {
	return worker.Intake{CommandStart: s.CommandStart, MaxHops: s.MaxHops, Counters: s.Counters}
}

func (s *Settings) worker() *worker.Settings {
	return &worker.Settings{Intake: s.intake(), FD: s.WorkerFD, Timeout: s.Timeout, Versions: s.Versions}
}

func (s *Settings) host() *host.Settings {
	return &host.Settings{
		Intake:        s.intake(),
		Version:       version,
		Mode:          s.Mode,
		CreateOnJoin:  s.CreateOnJoin,
		CheckOnCreate: s.CheckOnCreate,
		FanoutInline:  s.FanoutInline,
		QueueSize:     s.QueueSize,
		QueueBytes:    s.QueueBytes,
		CacheTTL:      s.CacheTTL,
		Timeout:       s.Timeout,
		Storage: host.Storage{
			URL:          s.URL.Copy(),
			RoomsTable:   s.RoomsTable.Copy(),
			MembersTable: s.MembersTable.Copy(),
		},
		Versions: s.Versions,
		FDs:      s.HostFDs,
		Open:     s.Open,
	}
}
