package e2e

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// zipped is a body with Content-Encoding deflate.
func zipped(t testing.TB, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := w.Write([]byte(body))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// inCPIM is what a client sends that wraps all it says.
func inCPIM(from, contentType, body string) string {
	return "From: <" + uri(from) + ">\r\nTo: <" + uri("room") + ">\r\nDateTime: 2026-11-24T17:00:00Z\r\n\r\n" +
		"Content-Type: " + contentType + "\r\n\r\n" + body
}

// wraps sends a body as such a client does, deflated.
func (c *chat) wraps(ctx context.Context, from, contentType, body string) (*sipua.Message, error) {
	return c.farm.Send(ctx, sipua.Request{
		URI: uri("room"), From: "<" + uri(from) + ">", Body: zipped(c.t, inCPIM(from, contentType, body)),
		Headers: []sipua.Header{{Name: "Content-Type", Value: "message/cpim"}, {Name: "Content-Encoding", Value: "deflate"}},
	})
}

// silence waits until nothing has arrived for a second, and fails the test if
// that does not come within 2 s of begin.
func (c *chat) silence(ctx context.Context, begin time.Time) {
	c.t.Helper()
	for {
		n := c.farm.Count()
		quiet, cancel := context.WithTimeout(ctx, time.Second)
		_, err := c.farm.Await(quiet, n, 1)
		cancel()
		if err != nil && c.farm.Count() == n {
			return
		}
		require.Less(c.t, time.Since(begin), 2*time.Second, "still %d MESSAGEs", c.farm.Count())
	}
}

// TestReceipts has two clients in a room that acknowledge all they get, with a
// wrapped and deflated receipt, and what they cannot read with a receipt that
// says so. A text is read by both, and then there is silence.
func TestReceipts(t *testing.T) {
	t.Parallel()
	c := newChat(t, kamailio.Options{NoTCP: true})
	ctx := bounded(t, 30*time.Second)
	c.must(ctx, "1", "alice", "room", "#create")
	c.must(ctx, "1", "bob", "room", "#join")
	_, err := c.farm.Await(ctx, 0, 3)
	require.NoError(t, err)

	receipts := make(chan error, 1000)
	c.farm.OnEach(func(m *sipua.Message) {
		status := "delivered"
		if !strings.HasPrefix(m.Get("Content-Type"), "text/plain") || !bytes.HasPrefix(m.Body, []byte("[")) {
			status = "error"
		}
		who, _, _ := strings.Cut(strings.TrimPrefix(m.URI, "sip:"), "@")
		go func() {
			res, err := c.wraps(ctx, who, "message/imdn+xml", "<imdn><"+status+"/></imdn>")
			if err == nil && res.Get("X-RC") != "1" {
				err = fmt.Errorf("a receipt is refused with %s", res.Get("X-RC"))
			}
			receipts <- err
		}()
	})
	first := c.farm.Count()
	begin := time.Now()
	res, err := c.wraps(ctx, "alice", "text/plain;charset=utf-8", "hello")
	require.NoError(t, err)
	require.Equal(t, "1", res.Get("X-RC"))
	c.silence(ctx, begin)

	got := c.farm.Received(first)
	require.Len(t, got, 1, "one text to one other member")
	assert.Equal(t, "[alice]: hello", string(got[0].Body))
	assert.Equal(t, "text/plain;charset=utf-8", got[0].Get("Content-Type"))
	assert.Empty(t, got[0].All("Content-Encoding"))
	require.NoError(t, <-receipts)
	for name, want := range map[string]int64{"imc:receipts": 1, "imc:texts": 1, "imc:undelivered": 0} {
		n, err := c.Statistic(name)
		require.NoError(t, err)
		assert.Equal(t, want, n, name)
	}
}

// TestTypingRefused has a member whose client does not take "is typing": after
// the first one it gets none any more, and nothing counts as undelivered.
func TestTypingRefused(t *testing.T) {
	t.Parallel()
	for _, inline := range []int{0, 128} {
		t.Run(fmt.Sprintf("fanout_inline=%d", inline), func(t *testing.T) {
			t.Parallel()
			c := newChat(t, kamailio.Options{NoTCP: true, Params: map[string]any{"fanout_inline": inline}})
			ctx := bounded(t, 30*time.Second)
			c.must(ctx, "1", "alice", "room", "#create")
			c.must(ctx, "1", "bob", "room", "#join")
			c.must(ctx, "1", "carol", "room", "#join")
			_, err := c.farm.Await(ctx, 0, 6)
			require.NoError(t, err)
			c.farm.Answer(uri("carol"), 415)
			first := c.farm.Count()
			for i := range 3 {
				res, err := c.farm.Send(ctx, sipua.Request{
					URI: uri("room"), From: "<" + uri("alice") + ">", Body: []byte("<isComposing/>"),
					Headers: []sipua.Header{{Name: "Content-Type", Value: "application/im-iscomposing+xml"}},
				})
				require.NoError(t, err)
				require.Equal(t, "1", res.Get("X-RC"))
				_, err = c.farm.Await(ctx, first, 2+i)
				require.NoError(t, err)
				c.refused(ctx, 1)
			}
			got := map[string]int{}
			for _, m := range c.farm.Received(first) {
				got[m.URI]++
			}
			assert.Equal(t, map[string]int{uri("bob"): 3, uri("carol"): 1}, got)
			assert.Empty(t, c.farm.Broken())
			// texts are sent to her as ever, and what she refuses of them counts
			c.must(ctx, "1", "alice", "room", "hello")
			_, err = c.farm.Await(ctx, first, 6)
			require.NoError(t, err)
			c.refused(ctx, 2)
			for name, want := range map[string]int64{"imc:typing": 3, "imc:texts": 1, "imc:undelivered": 1} {
				n, err := c.Statistic(name)
				require.NoError(t, err)
				assert.Equal(t, want, n, name)
			}
			c.Stop()
			assert.Len(t, c.LogLines(`room sip:room@chat.test: 1 MESSAGEs not delivered \(415: 1\)`), 1)
		})
	}
}

// refused waits until tm has got n refusals, and what it called then is done.
func (c *chat) refused(ctx context.Context, n int64) {
	c.t.Helper()
	await.Until(c.t, 10*time.Second, func() error {
		got, err := c.Statistic("tmx:4xx_transactions")
		if err == nil && got < n {
			err = fmt.Errorf("%d refusals", got)
		}
		return err
	})
	c.drain(ctx)
}
