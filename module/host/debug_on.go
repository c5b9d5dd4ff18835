//go:build imcdebug

package host

import (
	"sync/atomic"

	"kamailio-imc/engine/sip"
)

// debugEnd makes the next look for work on the host's main thread fail.
var debugEnd atomic.Bool

// debugServe takes the command "#end!", after which the host cannot go on.
func debugServe(r *sip.Request) {
	if string(r.Body) == "#end!" {
		debugEnd.Store(true)
	}
}

// debugNext panics after "#end!".
func debugNext() {
	if debugEnd.Load() {
		panic("end asked for by a MESSAGE")
	}
}
