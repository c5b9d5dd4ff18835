package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// inode tells which file of this name a process has in its memory map.
func inode(t *testing.T, pid int, file string) string {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	require.NoError(t, err)
	for line := range strings.SplitSeq(string(maps), "\n") {
		// address perms offset dev inode path
		if f := strings.Fields(line); len(f) > 5 && strings.Contains(f[5], file) {
			return f[3] + " " + f[4]
		}
	}
	return ""
}

// TestInstalledOverARunningServer puts another imc_engine.so into the place of
// the one that runs: the process of ctl, which opens it when it is first asked
// about rooms, gets the one that the others have.
func TestInstalledOverARunningServer(t *testing.T) {
	t.Parallel()
	other, err := os.ReadFile(filepath.Join(debugDir(t), "imc_engine.so"))
	require.NoError(t, err)
	replace := func(t *testing.T, file string, data []byte) {
		t.Helper()
		require.NoError(t, os.WriteFile(file+".new", data, 0o600))
		require.NoError(t, os.Rename(file+".new", file))
	}
	for name, install := range map[string]func(t *testing.T, file string){
		"another build": func(t *testing.T, file string) { replace(t, file, other) },
		"garbage":       func(t *testing.T, file string) { replace(t, file, []byte("no library")) },
		"install": func(t *testing.T, file string) { // as `make install` does
			garbage := file + ".garbage"
			require.NoError(t, os.WriteFile(garbage, []byte("no library"), 0o600))
			out, err := exec.CommandContext(t.Context(), "install", "-m", "644", garbage, file).CombinedOutput()
			require.NoError(t, err, "%s", out)
		},
		"removed": func(t *testing.T, file string) { require.NoError(t, os.Remove(file)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			copyModules(t, dir, nil)
			c := newChat(t, kamailio.Options{ModuleDir: dir, NoTCP: true, ReadyRPC: "core.psx"})
			ctx := bounded(t, 20*time.Second)
			c.ready(ctx)
			c.must(ctx, "1", "alice", "room", "#create")
			install(t, filepath.Join(dir, "imc_engine.so"))
			v, err := c.RPC("imc.list_rooms")
			require.NoError(t, err)
			require.Len(t, v.Structs(), 1)
			assert.Equal(t, uri("room"), v.Structs()[0].Get("room"))
			engine, err := c.Process("imc engine")
			require.NoError(t, err)
			ctl, err := c.Process("ctl handler")
			require.NoError(t, err)
			assert.NotEmpty(t, inode(t, engine.Pid, "imc_engine.so"))
			assert.Equal(t, inode(t, engine.Pid, "imc_engine.so"), inode(t, ctl.Pid, "imc_engine.so"))
			c.alive(ctx)
		})
	}
}

// TestLibraryChangedInPlace writes to the file of the library itself, a byte
// behind its end that no running process minds: a process that opens it then
// would have another one than the others, and says so.
func TestLibraryChangedInPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyModules(t, dir, nil)
	c := newChat(t, kamailio.Options{ModuleDir: dir, NoTCP: true, ReadyRPC: "core.psx"})
	ctx := bounded(t, 20*time.Second)
	c.ready(ctx)
	f, err := os.OpenFile(filepath.Join(dir, "imc_engine.so"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.Write([]byte{0})
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = c.RPC("imc.list_rooms")
	require.Error(t, err)
	assert.NotEmpty(t, c.LogLines(`ERROR: imc .*imc_engine\.so is not the one that Kamailio was started with: restart Kamailio`))
	c.alive(ctx)
}

// TestRelativePath starts a daemon with a folder of modules that is relative to
// where it is started; it changes to another folder before it opens the library.
func TestRelativePath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "modules"), 0o700))
	copyModules(t, filepath.Join(dir, "modules"), nil)
	config := "log_facility=LOG_LOCAL0\nchildren=1\ndisable_tcp=yes\nloadmodule \"tm.so\"\nloadmodule \"imc.so\"\n" +
		"request_route {\n\texit;\n}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kamailio.cfg"), []byte(config), 0o600))
	pidFile := filepath.Join(dir, "pid")
	cmd := exec.CommandContext(bounded(t, 20*time.Second), "kamailio", "-f", filepath.Join(dir, "kamailio.cfg"),
		"-l", "udp:127.0.0.1:0", "-L", "modules/:"+kamailio.StockDir()+"/", "-P", pidFile, "-w", "/", "-m", "16")
	cmd.Dir = dir
	log, err := os.Create(filepath.Join(dir, "log")) // no pipe, which the daemon would keep open
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	failed := cmd.Run() // ends when the daemon has started
	t.Cleanup(func() {
		text, _ := os.ReadFile(pidFile)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			_ = syscall.Kill(pid, syscall.SIGTERM)
			assert.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, 10*time.Second, 10*time.Millisecond)
		}
	})
	out, err := os.ReadFile(log.Name())
	require.NoError(t, err)
	require.NoError(t, log.Close())
	require.NoError(t, failed, "%s", out)
}
