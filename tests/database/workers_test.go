package database

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// usage is what one process holds.
type usage struct {
	threads int
	private int // kB of private, dirty memory
	tcp     int // connections over TCP
	files   []string
}

func usageOf(t *testing.T, pid int) (u usage) {
	t.Helper()
	u.threads = number(t, pid, "status", "Threads:")
	u.private = number(t, pid, "smaps_rollup", "Private_Dirty:")
	tcp := map[string]bool{}
	for _, name := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, name))
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 9 {
				tcp["socket:["+f[9]+"]"] = true
			}
		}
	}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(t, err)
	for _, l := range links {
		target, err := os.Readlink(l)
		if err != nil {
			continue // closed meanwhile
		}
		if tcp[target] {
			u.tcp++
		}
		u.files = append(u.files, target)
	}
	return u
}

// number reads a line "Name:   123 kB" of a file in /proc.
func number(t *testing.T, pid int, file, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name); found {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(t, err)
			return n
		}
	}
	t.Fatalf("%s has no %s", file, name)
	return 0
}

// TestWorkersOpenNoDatabase looks at the processes after the same work in all
// modes: the engine alone is connected to the database, and a worker costs
// with a database what it costs without.
func TestWorkersOpenNoDatabase(t *testing.T) {
	t.Parallel()
	var without usage // the largest worker in db_mode 0
	for _, mode := range []int{0, 1, 2} {
		for _, b := range backends {
			params := map[string]any{}
			if mode > 0 {
				params = b.fresh(t).params(mode)
			} else if b.name != backends[0].name {
				continue
			}
			n := startNode(t, kamailio.Options{Params: params})
			ctx := bounded(t, 20*time.Second)
			n.must(ctx, "1", "alice", "lobby", "#create")
			n.must(ctx, "1", "bob", "lobby", "#join")
			for range 100 {
				n.must(ctx, "1", "alice", "lobby", "hello")
			}
			ps, err := n.Processes()
			require.NoError(t, err)
			workers := 0
			for _, p := range ps {
				u := usageOf(t, p.Pid)
				what := fmt.Sprintf("db_mode %d, %s, %s", mode, b.name, p.Description)
				switch {
				case p.Description == "imc engine":
					t.Logf("%s: %d threads, %d kB private, %d connections", what, u.threads, u.private, u.tcp)
					if mode > 0 && b.name != "SQLite" {
						assert.Positive(t, u.tcp, what)
					}
				case strings.HasPrefix(p.Description, "udp receiver"):
					workers++
					t.Logf("%s: %d threads, %d kB private", what, u.threads, u.private)
					if mode == 0 {
						without.threads = max(without.threads, u.threads)
						without.private = max(without.private, u.private)
						break
					}
					assert.LessOrEqual(t, u.threads, without.threads+2, what)
					assert.LessOrEqual(t, u.private, without.private+1500, what)
					fallthrough
				default:
					assert.Zero(t, u.tcp, what)
					for _, f := range u.files {
						assert.NotContains(t, f, "imc.db", what)
					}
				}
			}
			assert.Equal(t, 2, workers)
			n.Stop()
		}
	}
}
