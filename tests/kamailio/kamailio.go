// Package kamailio starts a real Kamailio for a test and looks into it.
//
// A test names a case, a folder in tests/kamailio-config that holds a plain
// kamailio.cfg, and the module to load: the stock imc.so of the Linux
// distribution or the one this repository builds. Everything that differs from
// run to run (ports, sockets, workers, memory, parameters of the module) is
// given on Kamailio's command line, so that the configuration is one that a
// person can read and run as it is.
//
// To add a case: make a folder in tests/kamailio-config with a kamailio.cfg
// that starts with a "Summary:" comment, includes ../common.cfg and, where it
// needs the module, ../imc.cfg, and name the folder in Options.Case.
//
// Any number of servers can run at once; each has its own temporary folder,
// ports, control socket and log, listens on loopback only, and ends with its
// test.
package kamailio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Module is the imc.so that a server loads.
type Module int

// The two modules that the tests compare, and none at all.
const (
	Ours Module = iota
	Stock
)

// String names the module as the conversations do.
func (m Module) String() string {
	if m == Stock {
		return "stock"
	}
	return "ours"
}

// Limits of every wait in this package.
const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
	pollInterval = 10 * time.Millisecond
)

// Options say which server to start. The zero value of each field but Case
// has a meaning.
type Options struct {
	// Case is a folder in tests/kamailio-config, or an absolute path of a
	// folder that holds a kamailio.cfg.
	Case   string
	Module Module
	// ModuleDir is looked into before all other folders of modules; "" is
	// BuildDir() for Ours and nothing for Stock.
	ModuleDir string
	// Defines are given as -A NAME=VALUE; an empty value gives -A NAME.
	// Strings for the configuration carry their own quotes: see Quote.
	Defines map[string]string
	// Params are parameters of the module imc by name, as -A IMC_NAME=VALUE,
	// quoted if they are strings.
	Params map[string]any
	// Workers for UDP and for TCP; 0 means 2.
	Workers int
	// Host is the address of loopback to listen on; "" is 127.0.0.1.
	Host string
	// TLS opens a TLS socket as well, Server.TLSAddr; the case has to load the
	// module tls.
	TLS bool
	// NoTCP leaves out the TCP socket and its processes.
	NoTCP bool
	// NoFork runs everything in one process (fork=no); UDP only.
	NoFork bool
	// ShmMB and PkgMB are the sizes of shared and private memory; 0 means 64
	// and 8.
	ShmMB, PkgMB int
	// LogLevel is Kamailio's debug=; 0 means 2 (INFO).
	LogLevel int
	// TextDB gives the stock module tables in text files; it cannot start
	// without a database. Ours ignores it.
	TextDB bool
	// JSONRPC loads the module jsonrpcs, for Server.JSONRPC.
	JSONRPC bool
	// OpenFiles are the limits of open files, "soft:hard"; "" leaves them.
	OpenFiles string
	// Args are further arguments of kamailio, for example "-x", "tlsf".
	Args []string
	// ReadyRPC is polled until it answers without a fault, after OPTIONS was
	// answered; "" is a question about rooms, "-" polls nothing.
	ReadyRPC string
	// StartTimeout is how long the start may take; 0 means 60 s.
	StartTimeout time.Duration
	// Dir is the server's folder, kept by the caller from one start to the
	// next (text tables live in it); "" is a new temporary one.
	Dir string
}

// Server is a running Kamailio.
type Server struct {
	Module Module
	Dir    string // temporary folder: log, control socket, text tables
	Addr   string // host:port, UDP and TCP
	// TLSAddr is the host:port of the TLS socket, "" without Options.TLS.
	TLSAddr string
	Pid     int // the main process

	t    testing.TB
	opts Options
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed when the main process has ended

	mu      sync.Mutex
	waitErr error
}

// Quote makes a string constant of Kamailio's configuration language, as the
// value of a definition.
func Quote(s string) string {
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", `\r`, "\n", `\n`, "\t", `\t`)
	return `"` + r.Replace(s) + `"`
}

// Start starts a server, waits until it serves, and stops it when the test
// ends. A failure ends the test, with the end of the log.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	s, err := Try(tb, o)
	if err != nil {
		tb.Fatalf("kamailio (%s, %s): %v", o.Case, o.Module, err)
	}
	return s
}

// Try is Start for servers that are expected to fail: it gives the error, with
// the end of the log in it, instead of ending the test.
func Try(tb testing.TB, o Options) (*Server, error) {
	tb.Helper()
	if o.Dir == "" {
		// not t.TempDir(): a Unix socket's path has 107 bytes at most
		dir, err := os.MkdirTemp("", "imc-kam-") //nolint:usetesting // the path, see above
		if err != nil {
			return nil, err
		}
		tb.Cleanup(func() { _ = os.RemoveAll(dir) })
		o.Dir = dir
	}
	var err error
	for range 5 { // another process may take the port first
		var s *Server
		s, err = start(tb, o)
		if err == nil {
			return s, nil
		}
		if !strings.Contains(err.Error(), "Address already in use") {
			return nil, err
		}
	}
	return nil, err
}

func start(tb testing.TB, o Options) (*Server, error) {
	tb.Helper()
	host := o.Host
	if host == "" {
		host = "127.0.0.1"
	}
	addr, err := freeAddr(tb, host)
	if err != nil {
		return nil, err
	}
	s := &Server{Module: o.Module, Dir: o.Dir, Addr: addr, t: tb, opts: o, done: make(chan struct{})}
	if o.TLS {
		if s.TLSAddr, err = freeAddr(tb, host); err != nil {
			return nil, err
		}
	}
	args, err := s.arguments()
	if err != nil {
		return nil, err
	}
	if err := s.check(args); err != nil {
		return nil, err
	}
	if err := s.launch(args); err != nil {
		return nil, err
	}
	tb.Cleanup(s.cleanup)
	if err := s.awaitReady(); err != nil {
		s.Kill()
		return nil, fmt.Errorf("%w\n%s", err, s.LogTail(60))
	}
	return s, nil
}

// check lets Kamailio read the configuration only, for its clearer messages.
func (s *Server) check(args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "kamailio", append([]string{"-c"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kamailio -c: %w\n%s", err, tail(out, 40))
	}
	return nil
}

func (s *Server) launch(args []string) error {
	var err error
	s.log, err = os.OpenFile(filepath.Join(s.Dir, "kamailio.log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	// -DD would fork in spite of fork=no
	mode := "-DD"
	if s.opts.NoFork {
		mode = "-D"
	}
	// no context: it is stopped by signals, in order, when the test ends
	s.cmd = s.command(append([]string{mode}, args...))
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.Dir = s.Dir
	// a group of its own: signals reach this server's processes only; and it
	// ends when the test process dies without cleaning up
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.Pid = s.cmd.Process.Pid
	go func() {
		err := s.cmd.Wait()
		if err == nil {
			err = errors.New("exit status 0")
		}
		s.mu.Lock()
		s.waitErr = err
		s.mu.Unlock()
		close(s.done)
	}()
	return nil
}

// command makes the command, with the limits of its open files.
func (s *Server) command(args []string) *exec.Cmd {
	soft, hard, ok := strings.Cut(s.opts.OpenFiles, ":")
	if !ok {
		return exec.Command("kamailio", args...)
	}
	script := fmt.Sprintf(`ulimit -Sn %s && ulimit -Hn %s && exec kamailio "$@"`, soft, hard)
	return exec.Command("sh", append([]string{"-c", script, "kamailio"}, args...)...)
}

func (s *Server) ctlSocket() string { return filepath.Join(s.Dir, "ctl") }

// Stop ends the server as an operator does (TERM) and tells how long it took
// until all its processes were gone. The test fails if some had to be killed.
//
// The main process is an exception: Kamailio ends its children wherever they
// are, so one may take the lock of core's timers with it. When tm then removes
// its transactions, the main process waits for that lock (timer_del_safe() in
// core/timer.c) until exit_timeout ends it, a minute later. Nothing of the module
// is called then. It is logged, and the time is that of the others.
func (s *Server) Stop() time.Duration {
	s.t.Helper()
	begin := time.Now()
	pids := s.group()
	children := slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return pid == s.Pid })
	_ = syscall.Kill(s.Pid, syscall.SIGTERM)
	deadline := begin.Add(stopTimeout)
	var took time.Duration // of the children, 0: some are left
	for time.Now().Before(deadline) {
		if took == 0 && !anyAlive(children) {
			took = time.Since(begin)
		}
		if s.Ended() && took > 0 {
			return time.Since(begin)
		}
		time.Sleep(pollInterval)
	}
	alive := s.group()
	waits := took > 0 && s.waitsForLock()
	s.Kill()
	if waits {
		s.t.Logf("the main process of kamailio waits for a lock that a child took with it; the others ended after %v", took)
		return took
	}
	s.t.Errorf("kamailio did not end within %v of SIGTERM, processes left: %v\n%s", stopTimeout, alive, s.LogTail(40))
	return time.Since(begin)
}

// waitsForLock reports whether the main process is in one of the two system
// calls with which Kamailio waits for a lock.
func (s *Server) waitsForLock() bool {
	for range 20 {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", s.Pid))
		if err != nil {
			return false
		}
		call, _, _ := strings.Cut(string(b), " ")
		if n, err := strconv.Atoi(call); err == nil {
			return n == syscall.SYS_FUTEX || n == syscall.SYS_SCHED_YIELD
		}
		time.Sleep(pollInterval) // it runs
	}
	return false
}

// Kill ends all processes of the server at once (KILL).
func (s *Server) Kill() {
	pids := s.group()
	_ = syscall.Kill(-s.Pid, syscall.SIGKILL)
	for _, p := range pids {
		_ = syscall.Kill(p, syscall.SIGKILL)
	}
	<-s.done
}

// Ended tells whether the main process has ended.
func (s *Server) Ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// ExitCode is that of the main process, which has ended; -1 if it died of a
// signal or runs.
func (s *Server) ExitCode() int {
	if !s.Ended() {
		return -1
	}
	return s.cmd.ProcessState.ExitCode()
}

// Wait waits until the main process has ended and all its children with it.
func (s *Server) Wait(timeout time.Duration) error {
	pids := s.group()
	deadline := time.Now().Add(timeout)
	for time.Now().Before(deadline) {
		if s.Ended() && !anyAlive(pids) {
			return nil
		}
		time.Sleep(pollInterval)
	}
	return fmt.Errorf("kamailio still runs after %v", timeout)
}

func (s *Server) cleanup() {
	if !s.Ended() {
		s.Stop()
	}
	if s.t.Failed() {
		s.t.Logf("log of kamailio (%s, %s), its end:\n%s", s.opts.Case, s.Module, s.LogTail(60))
	}
	_ = s.log.Close()
}
