package testdb

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Pause stops the server without ending it, as a network does that loses
// everything. It returns when every thread stands still: until then a thread
// may go on to serve. Resume lets it go on; so does Close.
func (m *MariaDB) Pause() error { return pause(m.Pid()) }

// Resume lets a paused server go on.
func (m *MariaDB) Resume() error { return syscall.Kill(m.Pid(), syscall.SIGCONT) }

// Pause stops the server and the processes it has made without ending them,
// and returns when all stand still.
func (p *PostgreSQL) Pause() error {
	// The main process first, so that it makes no new ones.
	if err := pause(p.proc.cmd.Process.Pid); err != nil {
		return err
	}
	pids, err := p.children()
	for _, pid := range pids {
		if stopped := pause(pid); !errors.Is(stopped, syscall.ESRCH) {
			err = errors.Join(err, stopped)
		}
	}
	return err
}

// Resume lets a paused server go on.
func (p *PostgreSQL) Resume() error {
	pids, err := p.children()
	for _, pid := range append(pids, p.proc.cmd.Process.Pid) {
		if resumed := syscall.Kill(pid, syscall.SIGCONT); !errors.Is(resumed, syscall.ESRCH) {
			err = errors.Join(err, resumed)
		}
	}
	return err
}

// children are the processes that the server has made.
func (p *PostgreSQL) children() (pids []int, err error) {
	pid := p.proc.cmd.Process.Pid
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for child := range strings.FieldsSeq(string(text)) {
		n, bad := strconv.Atoi(child)
		err = errors.Join(err, bad)
		pids = append(pids, n)
	}
	return pids, err
}

// pause stops a process and waits until all of its threads stand still.
func pause(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	var running string
	for deadline := time.Now().Add(stopTimeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if running = runningTask(pid); running == "" {
			return nil
		}
	}
	return fmt.Errorf("process %d still runs %v after SIGSTOP: %s", pid, stopTimeout, running)
}

// runningTask is the state of a thread of the process that does not stand
// still, "" if there is none.
func runningTask(pid int) string {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // it has ended
		}
		// tid (comm) state ...; comm may hold anything but ends at the last ')'
		state := bytes.TrimSpace(text[bytes.LastIndexByte(text, ')')+1:])
		if len(state) > 0 && !bytes.ContainsAny(state[:1], "TtZX") {
			return string(text)
		}
	}
	return ""
}
