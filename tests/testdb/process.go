package testdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// How long a server may take to answer after its start, and to end after it
// was told to.
const (
	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
)

// process is one run of a server program.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// launch starts a program as the given user. The program is killed by the
// kernel when this test binary dies, however it dies.
func launch(cred *syscall.Credential, log *os.File, name string, args ...string) (*process, error) {
	p := &process{done: make(chan struct{})}
	p.cmd = exec.Command(name, args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Dir = "/"
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: cred,
		Pdeathsig:  syscall.SIGKILL,
		Setpgid:    true, // an interrupt at the terminal is not for it
	}
	started := make(chan error)
	go func() {
		// The kernel sends Pdeathsig when the thread that forked ends, so this
		// goroutine keeps its thread for as long as the server runs.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := p.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		_ = p.cmd.Wait() // how it ended is in its log
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// signal sends sig to this very process and waits until it has ended, at most
// stopTimeout.
func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("process %d did not end within %s after %s", p.cmd.Process.Pid, stopTimeout, sig)
	}
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// poll calls ready every few milliseconds until it succeeds, the process has
// ended or the time is over.
func (p *process) poll(ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		if p.ended() {
			return errors.New("the server ended while it started")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready after %s: %w", startTimeout, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// serverUser returns the credential a server runs with: that of the named
// user if this process is root, else its own (nil).
func serverUser(name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// serverDir makes a temporary folder that belongs to the server's user. Its
// path is short: a Unix socket's path has at most 107 bytes.
func serverDir(cred *syscall.Credential, pattern string) (string, error) {
	dir, err := os.MkdirTemp("/tmp", pattern)
	if err != nil {
		return "", err
	}
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// program finds a server's program in PATH or in one of the folders, which may
// hold wildcards; the last match (the newest version) counts.
func program(name string, folders ...string) (string, error) {
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(folder, name))
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed (make deps installs it): %w", name, err)
	}
	return path, nil
}

var (
	portMutex sync.Mutex
	portsUsed = map[int]bool{}
)

// freePort returns a TCP port of loopback that nothing listens on and that
// was not given out before by this process.
func freePort() (int, error) {
	portMutex.Lock()
	defer portMutex.Unlock()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // the socket is TCP
		if err := l.Close(); err != nil {
			return 0, err
		}
		if !portsUsed[port] {
			portsUsed[port] = true
			return port, nil
		}
	}
	return 0, errors.New("no free port")
}

// logEnd returns the last lines of a server's log.
func logEnd(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	const enough = 3000
	return string(text[max(0, len(text)-enough):])
}

// showLog has a test that failed show the end of a server's log.
func showLog(tb testing.TB, log *os.File) {
	tb.Helper()
	if tb.Failed() && log != nil {
		tb.Logf("the end of %s:\n%s", log.Name(), logEnd(log.Name()))
	}
}

// execute executes statements one after the other and closes db.
func execute(db *sql.DB, statements []string) (err error) {
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			return fmt.Errorf("%w in: %s", err, s)
		}
	}
	return nil
}
