package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// badMessages are requests that nobody should send, by name. The marks
// %[1]d (a number unlike all others) and %[2]s (the sender's host:port) are
// filled in before each is sent.
func badMessages() map[string]string {
	via := "Via: SIP/2.0/UDP %[2]s;branch=z9hG4bKbad%[1]d\r\n"
	from := "From: <sip:alice@chat.test>;tag=f%[1]d\r\n"
	rest := "To: <sip:room@chat.test>\r\nCall-ID: bad%[1]d\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\n"
	line := "MESSAGE sip:room@chat.test SIP/2.0\r\n"
	head := line + via + from + rest
	text := "Content-Type: text/plain\r\n"
	bad := map[string]string{
		"no body":                      head + text + "Content-Length: 0\r\n\r\n",
		"no headers' end":              head + text + "Content-Length: 0\r\n",
		"no Content-Length":            head + text + "\r\nhello",
		"Content-Length too long":      head + text + "Content-Length: 500\r\n\r\nhello",
		"Content-Length too short":     head + text + "Content-Length: 2\r\n\r\nhello",
		"Content-Length negative":      head + text + "Content-Length: -1\r\n\r\nhello",
		"Content-Length enormous":      head + text + "Content-Length: 99999999999999999999\r\n\r\nhello",
		"Content-Length 2147483647":    head + text + "Content-Length: 2147483647\r\n\r\nhello",
		"Content-Length no number":     head + text + "Content-Length: five\r\n\r\nhello",
		"Content-Type empty":           head + "Content-Type: \r\nContent-Length: 5\r\n\r\nhello",
		"Content-Type no slash":        head + "Content-Type: x\r\nContent-Length: 5\r\n\r\nhello",
		"Content-Type long":            head + "Content-Type: text/" + strings.Repeat("x", 3000) + "\r\nContent-Length: 5\r\n\r\nhello",
		"Content-Type with NUL":        head + "Content-Type: te\x00xt/plain\r\nContent-Length: 5\r\n\r\nhello",
		"From without user":            line + via + "From: <sip:chat.test>;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#join",
		"From with empty user":         line + via + "From: <sip:@chat.test>;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#join",
		"From tel":                     line + via + "From: <tel:+358-555-1234567>;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#join",
		"From urn":                     line + via + "From: <urn:service:sos>;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#join",
		"From no URI":                  line + via + "From: nobody;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#join",
		"From empty":                   line + via + "From: \r\n" + rest + text + "Content-Length: 5\r\n\r\n#join",
		"From missing":                 line + via + rest + text + "Content-Length: 5\r\n\r\n#join",
		"From without tag":             line + via + "From: <sip:alice@chat.test>\r\n" + rest + text + "Content-Length: 5\r\n\r\nhello",
		"From unbalanced":              line + via + "From: \"alice <sip:alice@chat.test>;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#join",
		"From breaking out":            line + via + "From: <sip:a%%0d%%0aX:%%20y@chat.test>;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#help",
		"From with LF":                 line + via + "From: <sip:a\n b@chat.test>;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#help",
		"From with control bytes":      line + via + "From: <sip:a\x01\x02b@chat.test>;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#help",
		"From with NUL":                line + via + "From: <sip:a\x00b@chat.test>;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#help",
		"From user of 5,000":           line + via + "From: <sip:" + strings.Repeat("u", 5000) + "@chat.test>;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#join",
		"From host of 5,000":           line + via + "From: <sip:u@" + strings.Repeat("h", 5000) + ">;tag=1\r\n" + rest + text + "Content-Length: 5\r\n\r\n#join",
		"Request-URI without user":     "MESSAGE sip:chat.test SIP/2.0\r\n" + via + from + rest + text + "Content-Length: 5\r\n\r\n#join",
		"Request-URI tel":              "MESSAGE tel:+1234567 SIP/2.0\r\n" + via + from + rest + text + "Content-Length: 5\r\n\r\n#join",
		"Request-URI urn":              "MESSAGE urn:service:sos SIP/2.0\r\n" + via + from + rest + text + "Content-Length: 5\r\n\r\n#join",
		"Request-URI nothing":          "MESSAGE  SIP/2.0\r\n" + via + from + rest + text + "Content-Length: 5\r\n\r\n#join",
		"Request-URI of 5,000":         "MESSAGE sip:" + strings.Repeat("r", 5000) + "@chat.test SIP/2.0\r\n" + via + from + rest + text + "Content-Length: 5\r\n\r\n#join",
		"Request-URI with brackets":    "MESSAGE sip:a<b>c@chat.test SIP/2.0\r\n" + via + from + rest + text + "Content-Length: 5\r\n\r\n#join",
		"Request-URI with NUL":         "MESSAGE sip:a\x00b@chat.test SIP/2.0\r\n" + via + from + rest + text + "Content-Length: 5\r\n\r\n#join",
		"Request-URI IPv6 open":        "MESSAGE sip:a@[2001:db8::1 SIP/2.0\r\n" + via + from + rest + text + "Content-Length: 5\r\n\r\n#join",
		"Call-ID missing":              line + via + from + "To: <sip:room@chat.test>\r\nCSeq: 1 MESSAGE\r\n" + text + "Content-Length: 5\r\n\r\n#help",
		"Call-ID of 3,000":             line + via + from + "To: <sip:room@chat.test>\r\nCSeq: 1 MESSAGE\r\nCall-ID: " + strings.Repeat("c", 3000) + "%[1]d\r\n" + text + "Content-Length: 5\r\n\r\n#help",
		"To missing":                   line + via + from + "Call-ID: bad%[1]d\r\nCSeq: 1 MESSAGE\r\n" + text + "Content-Length: 5\r\n\r\nhello",
		"Via missing":                  line + from + rest + text + "Content-Length: 5\r\n\r\nhello",
		"CSeq of another method":       line + via + from + "To: <sip:room@chat.test>\r\nCall-ID: bad%[1]d\r\nCSeq: 1 INVITE\r\n" + text + "Content-Length: 5\r\n\r\nhello",
		"a header without a colon":     head + "nonsense\r\n" + text + "Content-Length: 5\r\n\r\nhello",
		"first line only":              line,
		"line ends of LF":              strings.ReplaceAll(head, "\r\n", "\n") + "Content-Length: 5\n\nhello",
		"command name of 60,000":       head + text + "Content-Length: 60001\r\n\r\n#" + strings.Repeat("n", 60000),
		"command argument of 50,000":   head + text + "Content-Length: 50006\r\n\r\n#join " + strings.Repeat("r", 50000),
		"command of blanks":            head + text + "Content-Length: 50001\r\n\r\n#" + strings.Repeat(" ", 50000),
		"command of NULs":              head + text + "Content-Length: 5\r\n\r\n#\x00\x00\x00\x00",
		"argument that breaks out":     head + text + "Content-Length: 32\r\n\r\n#invite <sip:x@y>%%0d%%0aEvil:%%20yes",
		"argument with angle brackets": head + text + "Content-Length: 26\r\n\r\n#create sip:a<b>@chat.test",
		"argument of URI characters":   head + text + "Content-Length: 22\r\n\r\n#invite sip:;@?;,:[]@@",
		"text of 60,000":               head + text + "Content-Length: 60000\r\n\r\n" + strings.Repeat("\xff", 60000),
		"nothing":                      "",
		"blank lines":                  "\r\n\r\n\r\n\r\n",
		"zeros":                        strings.Repeat("\x00", 500),
		"random bytes":                 "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\xe1\x84\x92 MESSAGE sip:x@y SIP/2.0\r\n\r\n",
	}
	return bad
}

// torture reads the messages of RFC 4475, which tests/e2e/testdata/torture has
// with MESSAGE as their method, and adds one of each with a command as body.
func torture(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "torture", "*.sip"))
	require.NoError(t, err)
	require.Len(t, paths, 49)
	out := map[string]string{}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		require.NoError(t, err)
		name := strings.TrimSuffix(filepath.Base(p), ".sip")
		out[name] = string(data)
		head, _, ok := bytes.Cut(data, []byte("\r\n\r\n"))
		if ok && !bytes.HasPrefix(data, []byte("SIP/")) {
			// a second Content-Length does no harm to what is torture anyway
			out[name+" with a command"] = string(head) + "\r\nContent-Length: 5\r\n\r\n#join"
		}
	}
	return out
}

// TestBadMessages sends 10,000 messages that nobody should send. None of them
// ends a process or costs memory for good, and nothing improper comes back.
func TestBadMessages(t *testing.T) {
	t.Parallel()
	const total = 10000
	c := newChat(t, kamailio.Options{Workers: 2, ShmMB: 128, NoTCP: true, LogLevel: -1,
		Defines: map[string]string{"STATELESS": "", "FAST_TM": ""}})
	ctx := bounded(t, 100*time.Second)
	c.farm.OnArrive(func(*sipua.Message) {})

	var bad [][]byte
	n := 0
	for _, m := range badMessages() {
		bad = append(bad, []byte(m))
	}
	for _, m := range torture(t) {
		bad = append(bad, []byte(strings.ReplaceAll(m, "%", "%%")))
	}
	before, err := c.Processes()
	require.NoError(t, err)
	round := func() {
		for _, m := range bad {
			n++
			data := bytes.ReplaceAll(m, []byte("%%"), []byte("%"))
			if bytes.Contains(m, []byte("%[1]d")) {
				data = fmt.Appendf(nil, string(m)+"%[3]s", n, c.farm.Addr(), "")
			}
			require.NoError(t, c.farm.Fire(data))
		}
		c.drain(ctx)
	}
	round() // what is allocated once, and the rooms that some of them make
	c.quiet(ctx, 0)
	start := c.settled(ctx)
	for n < total+len(bad) {
		round()
	}
	end := c.settledAt(ctx, start)
	t.Logf("shared memory in use: %d bytes before %d bad messages, %d after", start, n, end)
	assert.LessOrEqual(t, end, start, "shared memory in use after %d bad messages", n)

	after, err := c.Processes()
	require.NoError(t, err)
	assert.Equal(t, before, after, "no process was replaced")
	assert.Empty(t, c.LogLines(`CRITICAL:|BUG:|signal`))
	assert.Empty(t, c.LogLines(` imc .*(panic|goroutine)`))
	received, err := c.Statistic("core:rcv_requests")
	require.NoError(t, err)
	assert.Greater(t, received, int64(total/2), "requests that Kamailio could read far enough to count them")
	res, err := c.send(ctx, "alice", "after", "#create")
	require.NoError(t, err)
	assert.Equal(t, "1", res.Get("X-RC"))
}

// drain waits until the workers have read what was sent: OPTIONS stand behind
// it in their socket.
func (c *chat) drain(ctx context.Context) {
	c.t.Helper()
	for range 4 {
		res, err := c.farm.Send(ctx, sipua.Request{Method: "OPTIONS", URI: uri("ping"), From: "<" + uri("ping") + ">"})
		require.NoError(c.t, err)
		require.Equal(c.t, 200, res.Code)
	}
}

// quiet waits until tm holds no more than n transactions.
func (c *chat) quiet(ctx context.Context, n int64) {
	c.t.Helper()
	for {
		now, err := c.Statistic("tmx:inuse_transactions")
		require.NoError(c.t, err)
		if now <= n {
			return
		}
		select {
		case <-ctx.Done():
			require.NoError(c.t, ctx.Err(), "%d transactions", now)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// settled gives the shared memory in use once it does not change any more.
func (c *chat) settled(ctx context.Context) int64 {
	c.t.Helper()
	last, same := int64(-1), 0
	for same < 5 {
		m, err := c.SharedMemory()
		require.NoError(c.t, err)
		if m.Used == last {
			same++
		} else {
			last, same = m.Used, 0
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(50 * time.Millisecond):
		}
	}
	return last
}

// settledAt waits until no more than limit is in use, and gives what is in use
// then, or when it does not change any more.
func (c *chat) settledAt(ctx context.Context, limit int64) int64 {
	c.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		used := c.settled(ctx)
		if used <= limit || time.Now().After(deadline) || ctx.Err() != nil {
			return used
		}
	}
}
