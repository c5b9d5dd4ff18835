package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// loaded tells whether a process has a file of this name in its memory map.
func loaded(t *testing.T, pid int, file string) bool {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	require.NoError(t, err)
	return bytes.Contains(maps, []byte(file))
}

// TestProcesses finds one engine among the processes, and the Go library only
// where it is needed: never in the main process, from which all are forked.
func TestProcesses(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{Workers: 3})
	ctx := bounded(t, 20*time.Second)
	c.must(ctx, "1", "alice", "room", "#create")

	ps, err := c.Processes()
	require.NoError(t, err)
	engines := 0
	for _, p := range ps {
		if p.Description == "imc engine" {
			engines++
			assert.True(t, loaded(t, p.Pid, "imc_engine.so"), "the engine has the library")
		}
	}
	assert.Equal(t, 1, engines, "processes named imc engine in %v", ps)
	assert.False(t, loaded(t, c.Pid, "imc_engine.so"), "the main process has the library")
	assert.True(t, loaded(t, c.Pid, "/imc.so"))
	c.alive(ctx)
}

// TestNoFork runs requests and rooms in one process, as one does for
// debugging; Kamailio still has its timers and ctl beside it.
func TestNoFork(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{NoFork: true})
	ctx := bounded(t, 20*time.Second)
	c.must(ctx, "1", "alice", "room", "#create")
	c.must(ctx, "1", "bob", "room", "#join")
	c.must(ctx, "1", "alice", "room", "hello")
	got, err := c.farm.Await(ctx, 0, 4)
	require.NoError(t, err)
	assert.Equal(t, "[alice]: hello", string(got[3].Body))
	members, err := c.members(ctx, "bob", "room")
	require.NoError(t, err)
	assert.Equal(t, []string{"alice", "bob"}, members)
	rooms, err := c.RPC("imc.list_rooms")
	require.NoError(t, err)
	require.Len(t, rooms.Structs(), 1, "the process of ctl knows the rooms too")
	assert.Equal(t, uri("room"), rooms.Structs()[0].Get("room"))
	c.alive(ctx)
	assert.True(t, loaded(t, c.Pid, "imc_engine.so"))
	ps, err := c.Processes()
	require.NoError(t, err)
	for _, p := range ps {
		assert.NotContains(t, p.Description, "imc engine")
		assert.NotContains(t, p.Description, "udp receiver")
	}
	assert.Less(t, c.Stop(), 3*time.Second)
}

// TestTerm ends the server while texts arrive as fast as they can: all
// processes are gone within 3 seconds, and none died of a signal.
func TestTerm(t *testing.T) {
	t.Parallel()
	for _, load := range []int{0, 16} {
		t.Run(fmt.Sprintf("senders=%d", load), func(t *testing.T) {
			t.Parallel()
			c := newChat(t, kamailio.Options{Workers: 4, ShmMB: 256})
			ctx := bounded(t, 30*time.Second)
			c.must(ctx, "1", "user0", "room", "#create")
			for i := 1; i < load; i++ {
				c.must(ctx, "1", fmt.Sprintf("user%d", i), "room", "#join")
			}
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for i := range load {
				datagram := func(n int) []byte {
					data, _ := c.farm.Bytes(requestFrom(fmt.Sprintf("user%d", i), "room", fmt.Sprintf("text %d", n)))
					return data
				}
				wg.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						case <-time.After(time.Millisecond):
							_ = c.farm.Fire(datagram(n))
						}
					}
				})
			}
			if load > 0 {
				_, err := c.farm.Await(ctx, c.farm.Count(), 2000)
				require.NoError(t, err)
			}
			took := c.Stop()
			close(stop)
			wg.Wait()
			assert.Less(t, took, 3*time.Second)
			assert.Empty(t, c.LogLines(`CRITICAL: imc|BUG:|signal 11|core was|shutdown timeout`))
		})
	}
}

// TestEngineKilled kills the engine's process. It is a child of Kamailio like
// any other: Kamailio ends as a whole, so that whoever watches it restarts it,
// and does not go on without its rooms.
func TestEngineKilled(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{})
	ctx := bounded(t, 30*time.Second)
	c.must(ctx, "1", "alice", "room", "#create")
	engine, err := c.Process("imc engine")
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(engine.Pid, syscall.SIGKILL))
	require.NoError(t, c.Wait(10*time.Second))
	assert.Equal(t, 1, c.ExitCode())
}

// TestOtherVersion loads a module that says it was built for another Kamailio:
// Kamailio refuses it and names both versions.
func TestOtherVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyModules(t, dir, func(so []byte) []byte {
		// Kamailio compares the whole string, "kamailio 5.6.3 (x86_64/linux)"
		i := bytes.Index(so, []byte("\x00kamailio "))
		require.Positive(t, i, "the module's version")
		so[i+len("\x00kamailio ")] = '9'
		return so
	})
	_, err := kamailio.Try(t, kamailio.Options{Case: "conversation", ModuleDir: dir})
	require.Error(t, err)
	assert.Regexp(t, `module version mismatch for .*imc\.so; core: kamailio [^;]+; module: kamailio 9\.`, err.Error())
}

// TestLibraryMissing starts without imc_engine.so beside imc.so.
func TestLibraryMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyModules(t, dir, nil)
	require.NoError(t, os.Remove(filepath.Join(dir, "imc_engine.so")))
	_, err := kamailio.Try(t, kamailio.Options{Case: "conversation", ModuleDir: dir})
	require.Error(t, err)
	assert.Contains(t, err.Error(), filepath.Join(dir, "imc_engine.so"))
}

// copyModules copies our two libraries, imc.so with a change.
func copyModules(t *testing.T, dir string, change func([]byte) []byte) {
	t.Helper()
	for _, name := range []string{"imc.so", "imc_engine.so"} {
		data, err := os.ReadFile(filepath.Join(kamailio.BuildDir(), name))
		require.NoError(t, err, "run `make build` first")
		if name == "imc.so" && change != nil {
			data = change(data)
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o700))
	}
}

// TestParametersRefused gives values that stop the start, as in the stock
// module.
func TestParametersRefused(t *testing.T) {
	t.Parallel()
	for name, params := range map[string]map[string]any{
		"hash_size 0":            {"hash_size": 0},
		"hash_size -1":           {"hash_size": -1},
		"extra_hdrs of 1,100":    {"extra_hdrs": "X-Long: " + strings.Repeat("x", 1100) + "\r\n"},
		"db_mode 3":              {"db_mode": 3},
		"fanout_inline 1001":     {"fanout_inline": 1001},
		"queue_size 0":           {"queue_size": 0},
		"queue_bytes 1,000":      {"queue_bytes": 1000},
		"send_socket elsewhere":  {"send_socket": "udp:192.0.2.1:5060"},
		"send_socket empty":      {"send_socket": ""},
		"shm_reserve 91":         {"shm_reserve": 91},
		"extra_hdrs with a body": {"extra_hdrs": "X-A: b\r\n\r\nbody"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := kamailio.Try(t, kamailio.Options{Case: "conversation", NoTCP: true, Params: params})
			require.Error(t, err)
			assert.Contains(t, err.Error(), "ERROR: imc ", "a line of the module's own that says why")
		})
	}
}

// TestMemoryModeNotice sets db_url in db_mode 0: one NOTICE says that rooms
// are not kept, and the password is not in the log.
func TestMemoryModeNotice(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{LogLevel: 4, NoTCP: true,
		Params: map[string]any{"db_url": "mysql://kamailio:s3cr3t@w/rd@localhost/kamailio", "hash_size": 8}})
	c.alive(bounded(t, 10*time.Second))
	notices := c.LogLines(`NOTICE: imc .*db_url`)
	require.Len(t, notices, 1)
	assert.Contains(t, notices[0], "memory")
	assert.Contains(t, notices[0], "db_mode")
	for _, l := range c.LogLines("s3cr3t") {
		// Kamailio itself prints the definitions of its command line at this level
		assert.NotContains(t, l, " imc ", "a password in the log")
	}
}
