package main

import (
	"fmt"
	"slices"
	"time"

	"kamailio-imc/tests/bench/rig"
)

// Sample is one reading of the server. Memory is in bytes; of the workers the
// largest counts.
type Sample struct {
	At            time.Time
	ShmUsed       int64
	LowestFree    int64
	WorkerPrivate int64
	EnginePrivate int64
	EngineRSS     int64
	FDs, Threads  int // of all processes
	Statistics    map[string]int64
}

func take(s *rig.Server) (Sample, error) {
	m, err := s.SharedMemory()
	if err != nil {
		return Sample{}, err
	}
	ps, err := s.Usage()
	if err != nil {
		return Sample{}, err
	}
	out := Sample{At: time.Now().UTC(), ShmUsed: m.RealUsed, LowestFree: m.Total - m.MaxUsed}
	out.WorkerPrivate, _ = rig.Largest(ps, rig.RoleWorker)
	out.EnginePrivate, out.EngineRSS = rig.Largest(ps, rig.RoleEngine)
	for _, p := range ps {
		out.FDs += p.FDs
		out.Threads += p.Threads
	}
	out.Statistics, err = s.Statistics("imc")
	return out, err
}

func (s Sample) print() {
	fmt.Printf("%s shm %.1f MB, worker %.2f MB, engine %.2f MB, %d descriptors, %d threads, sent %d, queued %d, undelivered %d\n",
		s.At.Format(time.TimeOnly), mb(s.ShmUsed), mb(s.WorkerPrivate), mb(s.EnginePrivate), s.FDs, s.Threads,
		s.Statistics["sent"], s.Statistics["queued"], s.Statistics["undelivered"])
}

func mb(n int64) float64 { return float64(n) / (1 << 20) }

// Report is the result of a soak.
type Report struct {
	Duration      string
	Began         time.Time
	Before, After Sample // at rest
	Samples       []Sample
	Account       []Account
	Good, Bad     []string // conditions that hold, and that do not
}

// Growth that is no growth: what a garbage collector, or an allocator's
// rounding, moves from one sample to the next.
const (
	slackPrivate = 2 << 20
	slackShm     = 256 << 10
	slackThreads = 4
)

// The longest time that a name server which never answers may hold up texts of
// any room: what the resolver is given in kamailio.cfg, for each kind of record
// that is asked for, and a second for the rest.
const resolverBound = 4 * time.Second

func (r *Report) check(ok bool, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if ok {
		r.Good = append(r.Good, line)
	} else {
		r.Bad = append(r.Bad, line)
	}
}

// judge compares the second quarter of the samples with the last one, rest with
// rest, and the statistics with what arrived.
func (r *Report) judge() {
	flat := func(name string, slack int64, value func(Sample) int64) {
		early, late := r.quarter(1, value), r.quarter(3, value)
		r.check(late <= early+slack, "%s: %d in the second quarter, %d in the last (medians; %d more would be no growth)",
			name, early, late, slack)
	}
	if len(r.Samples) >= 8 {
		flat("a worker's private memory", slackPrivate, func(s Sample) int64 { return s.WorkerPrivate })
		flat("the engine's private memory", slackPrivate, func(s Sample) int64 { return s.EnginePrivate })
		flat("file descriptors", 0, func(s Sample) int64 { return int64(s.FDs) })
		flat("threads", slackThreads, func(s Sample) int64 { return int64(s.Threads) })
	} else {
		r.check(false, "%d samples are too few to tell growth", len(r.Samples))
	}
	r.check(r.After.ShmUsed <= r.Before.ShmUsed+slackShm, "shared memory at rest: %d bytes before, %d after",
		r.Before.ShmUsed, r.After.ShmUsed)
	r.judgeAccount()
}

func (r *Report) judgeAccount() {
	var sum Account
	for _, a := range r.Account {
		sum.Arrived += a.Arrived
		sum.Missing += a.Missing
		sum.Duplicates += a.Duplicates
		sum.Foreign += a.Foreign
		sum.ToSilent += a.ToSilent
		sum.ToUnresolvable += a.ToUnresolvable
	}
	delta := func(name string) int64 { return r.After.Statistics[name] - r.Before.Statistics[name] }
	r.check(sum.Missing == 0, "deliveries due that did not arrive: %d", sum.Missing)
	r.check(sum.Duplicates == 0, "deliveries that arrived twice: %d", sum.Duplicates)
	r.check(sum.Foreign == 0, "MESSAGEs to somebody else: %d", sum.Foreign)
	r.check(delta("sent") == int64(sum.Arrived), "statistic sent: %d, arrived: %d", delta("sent"), sum.Arrived)
	r.check(delta("undelivered") == int64(sum.ToSilent), "statistic undelivered: %d, MESSAGEs to members that never answer: %d",
		delta("undelivered"), sum.ToSilent)
	r.check(delta("send_failed") == int64(sum.ToUnresolvable),
		"statistic send_failed: %d, MESSAGEs due to members behind a name that does not resolve: %d",
		delta("send_failed"), sum.ToUnresolvable)
	for _, a := range r.Account {
		if a.DelayMax > 0 {
			r.check(a.DelayMax <= resolverBound, "%s: the slowest text took %v to its last recipient (bound: %v)",
				a.Kind, a.DelayMax.Round(time.Millisecond), resolverBound)
		}
	}
	r.check(delta("dropped") == 0, "statistic dropped: %d", delta("dropped"))
	r.check(r.After.Statistics["queued"] == 0, "still queued: %d", r.After.Statistics["queued"])
}

// quarter is the median over a quarter of the samples, counted from 0.
func (r *Report) quarter(n int, value func(Sample) int64) int64 {
	var v []int64
	for _, s := range r.Samples[len(r.Samples)*n/4 : len(r.Samples)*(n+1)/4] {
		v = append(v, value(s))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func (r *Report) print() {
	fmt.Println()
	for _, a := range r.Account {
		fmt.Printf("%s: %d requests, %d accepted, %d due, %d arrived, %d retransmissions", a.Kind, a.Requests,
			a.Accepted, a.Due, a.Arrived, a.Retransmitted)
		if a.DelayMax > 0 {
			fmt.Printf(", to the last recipient p50 %v, p99 %v, max %v", a.DelayP50.Round(time.Microsecond),
				a.DelayP99.Round(time.Microsecond), a.DelayMax.Round(time.Millisecond))
		}
		fmt.Println()
	}
	fmt.Printf("lowest free shared memory: %.1f MB\n\n", mb(r.After.LowestFree))
	for _, l := range r.Good {
		fmt.Println("good:", l)
	}
	for _, l := range r.Bad {
		fmt.Println("BAD: ", l)
	}
}
