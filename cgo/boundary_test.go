package main

import (
	"encoding/binary"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/module/wire"
)

// The tests call the exports as C does, with C's structures. The memory in
// them is Go's, which nothing here moves or frees; the tests keep it alive.

// caller is the C side.
type caller struct {
	t        testing.TB
	buf      []byte
	reply    cReply
	versions []atomic.Uint64
	counters []atomic.Uint64
}

func newCaller(tb testing.TB) *caller {
	tb.Helper()
	c := &caller{
		t: tb, buf: make([]byte, wire.ReplyMin),
		versions: make([]atomic.Uint64, 64), counters: make([]atomic.Uint64, wire.CounterRow),
	}
	c.reply.buf = (*cChar)(unsafe.Pointer(&c.buf[0]))
	c.reply.cap = wire.ReplyMin
	tb.Cleanup(func() {
		if process != nil {
			process.Stop()
			process = nil
		}
	})
	return c
}

func slice(s string) cSlice {
	if s == "" {
		return cSlice{}
	}
	b := []byte(s)
	return cSlice{s: (*cChar)(unsafe.Pointer(&b[0])), len: cU64(len(b))}
}

func (c *caller) settings() *cSettings {
	return &cSettings{
		roles: 3, fanout_inline: 32, queue_size: 1000, queue_bytes: 1 << 20, timeout_ms: 2000,
		create_on_join: 1, check_on_create: 1,
		cmd_start_char: slice("#"), db_url: slice("mysql://u:p@h/db"),
		versions: (*cU64)(unsafe.Pointer(&c.versions[0])), n_versions: cU32(len(c.versions)),
		counters:  (*cU64)(unsafe.Pointer(&c.counters[0])),
		worker_fd: -1,
	}
}

// start starts the library as fork=no does.
func (c *caller) start() *caller {
	c.t.Helper()
	require.EqualValues(c.t, 0, imc_engine_start(c.settings(), &c.reply), "%s", c.records())
	for !strings.Contains(c.records(), "\x05") {
		require.EqualValues(c.t, 0, imc_engine_next(1000, &c.reply))
	}
	return c
}

// records returns what the reply holds, checked to be whole records.
func (c *caller) records() string {
	c.t.Helper()
	require.LessOrEqual(c.t, int(c.reply.len), len(c.buf))
	b := c.buf[:c.reply.len]
	for len(b) > 0 {
		require.GreaterOrEqual(c.t, len(b), 5)
		n := 4 + int(binary.LittleEndian.Uint32(b))
		require.LessOrEqual(c.t, n, len(b), "a record is cut")
		b = b[n:]
	}
	return string(c.buf[:c.reply.len])
}

func request(from, room, body string) *cRequest {
	return &cRequest{from: slice(from), request_uri: slice(room), call_id: slice("call"), body: slice(body)}
}

func (c *caller) handle(from, room, body string) (status, code int) {
	status = int(imc_engine_handle(request(from, room, body), &c.reply))
	c.records()
	return status, int(c.reply.code)
}

const (
	alice = "sip:alice@h"
	bob   = "sip:bob@h"
	room  = "sip:room@h"
)

func TestConversation(t *testing.T) {
	c := newCaller(t).start()
	status, code := c.handle(alice, room, "#create")
	assert.Equal(t, []int{0, 1}, []int{status, code})
	assert.Contains(t, c.records(), "*** Room was created")
	c.handle(bob, room, "#join")
	status, code = c.handle(alice, room, "hello")
	assert.Equal(t, []int{0, 1}, []int{status, code})
	message := c.records()
	assert.Contains(t, message, "[alice]: hello")
	assert.Contains(t, message, bob)

	assert.EqualValues(t, 0, imc_engine_query(cI32(wire.QueryRoomMember), slice(room), slice(bob), &c.reply))
	assert.EqualValues(t, 1, c.reply.code)
	assert.EqualValues(t, 0, imc_engine_query(cI32(wire.QueryListRooms), cSlice{}, cSlice{}, &c.reply))
	assert.Contains(t, c.records(), room)
	assert.EqualValues(t, 0, imc_engine_more(&c.reply))
	assert.Empty(t, c.records())

	assert.EqualValues(t, 0, imc_engine_event(&cEvent{kind: cI32(wire.EventUnsent), message: slice(message)}, &c.reply))
	assert.EqualValues(t, 1, c.reply.code)
	assert.EqualValues(t, 0, imc_engine_next(0, &c.reply))
	queued := c.records()
	assert.Contains(t, queued, "[alice]: hello")
	assert.EqualValues(t, 0, imc_engine_event(&cEvent{kind: cI32(wire.EventSent), message: slice(queued)}, &c.reply))
	assert.EqualValues(t, wire.StatusInvalid, imc_engine_event(&cEvent{kind: cI32(wire.EventSent), message: slice(queued)}, &c.reply), "stale")

	assert.EqualValues(t, wire.StatusInvalid, imc_engine_start(c.settings(), &c.reply), "started already")
	assert.EqualValues(t, 0, imc_engine_stop(&c.reply))
	status, _ = c.handle(alice, room, "hello")
	assert.Equal(t, int(wire.StatusTimeout), status)
}

func TestBeforeStart(t *testing.T) {
	c := newCaller(t)
	status, code := c.handle(alice, room, "hello")
	assert.Equal(t, []int{int(wire.StatusStart), -1}, []int{status, code})
	assert.EqualValues(t, wire.StatusStart, imc_engine_query(1, slice(room), slice(bob), &c.reply))
	assert.EqualValues(t, wire.StatusStart, imc_engine_event(&cEvent{}, &c.reply))
	assert.EqualValues(t, wire.StatusStart, imc_engine_next(0, &c.reply))
	assert.EqualValues(t, wire.StatusStart, imc_engine_stop(&c.reply))
	assert.EqualValues(t, wire.StatusStart, imc_engine_more(&c.reply))
}

func TestNothingInPlaceOfSomething(t *testing.T) {
	c := newCaller(t).start()
	small := cReply{buf: c.reply.buf, cap: wire.ReplyMin - 1}
	for _, reply := range []*cReply{nil, {}, {cap: wire.ReplyMin}, &small} {
		assert.EqualValues(t, wire.StatusInvalid, imc_engine_start(c.settings(), reply))
		assert.EqualValues(t, wire.StatusInvalid, imc_engine_handle(request(alice, room, "hello"), reply))
		assert.EqualValues(t, wire.StatusInvalid, imc_engine_query(1, slice(room), slice(bob), reply))
		assert.EqualValues(t, wire.StatusInvalid, imc_engine_more(reply))
		assert.EqualValues(t, wire.StatusInvalid, imc_engine_event(&cEvent{kind: 3}, reply))
		assert.EqualValues(t, wire.StatusInvalid, imc_engine_next(0, reply))
		assert.EqualValues(t, wire.StatusInvalid, imc_engine_stop(reply))
	}
	fresh := newCaller(t)
	assert.EqualValues(t, wire.StatusInvalid, imc_engine_more(&fresh.reply), "nothing was begun")
	assert.EqualValues(t, wire.StatusInvalid, imc_engine_start(nil, &c.reply))
	assert.EqualValues(t, wire.StatusInvalid, imc_engine_handle(nil, &c.reply))
	assert.EqualValues(t, -1, c.reply.code)
	assert.EqualValues(t, wire.StatusInvalid, imc_engine_event(nil, &c.reply))

	status, code := c.handle("", "", "")
	assert.Equal(t, []int{0, -1}, []int{status, code})
	bad := request(alice, room, "hello")
	bad.body.s = nil
	assert.EqualValues(t, wire.StatusInvalid, imc_engine_handle(bad, &c.reply))
	bad = request(alice, room, "hello")
	bad.from.len = 1 << 63
	assert.EqualValues(t, wire.StatusInvalid, imc_engine_handle(bad, &c.reply))
	assert.EqualValues(t, wire.StatusInvalid, imc_engine_query(1, cSlice{len: 5}, slice(bob), &c.reply))
	assert.EqualValues(t, wire.StatusInvalid, imc_engine_event(&cEvent{kind: 3, user: cSlice{len: 5}}, &c.reply))
	assert.EqualValues(t, wire.StatusInvalid, imc_engine_event(&cEvent{kind: 1, first: 1 << 31}, &c.reply))
	assert.EqualValues(t, wire.StatusInvalid, imc_engine_query(1234, slice(room), slice(bob), &c.reply))
}

func TestSettingsThatCannotBe(t *testing.T) {
	c := newCaller(t)
	for name, change := range map[string]func(*cSettings){
		"no versions":       func(s *cSettings) { s.versions = nil },
		"unaligned":         func(s *cSettings) { s.versions = (*cU64)(unsafe.Add(unsafe.Pointer(s.versions), 1)) },
		"no power of two":   func(s *cSettings) { s.n_versions = 63 },
		"0 versions":        func(s *cSettings) { s.n_versions = 0 },
		"no counters":       func(s *cSettings) { s.counters = nil },
		"no start":          func(s *cSettings) { s.cmd_start_char = cSlice{} },
		"two start bytes":   func(s *cSettings) { s.cmd_start_char = slice("##") },
		"no host's sockets": func(s *cSettings) { s.n_host_fds = 1 },
		"too many sockets":  func(s *cSettings) { s.n_host_fds = 1 << 31 },
		"roles":             func(s *cSettings) { s.roles = 99 },
		"mode":              func(s *cSettings) { s.db_mode = -1 },
		"url":               func(s *cSettings) { s.db_url.s = nil },
		"queue":             func(s *cSettings) { s.queue_size = -1 },
		"queue's bytes":     func(s *cSettings) { s.queue_bytes = -1 },
		"timeout":           func(s *cSettings) { s.timeout_ms = -1 },
	} {
		s := c.settings()
		change(s)
		assert.Negative(t, int(imc_engine_start(s, &c.reply)), name)
		c.records()
	}
	c.start() // after all this
}

// TestPanicIsRecovered: a panic in an export becomes a code and log records,
// and the next call works.
func TestPanicIsRecovered(t *testing.T) {
	c := newCaller(t).start()
	status := func() (status cInt) {
		defer finish(&status, &c.reply, begin(&c.reply))
		panic("on purpose")
	}()
	assert.EqualValues(t, wire.StatusPanic, status)
	assert.Contains(t, c.records(), "panic: on purpose")
	assert.Contains(t, c.records(), "boundary_test.go", "the stack")
	_, code := c.handle(alice, room, "#create")
	assert.Equal(t, 1, code)
}

// FuzzHandle: a request of any content is answered, with whole records.
func FuzzHandle(f *testing.F) {
	f.Add(alice, room, "call", "text/plain", []byte("hello"))
	f.Add(alice, room, "", "", []byte("#create other private"))
	f.Add(bob, room, "c", "text/html", []byte("<p>#join</p>"))
	f.Add(bob, room, "c\r\nX: y", "a\r\nb", []byte("#members\x00"))
	f.Add("tel:+1", "sip:[::1]:5060;x=y", "c", "message/cpim", []byte("a: b\r\n\r\nContent-Type: text/plain\r\n\r\n#help"))
	f.Add("", "", "", "", []byte{})
	f.Add(alice, room, "c", "application/x", []byte("#"))
	f.Fuzz(func(t *testing.T, from, room, callID, contentType string, body []byte) {
		c := newCaller(t).start()
		c.handle(alice, "sip:room@h", "#create")
		r := &cRequest{
			from: slice(from), request_uri: slice(room), call_id: slice(callID),
			content_type: slice(contentType), body: slice(string(body)),
		}
		for range 2 {
			require.EqualValues(t, 0, imc_engine_handle(r, &c.reply), "%s", c.records())
			c.records()
			require.NotZero(t, c.reply.code)
		}
		for {
			require.EqualValues(t, 0, imc_engine_next(0, &c.reply))
			if c.records() == "" {
				return
			}
			imc_engine_event(&cEvent{kind: cI32(wire.EventSent), message: slice(c.records())}, &c.reply)
		}
	})
}

// FuzzEvent: an event of any content is taken or refused.
func FuzzEvent(f *testing.F) {
	message := "\x3b\x00\x00\x00\x01" + strings.Repeat("\x00", 9) + "\x06\x00\x00\x00room@h\x0a\x00\x00\x00sip:room@h" +
		strings.Repeat("\x00", 16) + "\x01\x00\x00\x00\x09\x00\x00\x00sip:bob@h"
	f.Add(int32(wire.EventUnsent), uint32(0), []byte(message), "", "", "")
	f.Add(int32(wire.EventUnsent), uint32(7), []byte("garbage"), "", "", "")
	f.Add(int32(wire.EventSent), uint32(0), []byte{}, "", "", "")
	f.Add(int32(wire.EventInvitationFailed), uint32(0), []byte{}, room, bob, alice)
	f.Fuzz(func(t *testing.T, kind int32, first uint32, message []byte, room, user, inviter string) {
		c := newCaller(t).start()
		c.handle(alice, "sip:room@h", "#create")
		c.handle(alice, "sip:room@h", "#invite bob")
		status := imc_engine_event(&cEvent{
			kind: cI32(kind), first: cU32(first), message: slice(string(message)),
			room: slice(room), user: slice(user), inviter: slice(inviter), call_id: slice("c"),
		}, &c.reply)
		assert.Contains(t, []int{0, int(wire.StatusInvalid)}, int(status), "%s", c.records())
		imc_engine_next(0, &c.reply)
		c.records()
	})
}

// FuzzSettings: settings of any content start the library or are refused.
func FuzzSettings(f *testing.F) {
	f.Add(int32(3), int32(0), int32(32), int32(1000), int32(0), int32(2000), uint32(64), "#", "url")
	f.Add(int32(2), int32(1), int32(0), int32(1), int32(0), int32(1), uint32(1), "!", "mysql://[::1")
	f.Add(int32(-1), int32(9), int32(-1), int32(-1), int32(-1), int32(-1), uint32(63), "", "")
	f.Fuzz(func(t *testing.T, roles, mode, inline, size, ttl, timeout int32, versions uint32, start, url string) {
		c := newCaller(t)
		s := c.settings()
		s.roles, s.db_mode, s.fanout_inline, s.queue_size = cI32(roles), cI32(mode), cI32(inline), cI32(size)
		s.db_cache_ttl_ms, s.timeout_ms, s.n_versions = cI32(ttl), cI32(timeout), cU32(versions%65)
		s.cmd_start_char, s.db_url = slice(start), slice("none"+url) // no database there is
		status := imc_engine_start(s, &c.reply)
		c.records()
		assert.Contains(t, []int{0, int(wire.StatusInvalid), int(wire.StatusStart)}, int(status))
		if status == 0 {
			imc_engine_next(10, &c.reply)
			c.records()
		}
	})
}
