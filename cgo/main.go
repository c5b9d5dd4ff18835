// Package main is imc_engine.so, the part of the module that is written in Go.
// It exports the functions of kamailio-shim/imc_engine.h, which says what each
// of them does, who owns what and who may call when:
//
//	imc_engine_abi     the version of the boundary
//	imc_engine_start   starts the library in this process
//	imc_engine_handle  handles a MESSAGE request
//	imc_engine_query   answers a question about rooms
//	imc_engine_more    the records that did not fit into a reply
//	imc_engine_event   takes a report of what became of a MESSAGE
//	imc_engine_next    what the engine process's main thread is to do
//	imc_engine_stop    ends the engine
//
// The functions convert, recover from panics, and leave the rest to package
// module.
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../kamailio-shim
#include "imc_engine.h"
*/
import "C"

import (
	"time"

	"kamailio-imc/engine"
	"kamailio-imc/module"
	"kamailio-imc/module/wire"
)

// The library in this process. All functions are called from the main thread,
// so nothing guards it.
var (
	process *module.Process // nil until imc_engine_start succeeded
	replies wire.Replies
)

func main() {}

//export imc_engine_abi
func imc_engine_abi() C.uint32_t { return C.IMC_ENGINE_ABI }

//export imc_engine_start
func imc_engine_start(settings *C.imc_settings_t, reply *C.imc_reply_t) (status C.int) {
	r := begin(reply)
	defer finish(&status, reply, r)
	s, ok := settingsOf(settings)
	if r == nil || !ok || process != nil {
		return C.IMC_ENGINE_EINVAL
	}
	p, err := module.Start(s)
	if err != nil {
		r.LogError(err)
		return C.IMC_ENGINE_ESTART
	}
	process = p
	p.LimitRuntime()
	return C.IMC_ENGINE_OK
}

//export imc_engine_handle
func imc_engine_handle(request *C.imc_request_t, reply *C.imc_reply_t) (status C.int) {
	r := begin(reply)
	defer finish(&status, reply, r)
	if r == nil {
		return C.IMC_ENGINE_EINVAL
	}
	r.Code = engine.CodeMalformed
	if process == nil {
		return C.IMC_ENGINE_ESTART
	}
	req, ok := requestOf(request)
	if !ok {
		return C.IMC_ENGINE_EINVAL
	}
	return C.int(process.Handle(&req, r))
}

//export imc_engine_query
func imc_engine_query(what C.int32_t, room, user C.imc_slice_t, reply *C.imc_reply_t) (status C.int) {
	r := begin(reply)
	defer finish(&status, reply, r)
	if r == nil {
		return C.IMC_ENGINE_EINVAL
	}
	r.Code = engine.CodeNo
	if process == nil {
		return C.IMC_ENGINE_ESTART
	}
	c := converter{}
	roomURI, userURI := c.text(room), c.text(user)
	if c.bad {
		return C.IMC_ENGINE_EINVAL
	}
	return C.int(process.Query(wire.Query(what), roomURI, userURI, r))
}

//export imc_engine_more
func imc_engine_more(reply *C.imc_reply_t) (status C.int) {
	r := replies.Continue(bufferOf(reply))
	defer finish(&status, reply, r)
	switch {
	case r == nil:
		return C.IMC_ENGINE_EINVAL
	case process == nil:
		return C.IMC_ENGINE_ESTART
	}
	return C.int(process.More(r))
}

//export imc_engine_event
func imc_engine_event(event *C.imc_event_t, reply *C.imc_reply_t) (status C.int) {
	r := begin(reply)
	defer finish(&status, reply, r)
	if r == nil {
		return C.IMC_ENGINE_EINVAL
	}
	if process == nil {
		return C.IMC_ENGINE_ESTART
	}
	e, ok := eventOf(event)
	if !ok {
		return C.IMC_ENGINE_EINVAL
	}
	return C.int(process.Event(&e, r))
}

//export imc_engine_next
func imc_engine_next(timeoutMS C.int32_t, reply *C.imc_reply_t) (status C.int) {
	r := begin(reply)
	defer finish(&status, reply, r)
	switch {
	case r == nil:
		return C.IMC_ENGINE_EINVAL
	case process == nil:
		return C.IMC_ENGINE_ESTART
	}
	return C.int(process.Next(time.Duration(timeoutMS)*time.Millisecond, r))
}

//export imc_engine_stop
func imc_engine_stop(reply *C.imc_reply_t) (status C.int) {
	r := begin(reply)
	defer finish(&status, reply, r)
	switch {
	case r == nil:
		return C.IMC_ENGINE_EINVAL
	case process == nil:
		return C.IMC_ENGINE_ESTART
	}
	return C.int(process.Stop())
}
