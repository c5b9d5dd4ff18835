// Package rig starts the Kamailios of the benchmark and of the soak test and
// reads what they cost: processor time and memory of all their processes.
package rig

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"kamailio-imc/tests/kamailio"
)

// Kind is what a server runs.
type Kind string

// The kinds of servers.
const (
	Ours  Kind = "ours"  // this repository's imc.so
	Stock Kind = "stock" // the distribution's imc.so
	Floor Kind = "floor" // imc_floor.so: tm's sends and no rooms
)

// FloorDir is where imc_floor.so is, seen from the top of the repository.
const FloorDir = "build/bench"

// Spec says which server to start. Zero values mean: Kamailio's or the
// module's default.
type Spec struct {
	Kind      Kind
	Case      string // folder in tests/kamailio-config; "" is bench
	Allocator string // Kamailio's -x and -X, "" its default
	ShmMB     int
	Workers   int
	Sink      string // host:port of the members: outbound_proxy; "" is none
	RoomSize  int    // Floor: members of a room
	// DBURL names the tables with the rooms, for ours in db_mode 1 unless Params
	// say otherwise. "" is an empty start: text tables for the stock module,
	// memory mode for ours.
	DBURL string
	// Rooms is how many rooms a start has to load before Start returns.
	Rooms   int
	Params  map[string]any    // parameters of the module
	Defines map[string]string // further definitions for the configuration
	Log     int               // debug= level
	Wait    time.Duration     // how long a start may take, 0: 20 s
}

// Server is a running Kamailio.
type Server struct {
	*kamailio.Server
	Spec Spec

	roles map[int]string // by process id
}

// Rig ends what it started, in Close.
type Rig struct {
	host *host
}

// New makes an empty rig.
func New() *Rig { return &Rig{host: &host{}} }

// Close kills the servers that still run and removes their folders. A stop in
// order is not waited for: the stock module would write its rooms back row by
// row.
func (r *Rig) Close() {
	for i := len(r.host.cleanups) - 1; i >= 0; i-- {
		r.host.cleanups[i]()
	}
	r.host.cleanups = nil
}

// Start starts a server and waits until it serves.
func (r *Rig) Start(sp Spec) (*Server, error) {
	o := kamailio.Options{
		Case: sp.Case, Module: kamailio.Stock, Workers: sp.Workers, NoTCP: true, ShmMB: sp.ShmMB,
		Params: map[string]any{}, Defines: map[string]string{"LOG_LEVEL": strconv.Itoa(sp.Log)},
		ReadyRPC: "core.version", StartTimeout: sp.Wait, PkgMB: 16,
		// the largest receive buffer that Kamailio may ask for: what a small
		// one loses is sent again after 500 ms, whichever module runs
		Args: []string{"-b", "4194304"},
	}
	if o.Case == "" {
		o.Case = "bench"
	}
	if sp.Allocator != "" {
		o.Args = append(o.Args, "-x", sp.Allocator, "-X", sp.Allocator)
	}
	maps.Copy(o.Params, sp.Params)
	maps.Copy(o.Defines, sp.Defines)
	if sp.Sink != "" {
		o.Params["outbound_proxy"] = "sip:" + sp.Sink
	}
	switch sp.Kind {
	case Floor:
		o.ModuleDir = filepath.Join(kamailio.RepoDir(), FloorDir)
		o.Defines["FLOOR"] = ""
		o.Defines["BENCH_ROOM_SIZE"] = strconv.Itoa(sp.RoomSize)
	case Stock:
		o.TextDB = sp.DBURL == ""
	case Ours:
		o.Module, o.ReadyRPC = kamailio.Ours, "" // until its rooms are loaded it refuses
		if _, set := o.Params["db_mode"]; !set && sp.DBURL != "" {
			o.Params["db_mode"] = 1
		}
	}
	if sp.Kind != Floor && sp.DBURL != "" {
		o.Params["db_url"] = sp.DBURL
	}
	ks, err := kamailio.Try(r.host, o)
	if err != nil {
		return nil, fmt.Errorf("kamailio (%s): %w", sp.Kind, err)
	}
	r.host.cleanups = append(r.host.cleanups, func() {
		if !ks.Ended() {
			ks.Kill()
		}
	})
	s := &Server{Server: ks, Spec: sp}
	if err := s.readRoles(); err != nil {
		return nil, err
	}
	return s, s.awaitRooms()
}

// awaitRooms waits until our engine has loaded its rooms; the stock module
// does so before Kamailio serves anybody. The statistic is polled, since a
// list of many rooms does not fit into an answer of kamcmd.
func (s *Server) awaitRooms() error {
	if s.Spec.Kind != Ours || s.Spec.Rooms == 0 {
		return nil
	}
	deadline := time.Now().Add(max(s.Spec.Wait, 20*time.Second))
	for {
		n, err := s.Statistic("imc:active_rooms")
		switch {
		case err == nil && n == int64(s.Spec.Rooms):
			return nil
		case s.Ended() || time.Now().After(deadline):
			return errors.Join(fmt.Errorf("%d of %d rooms were loaded\n%s", n, s.Spec.Rooms, s.LogTail(20)), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Roles of processes.
const (
	RoleWorker = "worker" // a SIP worker
	RoleEngine = "engine" // our engine process
	RoleOther  = "other"  // main process, timers, control
)

func (s *Server) readRoles() error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		ps, err := s.Processes()
		if err != nil {
			return err
		}
		s.roles = map[int]string{}
		engine := s.Spec.Kind != Ours
		for _, p := range ps {
			s.roles[p.Pid] = RoleOther
			switch {
			case strings.HasPrefix(p.Description, "udp receiver"):
				s.roles[p.Pid] = RoleWorker
			case strings.Contains(p.Description, "imc engine"):
				s.roles[p.Pid] = RoleEngine
				engine = true
			}
		}
		if engine {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("no engine process is in core.psx")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// host is what package kamailio needs of a test, for a program.
type host struct {
	testing.TB
	cleanups []func()
}

func (h *host) Helper()          {}
func (h *host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }
func (h *host) Failed() bool     { return false }
func (h *host) Logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
func (h *host) Errorf(format string, args ...any) { h.Logf(format, args...) }

// Statistics gives all statistics of a group by name.
func (s *Server) Statistics(group string) (map[string]int64, error) {
	v, err := s.RPC("stats.fetch", group+":")
	if err != nil {
		return nil, err
	}
	m := map[string]int64{}
	for _, st := range v.Structs() {
		for _, f := range st.Fields {
			_, name, _ := strings.Cut(strings.Replace(f.Name, ":", ".", 1), ".")
			if m[name], err = strconv.ParseInt(f.Value.Scalar, 10, 64); err != nil {
				return nil, fmt.Errorf("statistic %s: %w", f.Name, err)
			}
		}
	}
	return m, nil
}
