package faults

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/sipua"
)

// nothing is for faults that users bring about: see the line's during.
func nothing(*run) func() { return nil }

// hostile are bodies that nobody should send, and headers.
var hostile = []struct {
	name    string
	headers []sipua.Header
	body    []byte
}{
	{"gzip of 50 MB", content("text/plain", "gzip"), bomb(50<<20, 1)},
	{"gzip of gzip of 200 MB", content("text/plain", "gzip, gzip"), bomb(200<<20, 2)},
	{"a command in gzip of 50 MB", content("text/plain", "gzip"), bomb(50<<20, 1)},
	{"gzip of 50 MB as cpim", content("message/cpim", "gzip"), bomb(50<<20, 1)},
	{"gzip that is none", content("text/plain", "gzip"), []byte("\x1f\x8b\x08\x00nonsense")},
	{"gzip cut short", content("text/plain", "gzip"), bomb(1<<20, 1)[:200]},
	{"deflate that is none", content("text/plain", "deflate"), []byte(strings.Repeat("\xff", 3000))},
	{"an unknown encoding", content("text/plain", "br"), []byte("hello")},
	{"encodings without end", content("text/plain", strings.Repeat("gzip,", 500)), []byte("hello")},
	{"deep multipart", content("multipart/mixed;boundary=b0", ""), nested(300)},
	{"multipart of 5,000 parts", content("multipart/mixed;boundary=b", ""), []byte(strings.Repeat("--b\r\n\r\n\r\n", 5000))},
	{"multipart without a boundary", content("multipart/mixed", ""), []byte("--\r\n\r\nhello\r\n----")},
	{"cpim in cpim, 400 deep", content("message/cpim", ""), []byte(strings.Repeat("From: <sip:x@y>\r\n\r\nContent-Type: message/cpim\r\n\r\n", 400))},
	{"cpim of headers only", content("message/cpim", ""), []byte(strings.Repeat("From: <sip:x@y>\r\n", 3000))},
	{"cpim with a line of 60,000", content("message/cpim", ""), []byte("From: " + strings.Repeat("a", 60000) + "\r\n\r\n\r\nhello")},
	{"60,000 of <", content("text/html", ""), []byte(strings.Repeat("<", 60000))},
	{"60,000 elements", content("text/html", ""), []byte(strings.Repeat("<b>", 20000))},
	{"entities without end", content("text/html", ""), []byte(strings.Repeat("&#x23;", 10000))},
	{"no UTF-8", content("text/plain;charset=utf-8", ""), []byte("#\xff\xfe\xc0\x80join\xed\xa0\x80")},
	{"an overlong UTF-8 #", content("text/plain;charset=utf-8", ""), []byte("\xc0\xa3join")},
	{"UTF-16", content("text/plain;charset=utf-16", ""), []byte("\xff\xfe#\x00j\x00o\x00i\x00n\x00")},
	{"NULs", content("text/plain", ""), bytes.Repeat([]byte{0}, 50000)},
	{"a command and NULs", content("text/plain", ""), append([]byte("#invite "), bytes.Repeat([]byte{0}, 50000)...)},
	{"no Content-Type", nil, []byte("hello")},
	{"an empty Content-Type", content("", ""), []byte("hello")},
	{"a Content-Type of 5,000", content("text/"+strings.Repeat("x", 5000), ""), []byte("hello")},
	{"Content-Types by the dozen", append(content("text/plain", ""), content("text/html", "")...), []byte("<b>hello")},
	{"Content-Disposition of 5,000", append(content("text/plain", ""), sipua.Header{Name: "Content-Disposition", Value: strings.Repeat("a;", 2500)}), []byte("hello")},
	{"receipts in receipts", content("message/imdn+xml", ""), []byte(strings.Repeat("<imdn>", 8000))},
	{"a Subject of 30,000", append(content("text/plain", ""), sipua.Header{Name: "Subject", Value: strings.Repeat("s", 30000)}), []byte("hello")},
}

func content(kind, encoding string) []sipua.Header {
	h := []sipua.Header{{Name: "Content-Type", Value: kind}}
	if encoding != "" {
		h = append(h, sipua.Header{Name: "Content-Encoding", Value: encoding})
	}
	return h
}

// bomb is so many zeros, compressed once or more.
func bomb(size, times int) []byte {
	chunk := make([]byte, 1<<20)
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	for range size / len(chunk) {
		_, _ = w.Write(chunk)
	}
	_, _ = w.Write(chunk[:size%len(chunk)])
	_ = w.Close()
	data := b.Bytes()
	for range times - 1 {
		var outer bytes.Buffer
		w := gzip.NewWriter(&outer)
		_, _ = w.Write(data)
		_ = w.Close()
		data = outer.Bytes()
	}
	return data
}

// nested is a multipart body in a multipart body and so on.
func nested(depth int) []byte {
	var b strings.Builder
	for i := range depth {
		fmt.Fprintf(&b, "--b%d\r\nContent-Type: multipart/mixed;boundary=b%d\r\n\r\n", i, i+1)
	}
	b.WriteString("hello")
	return []byte(b.String())
}

// sendsHostile has a member send all of them, twice, also under a Call-ID of
// 9,000 bytes. Each is answered, and costs the engine no memory to
// speak of.
func sendsHostile(s *scene) {
	const patience, growth = 3 * time.Second, 64 << 20
	for _, user := range []string{"mallory", "victim"} {
		rc, says := s.command(s.ctx, user, "chat-hostile", "#join")
		require.Equal(s.t, "1", rc, says)
	}
	before := s.memory()
	peak := int64(0)
	for round := range 2 {
		for _, h := range hostile {
			id := s.farm.NewCallID()
			if round == 1 {
				id += strings.Repeat("c", 9000)
			}
			if len(h.body)+len(id) > 62000 {
				continue // no datagram holds it
			}
			began := time.Now()
			ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
			res, err := s.farm.Send(ctx, sipua.Request{URI: uri("chat-hostile"), From: "<" + uri("mallory") + ">", CallID: id, Headers: h.headers, Body: h.body})
			cancel()
			took := time.Since(began)
			if err != nil || took > patience+s.probe.slack() {
				s.t.Errorf("%s: %v, %v after %v", h.name, res, err, took)
			}
			peak = max(peak, s.memory()-before)
		}
	}
	s.t.Logf("memory of all processes grew by %d KB", peak>>10)
	assert.Less(s.t, peak, int64(growth), "bytes of memory for hostile bodies")
}

// memory is what the server's processes hold alone, in bytes.
func (s *scene) memory() (sum int64) {
	for _, pid := range s.Pids() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for l := range strings.Lines(string(text)) {
			if f := strings.Fields(l); len(f) > 1 && f[0] == "RssAnon:" {
				n, _ := strconv.ParseInt(f[1], 10, 64)
				sum += n << 10
			}
		}
	}
	return sum
}

// until runs a user's doings, several at once, for as long as a fault lasts.
func (s *scene) until(users int, do func(user, round int)) {
	length := usual
	if soaking {
		length *= 10
	}
	end := time.Now().Add(length)
	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() {
			for round := 0; time.Now().Before(end) && s.ctx.Err() == nil; round++ {
				do(u, round)
			}
		})
	}
	wg.Wait()
}

// comesAndGoes has many users join and leave one room without a pause.
func comesAndGoes(s *scene) {
	s.until(40, func(user, round int) {
		body := []string{"#join", "#leave"}[round%2]
		if rc, says := s.command(s.ctx, fmt.Sprintf("storm%d", user), "chat-storm", body); rc != "1" {
			s.t.Errorf("db_mode %d: %s: %s %q", s.mode, body, rc, says)
		}
	})
}

// talksALot has one user say something eight times at once without a pause.
func talksALot(s *scene) {
	for _, user := range []string{"loud", "patient0", "patient1"} {
		rc, says := s.command(s.ctx, user, "chat-loud", "#join")
		require.Equal(s.t, "1", rc, says)
	}
	s.until(8, func(_, round int) {
		ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
		defer cancel()
		res, err := s.farm.Send(ctx, message("loud", "chat-loud", s.farm.NewCallID(), "text/plain", fmt.Sprint(round)))
		if err != nil || res.Code >= 300 {
			s.t.Errorf("db_mode %d: %v, %v", s.mode, res, err)
		}
	})
}

// circle makes three rooms that are members of each other, and says one text
// in the first one: the MESSAGEs that come of it are few, and end.
func circle(s *scene) {
	const most = 60
	rooms := []string{"chat-c0", "chat-c1", "chat-c2"}
	for _, r := range rooms {
		rc, says := s.command(s.ctx, "circe", r, "#create")
		require.Equal(s.t, "1", rc, says)
	}
	for i, r := range rooms {
		for _, other := range []string{rooms[(i+1)%3], rooms[(i+2)%3]} {
			s.command(s.ctx, "circe", r, "#add "+other)
		}
	}
	rc, says := s.command(s.ctx, "circe", rooms[0], "round and round")
	require.Equal(s.t, "1", rc, says)
	last := int64(-1)
	// the probe's own texts are counted apart
	err := await.Try(10*time.Second, func() error {
		n := s.circling()
		if n > most {
			return nil
		}
		if n == last {
			return nil
		}
		last = n
		time.Sleep(500 * time.Millisecond)
		return errStill
	})
	n := s.circling()
	s.t.Logf("%d MESSAGEs of three rooms in a circle", n)
	assert.NoError(s.t, err, "the MESSAGEs of rooms in a circle do not end")
	assert.LessOrEqual(s.t, n, int64(most), "MESSAGEs of rooms in a circle")
}

// circling counts the MESSAGEs that the user in the circle has got.
func (s *scene) circling() (n int64) {
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	for _, list := range s.inbox.by {
		for _, m := range list {
			if m.URI == uri("circe") {
				n++
			}
		}
	}
	return n
}
