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
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
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
	startTimeout = 20 * time.Second
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
	// Args are further arguments of kamailio, for example "-x", "tlsf".
	Args []string
	// ReadyRPC is polled until it answers without a fault, after OPTIONS was
	// answered; "" is imc.list_rooms, "-" polls nothing.
	ReadyRPC string
	// StartTimeout is how long the start may take; 0 means 20 s.
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
	Pid    int    // the main process

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
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Try(t, o)
	if err != nil {
		t.Fatalf("kamailio (%s, %s): %v", o.Case, o.Module, err)
	}
	return s
}

// Try is Start for servers that are expected to fail: it gives the error, with
// the end of the log in it, instead of ending the test.
func Try(t testing.TB, o Options) (*Server, error) {
	t.Helper()
	if o.Dir == "" {
		// not t.TempDir(): a Unix socket's path has 107 bytes at most
		dir, err := os.MkdirTemp("", "imc-kam-")
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		o.Dir = dir
	}
	var err error
	for range 5 { // another process may take the port first
		var s *Server
		s, err = start(t, o)
		if err == nil {
			return s, nil
		}
		if !strings.Contains(err.Error(), "Address already in use") {
			return nil, err
		}
	}
	return nil, err
}

func start(t testing.TB, o Options) (*Server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	s := &Server{Module: o.Module, Dir: o.Dir, Addr: addr, t: t, opts: o, done: make(chan struct{})}
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
	t.Cleanup(s.cleanup)
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
	s.cmd = exec.Command("kamailio", append([]string{mode}, args...)...)
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
		s.mu.Lock()
		s.waitErr = err
		s.mu.Unlock()
		close(s.done)
	}()
	return nil
}

// arguments of kamailio but for -c or -D.
func (s *Server) arguments() ([]string, error) {
	o := s.opts
	dir := o.Case
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(RepoDir(), "tests", "kamailio-config", dir)
	}
	path, err := s.modulePath()
	if err != nil {
		return nil, err
	}
	args := []string{
		"-f", filepath.Join(dir, "kamailio.cfg"), "-E", "-L", path, "-Y", s.Dir,
		"-m", strconv.Itoa(or(o.ShmMB, 64)), "-M", strconv.Itoa(or(o.PkgMB, 8)),
		"-n", strconv.Itoa(or(o.Workers, 2)), "-l", "udp:" + s.Addr,
	}
	if o.NoTCP || o.NoFork {
		args = append(args, "-A", "NO_TCP")
	} else {
		args = append(args, "-N", strconv.Itoa(or(o.Workers, 2)), "-l", "tcp:"+s.Addr)
	}
	defines, err := s.defines()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(defines))
	for n := range defines {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if v := defines[n]; v != "" {
			n += "=" + v
		}
		args = append(args, "-A", n)
	}
	return append(args, o.Args...), nil
}

func (s *Server) defines() (map[string]string, error) {
	o := s.opts
	d := map[string]string{
		"LOG_LEVEL":                        strconv.Itoa(or(o.LogLevel, 2)),
		"CTL_SOCKET":                       Quote("unix:" + s.ctlSocket()),
		"SERVER_ADDR":                      Quote(s.Addr),
		strings.ToUpper(o.Module.String()): "",
	}
	if o.NoFork {
		d["NO_FORK"] = ""
	}
	for name, v := range o.Params {
		name = "IMC_" + strings.ToUpper(strings.TrimPrefix(name, "imc_"))
		if str, ok := v.(string); ok {
			d[name] = Quote(str)
		} else {
			d[name] = fmt.Sprint(v)
		}
	}
	if o.TextDB && o.Module == Stock {
		db, err := textTables(s.Dir)
		if err != nil {
			return nil, err
		}
		d["STOCK_TEXT_DB"] = ""
		d["IMC_DB_URL"] = Quote("text://" + db)
	}
	for n, v := range o.Defines {
		d[n] = v
	}
	return d, nil
}

func (s *Server) ctlSocket() string { return filepath.Join(s.Dir, "ctl") }

// Stop ends the server as an operator does (TERM) and tells how long it took
// until all its processes were gone. The test fails if some had to be killed.
func (s *Server) Stop() time.Duration {
	s.t.Helper()
	begin := time.Now()
	pids := s.group()
	_ = syscall.Kill(s.Pid, syscall.SIGTERM)
	deadline := begin.Add(stopTimeout)
	for time.Now().Before(deadline) {
		if s.Ended() && !anyAlive(pids) {
			return time.Since(begin)
		}
		time.Sleep(pollInterval)
	}
	s.Kill()
	s.t.Errorf("kamailio did not end within %v of SIGTERM\n%s", stopTimeout, s.LogTail(40))
	return time.Since(begin)
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

// awaitReady polls until OPTIONS is answered and RPC works.
func (s *Server) awaitReady() error {
	timeout := s.opts.StartTimeout
	if timeout == 0 {
		timeout = startTimeout
	}
	deadline := time.Now().Add(timeout)
	last := errors.New("no answer to OPTIONS")
	ready := false
	for time.Now().Before(deadline) {
		if s.Ended() {
			s.mu.Lock()
			defer s.mu.Unlock()
			return fmt.Errorf("ended at its start: %v", s.waitErr)
		}
		if !ready {
			ready = s.answersOptions()
			if !ready {
				continue
			}
		}
		if s.opts.ReadyRPC == "-" {
			return nil
		}
		rpc := s.opts.ReadyRPC
		if rpc == "" {
			rpc = "imc.list_rooms"
		}
		if _, last = s.RPC(rpc); last == nil {
			return nil
		}
		time.Sleep(pollInterval)
	}
	return fmt.Errorf("not ready within %v: %w", timeout, last)
}

// answersOptions sends one OPTIONS and waits a moment for any answer.
func (s *Server) answersOptions() bool {
	c, err := net.Dial("udp", s.Addr)
	if err != nil {
		return false
	}
	defer c.Close()
	id := strconv.FormatInt(time.Now().UnixNano(), 36)
	local := c.LocalAddr().String()
	_, err = fmt.Fprintf(c, "OPTIONS sip:ping@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\n"+
		"From: <sip:ping@%s>;tag=%s\r\nTo: <sip:ping@%s>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\n"+
		"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n", s.Addr, local, id, local, id, s.Addr, id)
	if err != nil {
		time.Sleep(pollInterval)
		return false
	}
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	buf := make([]byte, 2048)
	n, err := c.Read(buf)
	if err != nil {
		time.Sleep(pollInterval) // refused at once while nothing listens
		return false
	}
	return bytes.HasPrefix(buf[:n], []byte("SIP/2.0 200"))
}

// freeAddr finds a port of 127.0.0.1 that is free for UDP and for TCP.
func freeAddr() (string, error) {
	for range 50 {
		u, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		addr := u.LocalAddr().String()
		l, err := net.Listen("tcp", addr)
		_ = u.Close()
		if err == nil {
			_ = l.Close()
			return addr, nil
		}
	}
	return "", errors.New("no port is free for both UDP and TCP")
}

func or(v, otherwise int) int {
	if v != 0 {
		return v
	}
	return otherwise
}
