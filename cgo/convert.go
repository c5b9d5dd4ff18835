package main

/*
#include "imc_engine.h"
*/
import "C"

import (
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"kamailio-imc/engine/storage"
	"kamailio-imc/module"
	"kamailio-imc/module/wire"
)

// The structures of the boundary, by names that tests can use too.
type (
	cSlice    = C.imc_slice_t
	cSettings = C.imc_settings_t
	cRequest  = C.imc_request_t
	cReply    = C.imc_reply_t
	cEvent    = C.imc_event_t

	cChar = C.char
	cInt  = C.int
	cI32  = C.int32_t
	cU32  = C.uint32_t
	cU64  = C.uint64_t
)

const (
	// maxSlice bounds what the C side may hand over in one piece, far above
	// anything that a SIP message can hold.
	maxSlice = 1 << 30
	// maxTable bounds the shared tables.
	maxTable = 1 << 28
)

// converter turns slices of C into Go's without copying: what it returns is
// C's memory, valid until the export returns. A slice that cannot be sets bad.
type converter struct {
	bad bool
}

func (c *converter) bytes(s cSlice) []byte {
	switch {
	case s.len == 0:
		return nil
	case s.s == nil || s.len > maxSlice:
		c.bad = true
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(s.s)), int(s.len))
}

func (c *converter) text(s cSlice) wire.View { return wire.ViewBytes(c.bytes(s)) }

// bufferOf returns the buffer of a reply with all its capacity, nil if it has
// none.
func bufferOf(reply *cReply) []byte {
	if reply == nil || reply.buf == nil {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(reply.buf)), int(reply.cap))
}

// begin starts a reply; nil if C gave no usable buffer.
func begin(reply *cReply) *wire.Reply {
	return replies.Begin(bufferOf(reply))
}

// finish is deferred by every export: it recovers from a panic and tells C
// what is in the reply.
func finish(status *C.int, reply *cReply, r *wire.Reply) {
	if v := recover(); v != nil {
		*status = C.int(wire.Panicked(v, r))
	}
	if reply == nil {
		return
	}
	reply.len, reply.more = 0, 0
	if r == nil {
		return
	}
	reply.len = C.uint32_t(r.Len())
	reply.code = C.int32_t(r.Code)
	if r.More() {
		reply.more = 1
	}
}

// table views shared memory as atomic numbers. ok is false if it cannot be
// one.
func table(p *C.uint64_t, n uint64) (_ []atomic.Uint64, ok bool) {
	const size = uint64(unsafe.Sizeof(atomic.Uint64{}))
	if p == nil || n == 0 || n > maxTable || uintptr(unsafe.Pointer(p))%uintptr(size) != 0 {
		return nil, false
	}
	return unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(p)), int(n)), true
}

// settingsOf converts settings.
func settingsOf(s *cSettings) (_ *module.Settings, ok bool) {
	if s == nil {
		return nil, false
	}
	versions, ok1 := table(s.versions, uint64(s.n_versions))
	counters, ok2 := table(s.counters, C.IMC_COUNTERS)
	c := converter{}
	start := c.bytes(s.cmd_start_char)
	out := &module.Settings{
		Version:       c.text(s.version),
		Roles:         module.Role(s.roles),
		Mode:          storage.Mode(s.db_mode),
		CreateOnJoin:  s.create_on_join != 0,
		MaxHops:       int(s.max_hops),
		CheckOnCreate: s.check_on_create != 0,
		FanoutInline:  int(s.fanout_inline),
		QueueSize:     int(s.queue_size),
		QueueBytes:    int(s.queue_bytes),
		CacheTTL:      time.Duration(s.db_cache_ttl_ms) * time.Millisecond,
		Timeout:       time.Duration(s.timeout_ms) * time.Millisecond,
		URL:           c.text(s.db_url),
		RoomsTable:    c.text(s.rooms_table),
		MembersTable:  c.text(s.members_table),
		Versions:      versions,
		Counters:      counters,
		WorkerFD:      int(s.worker_fd),
	}
	if !ok1 || !ok2 || c.bad || len(start) != 1 || s.n_host_fds > math.MaxInt16 ||
		(s.n_host_fds > 0 && s.host_fds == nil) {
		return nil, false
	}
	out.CommandStart = start[0]
	for _, fd := range unsafe.Slice(s.host_fds, int(s.n_host_fds)) {
		out.HostFDs = append(out.HostFDs, int(fd))
	}
	return out, true
}

// requestOf converts a request.
func requestOf(r *cRequest) (_ wire.Request, ok bool) {
	if r == nil {
		return wire.Request{}, false
	}
	c := converter{}
	out := wire.Request{
		From:        c.text(r.from),
		RequestURI:  c.text(r.request_uri),
		CallID:      c.text(r.call_id),
		ContentType: c.text(r.content_type),
		Headers:     c.text(r.headers),
		Socket:      c.text(r.socket),
		Body:        c.bytes(r.body),
	}
	return out, !c.bad
}

// eventOf converts an event.
func eventOf(e *cEvent) (_ wire.Event, ok bool) {
	if e == nil || e.first > math.MaxInt32 {
		return wire.Event{}, false
	}
	c := converter{}
	out := wire.Event{
		Kind:    wire.EventKind(e.kind),
		Code:    int(e.code),
		First:   int(e.first),
		Message: c.bytes(e.message),
		Room:    c.text(e.room),
		User:    c.text(e.user),
		Inviter: c.text(e.inviter),
		CallID:  c.text(e.call_id),
		Socket:  c.text(e.socket),
	}
	return out, !c.bad
}
