package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// sockets counts the sockets that a process has open.
func sockets(t *testing.T, pid int) int {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(t, err)
	n := 0
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// TestDescriptors counts the sockets of every process beside those of a server
// with the stock module, whose processes are the same but for the engine: each
// has its own end, the engine all of its own, the main process none.
func TestDescriptors(t *testing.T) {
	t.Parallel()
	ours := newChat(t, kamailio.Options{NoTCP: true, Workers: 6})
	stock := newChat(t, kamailio.Options{NoTCP: true, Workers: 6, Module: kamailio.Stock, TextDB: true, ReadyRPC: "core.psx"})
	list := func(c *chat) map[string]int {
		ps, err := c.Processes()
		require.NoError(t, err)
		out := map[string]int{}
		for _, p := range ps {
			name, _, _ := strings.Cut(p.Description, " sock=")
			out[name] = sockets(t, p.Pid)
		}
		return out
	}
	a, b := list(ours), list(stock)
	const engine, main = "imc engine", "main process - attendant"
	require.Contains(t, a, main)
	// one of Kamailio's own for each process that it forks
	assert.InDelta(t, len(a), a[engine], 6, "the engine's ends: %v", a)
	delete(a, engine)
	assert.Equal(t, b[main], a[main], "the main process: %v, stock: %v", a, b)
	for name, n := range b {
		if strings.HasPrefix(name, "udp receiver") {
			assert.Equal(t, n+1, a[name], "%s: %v, stock: %v", name, a, b)
		}
	}
}

// TestOpenFiles starts more workers than the soft limit of open files has room
// for, and more than the hard limit has.
func TestOpenFiles(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{NoTCP: true, Workers: 60, OpenFiles: "128:4096", StartTimeout: 60 * time.Second})
	c.alive(bounded(t, 20*time.Second))
	_, err := kamailio.Try(t, kamailio.Options{Case: "conversation", NoTCP: true, Workers: 60, OpenFiles: "100:100"})
	require.Error(t, err)
	assert.Regexp(t, `ERROR: imc .*the limit of open files, 100, is too low for \d+ processes.*LimitNOFILE=`, err.Error())
}

// TestWhoHasGo lists the processes that open the Go library: SIP workers and
// the engine, ctl when it is asked about rooms, and nobody else, whatever
// becomes of invitations: it is a timer process that learns of those that
// nobody answers. Meanwhile the engine stands still, and no timer waits for it.
func TestWhoHasGo(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{Workers: 2, Defines: map[string]string{"FAST_TM": ""}, ReadyRPC: "core.psx"})
	ctx := bounded(t, 40*time.Second)
	c.ready(ctx)
	c.must(ctx, "1", "alice", "room", "#create")
	who := func() (with, without []string) {
		ps, err := c.Processes()
		require.NoError(t, err)
		for _, p := range ps {
			if loaded(t, p.Pid, "imc_engine.so") {
				with = append(with, p.Description)
			} else {
				without = append(without, p.Description)
			}
		}
		return with, without
	}
	check := func(ctl bool) {
		t.Helper()
		with, without := who()
		for _, d := range with {
			assert.Regexp(t, `^(imc engine|udp receiver .*|tcp receiver .*|ctl handler)$`, d)
		}
		for _, d := range without {
			assert.NotRegexp(t, `^(imc engine|udp receiver|tcp receiver)`, d)
		}
		if ctl {
			assert.Contains(t, with, "ctl handler")
		} else {
			assert.Contains(t, without, "ctl handler")
		}
	}
	check(false)

	const guests = 4
	for i := range guests {
		name := fmt.Sprintf("guest%d", i)
		c.farm.Answer(uri(name), 0)
		c.must(ctx, "1", "alice", "room", "#invite "+uri(name))
	}
	first := c.farm.Count()
	engine, err := c.Process("imc engine")
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(engine.Pid, syscall.SIGSTOP))
	// they expire within 0.1 s of each other, after the fr_timer of 0.7 s
	assert.Eventually(t, func() bool {
		n, err := c.Statistic("imc:undelivered")
		return err == nil && n == guests
	}, 3*time.Second, 20*time.Millisecond, "a timer waits for the engine")
	require.NoError(t, syscall.Kill(engine.Pid, syscall.SIGCONT))
	notices := 0
	require.Eventually(t, func() bool {
		notices = 0
		for _, m := range c.farm.Received(first) {
			if m.URI == uri("alice") && strings.Contains(string(m.Body), "is not registered") {
				notices++
			}
		}
		return notices == guests
	}, 10*time.Second, 20*time.Millisecond, "the inviter is told of each")
	check(false)
	_, err = c.RPC("imc.list_rooms")
	require.NoError(t, err)
	check(true)
	members, err := c.members(ctx, "alice", "room")
	require.NoError(t, err)
	assert.Equal(t, []string{"alice"}, members)
}

// TestEngineCannotGoOn makes the engine fail: it aborts, so that Kamailio ends
// with an error and whoever watches it starts it again.
func TestEngineCannotGoOn(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{ModuleDir: debugDir(t), NoTCP: true})
	ctx := bounded(t, 20*time.Second)
	c.must(ctx, "1", "alice", "room", "#create")
	shortly, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, _ = c.send(shortly, "alice", "room", "#end!") // nobody may be left to answer
	require.NoError(t, c.Wait(10*time.Second))
	assert.Equal(t, 1, c.ExitCode())
	assert.NotEmpty(t, c.LogLines(`CRITICAL: imc .*the engine cannot go on`))
	assert.NotEmpty(t, c.LogLines(`debug_on\.go:\d+`), "the reason")
}
