//go:build imcdebug

package module

import (
	"sync/atomic"

	"kamailio-imc/engine"
)

// debugEnd makes the next look for work on the host's main thread fail.
var debugEnd atomic.Bool

// debugServe takes the command "#end!", after which the host cannot go on.
func debugServe(r *engine.Request) {
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

// debugHandle panics when a text says so, in the process that Kamailio called:
// tests see with it that a panic does not leave the library. Built with the
// tag imcdebug only; the command "#panic!" does the same in the host.
func debugHandle(r *engine.Request) {
	if string(r.Body) == "panic!" {
		panic("panic asked for by a MESSAGE")
	}
}
