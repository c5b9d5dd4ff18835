package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CPU is processor time by role.
type CPU map[string]time.Duration

// Total over all roles.
func (c CPU) Total() time.Duration {
	var t time.Duration
	for _, d := range c {
		t += d
	}
	return t
}

// Sub gives what was used since an earlier reading.
func (c CPU) Sub(earlier CPU) CPU {
	d := CPU{}
	for role, t := range c {
		d[role] = t - earlier[role]
	}
	return d
}

// CPU reads the processor time that all processes of the server have used,
// with all their threads, in the scheduler's nanoseconds.
func (s *Server) CPU() CPU {
	c := CPU{}
	for pid, role := range s.roles {
		c[role] += ProcessCPU(pid)
	}
	return c
}

// ProcessCPU is the processor time that the threads of a process have used,
// those that have ended left out.
func ProcessCPU(pid int) (used time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		run, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseInt(run, 10, 64)
		used += time.Duration(ns)
	}
	return used
}

// Process is the memory of one process, in bytes, and what else it holds.
type Process struct {
	Role    string
	Pid     int
	Private int64 // private and dirty: what this process alone costs
	RSS     int64
	Threads int
	FDs     int
}

// Usage reads every process of the server.
func (s *Server) Usage() ([]Process, error) {
	var all []Process
	for pid, role := range s.roles {
		p := Process{Role: role, Pid: pid}
		roll, err := fields(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return nil, err
		}
		p.Private, p.RSS = roll["Private_Dirty"]<<10, roll["Rss"]<<10
		status, err := fields(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return nil, err
		}
		p.Threads = int(status["Threads"])
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			return nil, err
		}
		p.FDs = len(fds)
		all = append(all, p)
	}
	return all, nil
}

// Largest gives the largest private memory and RSS among the processes of a
// role.
func Largest(ps []Process, role string) (private, rss int64) {
	for _, p := range ps {
		if p.Role == role {
			private, rss = max(private, p.Private), max(rss, p.RSS)
		}
	}
	return private, rss
}

// fields reads the lines "Name:   123 kB" of a file in /proc.
func fields(file string) (map[string]int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		f := strings.Fields(rest)
		if len(f) == 0 {
			continue
		}
		if n, err := strconv.ParseInt(f[0], 10, 64); err == nil {
			m[name] = n
		}
	}
	return m, nil
}
