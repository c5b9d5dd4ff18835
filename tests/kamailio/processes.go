package kamailio

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Process is a line of Kamailio's table of processes.
type Process struct {
	Index       int
	Pid         int
	Description string // "udp receiver child=0 sock=...", "imc engine", ...
}

// Processes gives Kamailio's table of processes (RPC core.psx).
func (s *Server) Processes() ([]Process, error) {
	v, err := s.RPC("core.psx")
	if err != nil {
		return nil, err
	}
	var ps []Process
	for _, r := range v.Structs() {
		idx, err1 := strconv.Atoi(r.Get("IDX"))
		pid, err2 := strconv.Atoi(r.Get("PID"))
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("core.psx: cannot read %v", r)
		}
		ps = append(ps, Process{Index: idx, Pid: pid, Description: r.Get("DSC")})
	}
	return ps, nil
}

// Process finds the one process whose description holds the text.
func (s *Server) Process(description string) (Process, error) {
	ps, err := s.Processes()
	if err != nil {
		return Process{}, err
	}
	for _, p := range ps {
		if strings.Contains(p.Description, description) {
			return p, nil
		}
	}
	return Process{}, fmt.Errorf("no process %q in %v", description, ps)
}

// Pids of all processes that belong to the server, the main process first.
func (s *Server) Pids() []int { return s.group() }

// group finds the processes of the server's process group. It works after the
// main process has died, when Kamailio itself cannot be asked.
func (s *Server) group() []int {
	var pids []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // ended meanwhile
		}
		// pid (comm) state ppid pgrp ...; comm may hold anything but ends at the last ')'
		end := strings.LastIndexByte(string(text), ')')
		fields := strings.Fields(string(text[end+1:]))
		if len(fields) < 3 || fields[2] != strconv.Itoa(s.Pid) || fields[0] == "Z" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && pid != s.Pid {
			pids = append(pids, pid)
		}
	}
	return append([]int{s.Pid}, pids...)
}

// Asleep tells whether every thread of the server waits for something.
func (s *Server) Asleep() bool {
	for _, pid := range s.group() {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if err != nil {
				continue // it has ended
			}
			fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
			if len(fields) > 0 && fields[0] == "R" {
				return false
			}
		}
	}
	return true
}

func anyAlive(pids []int) bool {
	for _, p := range pids {
		if syscall.Kill(p, 0) == nil && !zombie(p) {
			return true
		}
	}
	return false
}

func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	end := strings.LastIndexByte(string(text), ')')
	fields := strings.Fields(string(text[end+1:]))
	return len(fields) > 0 && fields[0] == "Z"
}

// CPU is the processor time that all processes of the server have used, in
// clock ticks (a hundredth of a second on Linux).
func (s *Server) CPU() (ticks int64) {
	for _, pid := range s.group() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		end := strings.LastIndexByte(string(text), ')')
		fields := strings.Fields(string(text[end+1:]))
		if len(fields) < 13 {
			continue
		}
		for _, f := range fields[11:13] { // utime, stime
			n, _ := strconv.ParseInt(f, 10, 64)
			ticks += n
		}
	}
	return ticks
}
