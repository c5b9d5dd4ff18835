package e2e

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// TestSupervised does what systemd does with Restart=on-failure: a server that
// ends with an error is started again, one that ends in order is not. It ends
// in every way that a server with rooms can, under load, and each time the
// next one serves with the rooms of the one before.
func TestSupervised(t *testing.T) {
	t.Parallel()
	db := "sqlite://" + t.TempDir() + "/rooms.db"
	var texts int
	for _, life := range []struct {
		name    string
		end     func(t *testing.T, c *chat)
		restart bool
	}{
		{"the engine is killed", func(t *testing.T, c *chat) { c.signal("imc engine", syscall.SIGKILL) }, true},
		{"the engine cannot go on", func(t *testing.T, c *chat) {
			data, _ := c.farm.Bytes(requestFrom("user0", "room", "#end!"))
			require.NoError(t, c.farm.Fire(data))
		}, true},
		{"a worker is killed", func(t *testing.T, c *chat) { c.signal("udp receiver child=0", syscall.SIGKILL) }, true},
		{"the main process is told to end", func(t *testing.T, c *chat) { require.NoError(t, syscall.Kill(c.Pid, syscall.SIGTERM)) }, false},
	} {
		c := newChat(t, kamailio.Options{ModuleDir: debugDir(t), NoTCP: true, Workers: 2, ShmMB: 256,
			Params: map[string]any{"db_mode": 1, "db_url": db}})
		ctx := bounded(t, 60*time.Second)
		if texts == 0 {
			c.must(ctx, "1", "user0", "room", "#create")
			c.must(ctx, "1", "user1", "room", "#join")
		}
		members, err := c.members(ctx, "user0", "room")
		require.NoError(t, err, "before: %s", life.name)
		assert.Equal(t, []string{"user0", "user1"}, members)

		stop := make(chan struct{})
		var load sync.WaitGroup
		for i := range 2 {
			load.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
						data, _ := c.farm.Bytes(requestFrom(fmt.Sprintf("user%d", i), "room", "text"))
						_ = c.farm.Fire(data)
					}
				}
			})
		}
		_, err = c.farm.Await(ctx, c.farm.Count(), 500)
		require.NoError(t, err)
		texts += 500
		life.end(t, c)
		err = c.Wait(10 * time.Second)
		close(stop)
		load.Wait()
		require.NoError(t, err, "%s: all its processes end", life.name)
		assert.Equal(t, life.restart, c.ExitCode() != 0, "%s: exit code %d", life.name, c.ExitCode())
		assert.Empty(t, c.LogLines(`shutdown timeout`), life.name)
	}
}

// signal sends a signal to the process with this description.
func (c *chat) signal(description string, sig syscall.Signal) {
	c.t.Helper()
	p, err := c.Process(description)
	require.NoError(c.t, err)
	require.NoError(c.t, syscall.Kill(p.Pid, sig))
}
