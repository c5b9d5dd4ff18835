package e2e

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// TestSignals sends signals to processes that have the Go library in them,
// while texts keep them busy. Kamailio's handlers log, and with JSON logging
// that takes 32 KB of stack a line; several handlers may run inside each other.
func TestSignals(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]kamailio.Options{
		"memory logged as JSON": {Args: []string{"--log-engine=json:M"}, Defines: map[string]string{"MEM_LOG": ""}},
		"default logging":       {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Workers, o.NoTCP = 2, true
			c := newChat(t, o)
			ctx := bounded(t, 60*time.Second)
			c.must(ctx, "1", "alice", "room", "#create")
			c.must(ctx, "1", "bob", "room", "#join")

			ps, err := c.Processes()
			require.NoError(t, err)
			var busy []int
			for _, p := range ps {
				if p.Description == "imc engine" || strings.HasPrefix(p.Description, "udp receiver") {
					busy = append(busy, p.Pid)
				}
			}
			require.Len(t, busy, 3, "the engine and two workers in %v", ps)

			stop := make(chan struct{})
			var load sync.WaitGroup
			load.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
						data, _ := c.farm.Bytes(requestFrom("alice", "room", fmt.Sprintf("text %d", n)))
						_ = c.farm.Fire(data)
					}
				}
			})
			// all at once, so that handlers interrupt each other
			var senders sync.WaitGroup
			for sig, times := range map[syscall.Signal]int{syscall.SIGUSR1: 20, syscall.SIGHUP: 2000, syscall.SIGCHLD: 2000, syscall.SIGUSR2: 2000} {
				senders.Go(func() {
					pause := time.NewTicker(4 * time.Second / time.Duration(times))
					defer pause.Stop()
					for range times {
						<-pause.C
						for _, pid := range busy {
							_ = syscall.Kill(pid, sig)
						}
					}
				})
			}
			senders.Wait()
			close(stop)
			load.Wait()

			require.False(t, c.Ended(), "the server is down")
			after, err := c.Processes()
			require.NoError(t, err)
			assert.Equal(t, ps, after)
			c.alive(ctx)
			assert.Less(t, c.Stop(), 3*time.Second)
			assert.Empty(t, c.LogLines(`signal 11|core was|BUG:`))
		})
	}
}
