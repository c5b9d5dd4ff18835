package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"kamailio-imc/tests/bench/rig"
)

// Workload is a number of rooms of one size.
type Workload struct{ Rooms, Size int }

// String names the workload as the tables do.
func (w Workload) String() string {
	return fmt.Sprintf("%s rooms of %s", thousands(w.Rooms), thousands(w.Size))
}

// Sample is one run of the headline suite. CPU is processor time of all
// Kamailio processes, in seconds, without that of an idle server.
type Sample struct {
	Workload           Workload
	Kind               rig.Kind
	Allocator          string
	Round              int
	Texts, Refused     int
	Due, Arrived       int
	Duplicates         int
	Retransmitted      int
	Seconds            float64
	CPU, EngineCPU     float64
	GeneratorCPU       float64
	ReplyP50, ReplyP99 time.Duration
}

// PerText is processor time per accepted text, in microseconds.
func (s Sample) PerText() float64 { return 1e6 * s.CPU / float64(max(1, s.Texts)) }

// PerDelivery is processor time per delivery that arrived, in microseconds.
func (s Sample) PerDelivery() float64 { return 1e6 * s.CPU / float64(max(1, s.Arrived)) }

// Memory is what a server holds, in bytes: of shared memory in total, in use,
// and the least that was ever free; of private memory the largest process of a
// role.
type Memory struct {
	ShmTotal, ShmUsed, ShmLowestFree int64
	WorkerPrivate, WorkerRSS         int64
	EnginePrivate, EngineRSS         int64
}

// Footprint is the memory of a server after the runs of a workload.
type Footprint struct {
	Workload  Workload
	Kind      rig.Kind
	Allocator string
	Memory    Memory
}

// BigReply is the reply time of one text to a big room.
type BigReply struct {
	Kind        rig.Kind
	Size        int
	Answered    bool
	Reply, Last time.Duration
	Due         int
	Arrived     int
}

// Burst is five texts at once to a big room with little shared memory.
type Burst struct {
	Kind          rig.Kind
	Allocator     string
	Size, ShmMB   int
	Accepted      int
	Due, Arrived  int
	Duplicates    int
	Last          time.Duration
	LowestFree    int64
	ShortageLines int
	Statistics    map[string]int64
}

// Probe is the time of texts in a room of 2, at rest or while a big room is
// served.
type Probe struct {
	Kind                       rig.Kind
	Round, ShmMB               int
	Busy                       bool
	Texts, Unanswered          int
	ReplyP50, ReplyP99         time.Duration
	DeliveredP50, DeliveredP99 time.Duration
	BigTexts                   int
}

// Command is the cost of a command in a room of one size.
type Command struct {
	Kind               rig.Kind
	Size, Round, Count int
	What               string // "join and leave" or "invite and reject"
	ReplyP50, ReplyP99 time.Duration
	CPUMicros          float64 // per command, broadcasts included
}

// Resident is the memory of a server before and after load.
type Resident struct {
	Kind         rig.Kind
	Workload     Workload
	Idle, Loaded Memory
	Start        time.Duration
	Texts        int
}

// Point is one measurement of a chart.
type Point struct {
	Series string
	X      int     // rooms, or members of a room
	Y      float64 // microseconds of processor time, or seconds to the last
	Round  int
	Due    int
	Lost   int
}

// Results is the file of results.
type Results struct {
	When       time.Time
	Machine    string
	Kernel     string
	Kamailio   string
	Go         string
	Commit     string
	Command    string
	Headline   []Sample
	Footprints []Footprint
	BigReplies []BigReply
	Bursts     []Burst
	Probes     []Probe
	Commands   []Command
	Resident   []Resident
	Growth     []Point
	Fanout     []Point
	Database   []DatabaseRun
	Loads      []DatabaseLoad
}

func readResults(file string) (*Results, error) {
	r := &Results{}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return r, json.Unmarshal(text, r)
}

func (r *Results) write(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

// describe notes where and with what the measurement is made.
func (r *Results) describe() {
	r.When = time.Now().UTC().Truncate(time.Second)
	r.Go = runtime.Version()
	r.Machine = fmt.Sprintf("%d cores, %s", runtime.NumCPU(), cpuModel())
	r.Kernel = firstLine("uname", "-sr")
	r.Kamailio = firstLine("kamailio", "-v")
	r.Commit = firstLine("git", "describe", "--always", "--dirty")
	r.Command = "go run ./tests/bench " + strings.Join(os.Args[1:], " ")
}

func firstLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// Spread is the median of some values with the quartiles around it.
type Spread struct{ Low, Median, High float64 }

func spread(v []float64) Spread {
	if len(v) == 0 {
		return Spread{}
	}
	v = slices.Sorted(slices.Values(v))
	at := func(q float64) float64 {
		x := q * float64(len(v)-1)
		i := int(x)
		if i+1 >= len(v) {
			return v[i]
		}
		return v[i] + (x-float64(i))*(v[i+1]-v[i])
	}
	return Spread{at(.25), at(.5), at(.75)}
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
