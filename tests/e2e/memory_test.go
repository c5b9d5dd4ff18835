package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// shmFree gives the free bytes of shared memory.
func (c *chat) shmFree() (int, error) {
	v, err := c.RPC("core.shmmem")
	if err != nil {
		return 0, err
	}
	var free int
	_, err = fmt.Sscan(v.Structs()[0].Get("free"), &free)
	return free, err
}

// watchMemory looks at the free shared memory until the test ends, and gives a
// function for the least that was seen.
func (c *chat) watchMemory(ctx context.Context) (least func() int) {
	var least64 atomic.Int64
	least64.Store(1 << 62)
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			if free, err := c.shmFree(); err == nil {
				least64.Store(min(least64.Load(), int64(free)))
			}
			select {
			case <-tick.C:
			case <-stop:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	var once sync.Once
	end := func() {
		once.Do(func() { close(stop) })
		<-done
	}
	c.t.Cleanup(end)
	return func() int {
		end()
		return int(least64.Load())
	}
}

// TestSilentMembersAndBigTexts has a room of silent members take texts that need
// more than all of the shared memory. Everybody else goes on as if nothing was.
func TestSilentMembersAndBigTexts(t *testing.T) {
	t.Parallel()
	const silent, texts, size = 129, 8, 60000
	c := newChat(t, kamailio.Options{Workers: 2, ShmMB: 64, NoTCP: true,
		Defines: map[string]string{"SLOW_TM": ""}})
	ctx := bounded(t, 120*time.Second)
	for i := range silent {
		c.must(ctx, "1", fmt.Sprintf("user%d", i), "silent", "#join")
	}
	for i := range 10 {
		c.must(ctx, "1", fmt.Sprintf("live%d", i), "lively", "#join")
	}
	_, err := c.farm.Await(ctx, 0, silent*(silent+1)/2+10*11/2)
	require.NoError(t, err)
	for i := range silent {
		c.farm.Answer(uri(fmt.Sprintf("user%d", i)), sipua.Silence)
	}
	first := c.farm.Count()
	least := c.watchMemory(ctx)
	for i := range texts {
		c.must(ctx, "1", "user0", "silent", fmt.Sprintf("%d %s", i, strings.Repeat("x", size)))
	}
	for i := range 50 {
		begin := time.Now()
		c.must(ctx, "1", "live0", "lively", fmt.Sprintf("text %d", i))
		assert.Less(t, time.Since(begin), time.Second)
	}
	// by text and member: on a slow machine a text may come in twice
	arrived := func(sender string) int {
		seen := map[string]bool{}
		for _, m := range c.farm.Received(first) {
			if text := string(m.Body[:min(len(m.Body), 20)]); strings.HasPrefix(text, "["+sender+"]: ") {
				seen[m.URI+text] = true
			}
		}
		return len(seen)
	}
	require.Eventually(t, func() bool { return arrived("live0") == 50*9 }, 3*time.Second, 20*time.Millisecond, "the other room is not held up")
	require.Eventually(t, func() bool { return arrived("user0") == texts*(silent-1) }, 90*time.Second, 50*time.Millisecond, "the silent ones get theirs too")
	assert.Greater(t, least(), 10<<20, "free throughout")
	assert.Zero(t, c.statistic("dropped"))
	assert.Zero(t, c.statistic("send_failed"))
	assert.Empty(t, c.LogLines(`ERROR:|CRITICAL:|BUG:`))
}

// TestProxyToItself has the server relay to the members what imc sends through
// an outbound_proxy that is the server itself, so that each MESSAGE takes two
// transactions, and more of them than shared memory holds.
func TestProxyToItself(t *testing.T) {
	t.Parallel()
	seconds := 6
	if os.Getenv("IMC_SOAK") != "" {
		seconds = 20
	}
	const perSecond, users, rooms = 200, 10, 2
	farm := sipua.NewFarm(t, "")
	server := kamailio.Start(t, kamailio.Options{Case: "faults", Workers: 2, ShmMB: 64, NoTCP: true,
		Defines: map[string]string{"FARM": kamailio.Quote("sip:" + farm.Addr()), "THROUGH_ITSELF": ""}})
	require.NoError(t, farm.Connect(server.Addr))
	c := &chat{Server: server, farm: farm, t: t}
	ctx := bounded(t, 180*time.Second)
	room := func(u int) string { return fmt.Sprintf("chat-%d", u%rooms) }
	for u := range users {
		c.must(ctx, "1", fmt.Sprintf("user%d", u), room(u), "#join")
	}
	per := users / rooms
	first := rooms * per * (per + 1) / 2
	_, err := farm.Await(ctx, 0, first)
	require.NoError(t, err)

	texts := seconds * perSecond
	var wg sync.WaitGroup
	refused := make(chan error, texts)
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	for i := range texts {
		<-tick.C
		wg.Go(func() {
			u := i % users
			if err := accepted(c.send(ctx, fmt.Sprintf("user%d", u), room(u), fmt.Sprintf("text %d", i))); err != nil {
				refused <- err
			}
		})
	}
	wg.Wait()
	assert.Empty(t, refused, "texts refused")
	due := texts * (per - 1)
	_, err = farm.Await(ctx, first, due)
	require.NoError(t, err)
	type delivery struct{ to, body string }
	got := map[delivery]int{}
	for _, m := range farm.Received(first) {
		got[delivery{m.URI, string(m.Body)}]++
	}
	assert.Len(t, got, due, "every text to every member")
	for d, n := range got {
		assert.Equal(t, 1, n, "%v", d)
	}
	assert.Zero(t, c.statistic("dropped"))
	assert.Zero(t, c.statistic("send_failed"))
	assert.Empty(t, c.LogLines(`ERROR:|CRITICAL:|BUG:`))
}

// TestMemoryOthersUse has the rest of Kamailio hold more than what the reserve
// leaves: MESSAGEs go on, slowly, and the log says why.
func TestMemoryOthersUse(t *testing.T) {
	t.Parallel()
	for _, inline := range []int{0, 128} {
		t.Run(fmt.Sprintf("fanout_inline=%d", inline), func(t *testing.T) {
			t.Parallel()
			c := newChat(t, kamailio.Options{Workers: 2, ShmMB: 9, NoTCP: true,
				Params: map[string]any{"fanout_inline": inline, "shm_reserve": 90}})
			ctx := bounded(t, 60*time.Second)
			_, err := c.AwaitLog(`WARNING: .*imc .*KB of shared memory are free, less than the \d+ KB of parameter shm_reserve`, 5*time.Second)
			require.NoError(t, err)
			for i := range 20 {
				c.must(ctx, "1", fmt.Sprintf("user%d", i), "room", "#join")
			}
			_, err = c.farm.Await(ctx, 0, 20*21/2)
			require.NoError(t, err)
			for i := range 10 {
				c.must(ctx, "1", "user0", "room", fmt.Sprintf("text %d", i))
			}
			_, err = c.farm.Await(ctx, 20*21/2, 10*19)
			require.NoError(t, err)
			assert.Zero(t, c.statistic("dropped"))
		})
	}
}

// TestMemoryUnderTheReserve has others hold so much of 9 MB that 22 % are free,
// less than the default reserve of 25 %: the queue moves.
func TestMemoryUnderTheReserve(t *testing.T) {
	t.Parallel()
	farm := sipua.NewFarm(t, "")
	server := kamailio.Start(t, kamailio.Options{Case: "faults", Workers: 2, ShmMB: 9, NoTCP: true,
		Params:  map[string]any{"outbound_proxy": "sip:" + farm.Addr(), "fanout_inline": 0},
		Defines: map[string]string{"FARM": kamailio.Quote("sip:" + farm.Addr()), "FAST_TM": ""}})
	require.NoError(t, farm.Connect(server.Addr))
	c := &chat{Server: server, farm: farm, t: t}
	ctx := bounded(t, 60*time.Second)
	for i := range 10 {
		c.must(ctx, "1", fmt.Sprintf("user%d", i), "chat-a", "#join")
	}
	_, err := farm.Await(ctx, 0, 10*11/2)
	require.NoError(t, err)
	const target = (9 << 20) * 22 / 100
	for {
		free, err := c.shmFree()
		require.NoError(t, err)
		if free <= target {
			assert.Greater(t, free, target*9/10)
			break
		}
		_, err = farm.Send(ctx, sipua.Request{Method: "INFO", URI: uri("tenant"), From: "<" + uri("tenant") + ">",
			Body: make([]byte, min(32<<10, max(1<<10, (free-target)/2)))})
		require.NoError(t, err)
	}
	for i := range 10 {
		c.must(ctx, "1", "user0", "chat-a", fmt.Sprintf("text %d", i))
	}
	_, err = farm.Await(ctx, 10*11/2, 10*9)
	require.NoError(t, err)
	assert.Zero(t, c.statistic("dropped"))
}

// TestNoMemoryForACopy: with use_dns_failover or enable_uac_fr tm keeps a copy
// of each MESSAGE, and does not say that it had no memory for it. The MESSAGE
// is sent when somebody else gives memory back.
func TestNoMemoryForACopy(t *testing.T) {
	t.Parallel()
	farm := sipua.NewFarm(t, "")
	server := kamailio.Start(t, kamailio.Options{Case: "faults", Workers: 2, ShmMB: 16, NoTCP: true,
		Params: map[string]any{"outbound_proxy": "sip:" + farm.Addr(), "shm_reserve": 90},
		// most of the memory free is one piece
		Args:    []string{"-x", "fm"},
		Defines: map[string]string{"FARM": kamailio.Quote("sip:" + farm.Addr()), "UAC_FAILOVER": "", "FAST_TM": ""}})
	require.NoError(t, farm.Connect(server.Addr))
	c := &chat{Server: server, farm: farm, t: t}
	ctx := bounded(t, 60*time.Second)
	c.must(ctx, "1", "erin", "chat-a", "#create")
	c.must(ctx, "1", "frank", "chat-a", "#join")
	_, err := farm.Await(ctx, 0, 3)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return c.statistic("held") == 0 }, 5*time.Second, 20*time.Millisecond)

	// the text takes 75 KB, its MESSAGE 72 KB, the copy of that 65 KB
	const enough, scarce = 160 << 10, 195 << 10
	for size := 32 << 10; ; {
		free, err := c.shmFree()
		require.NoError(t, err)
		if free < scarce {
			require.Greater(t, free, enough)
			break
		}
		for size > 1<<10 && free-size-(1<<10) < enough {
			size /= 2
		}
		_, err = farm.Send(ctx, sipua.Request{Method: "INFO", URI: uri("tenant"), From: "<" + uri("tenant") + ">", Body: make([]byte, size)})
		require.NoError(t, err)
	}
	c.must(ctx, "1", "erin", "chat-a", strings.Repeat("x", 60000))
	_, err = c.AwaitLog(`ERROR: .*tm .*t_uac_prepare.*no more shmem`, 5*time.Second)
	require.NoError(t, err)
	_, err = c.RPC("htable.flush", "tenant")
	require.NoError(t, err)
	got, err := farm.Await(ctx, 3, 1)
	require.NoError(t, err)
	assert.Equal(t, uri("frank"), got[0].URI)
	assert.Zero(t, c.statistic("send_failed"))
	assert.Positive(t, c.statistic("retried"))
}

// rss gives the resident memory of the engine process.
func (c *chat) rss() int {
	c.t.Helper()
	engine, err := c.Process("imc engine")
	require.NoError(c.t, err)
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", engine.Pid))
	require.NoError(c.t, err)
	_, after, ok := strings.Cut(string(data), "VmRSS:")
	require.True(c.t, ok)
	var kb int
	_, err = fmt.Sscan(after, &kb)
	require.NoError(c.t, err)
	return kb << 10
}

// flood sends a body n times, several at a time, and counts the results of
// imc_manager().
func (c *chat) flood(ctx context.Context, n int, from, room string, body func(i int) string) map[string]int {
	c.t.Helper()
	const atATime = 8
	var mu sync.Mutex
	results := map[string]int{}
	var wg sync.WaitGroup
	for s := range atATime {
		wg.Go(func() {
			for i := s; i < n; i += atATime {
				res, err := c.send(ctx, from, room, body(i))
				if !assert.NoError(c.t, err) {
					return
				}
				mu.Lock()
				results[res.Get("X-RC")]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return results
}

// TestListsInABusyRoom has members of a room that is busy ask for its long list
// again and again.
func TestListsInABusyRoom(t *testing.T) {
	t.Parallel()
	const members, lists = 2000, 5000
	c := silentRoom(t, members, kamailio.Options{ShmMB: 16, Defines: map[string]string{"STATELESS": ""}})
	ctx := bounded(t, 60*time.Second)
	c.must(ctx, "1", "user0", "big", "is anybody there?")
	before := c.rss()
	results := c.flood(ctx, lists, "user1", "big", func(int) string { return "#members" })
	assert.Equal(t, map[string]int{"1": lists}, results)
	assert.Less(t, c.rss()-before, 60<<20, "the lists wait")
	assert.Greater(t, c.statistic("queued"), lists/2)
}

// TestBigTextsInABusyRoom has texts for one recipient each fill the queue: it is
// bounded in bytes, and has room for others then.
func TestBigTextsInABusyRoom(t *testing.T) {
	t.Parallel()
	const texts, size = 4000, 32000
	c := newChat(t, kamailio.Options{Workers: 2, ShmMB: 16, NoTCP: true, Defines: map[string]string{"STATELESS": ""}})
	ctx := bounded(t, 60*time.Second)
	for _, room := range []string{"busy", "other"} {
		for i := range 2 {
			c.must(ctx, "1", fmt.Sprintf("user%d", i), room, "#join")
		}
	}
	c.farm.Answer(uri("user1"), sipua.Silence)
	before := c.rss()
	results := c.flood(ctx, texts, "user0", "busy", func(i int) string { return fmt.Sprintf("%d %s", i, strings.Repeat("x", size)) })
	assert.Greater(t, results["1"], (32<<20)/(size+2000), "half of queue_bytes")
	assert.Less(t, results["1"], (40<<20)/size)
	assert.Equal(t, texts, results["1"]+results["-200"], "%v", results)
	assert.Less(t, c.rss()-before, 100<<20)
	c.must(ctx, "1", "user0", "other", "there is room for this")
}
