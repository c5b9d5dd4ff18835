//go:build imcdebug

package worker

import (
	"kamailio-imc/engine/sip"
)

// debugHandle panics when a text says so, in the process that Kamailio called:
// tests see with it that a panic does not leave the library. Built with the
// tag imcdebug only; the command "#panic!" does the same in the host.
func debugHandle(r *sip.Request) {
	if string(r.Body) == "panic!" {
		panic("panic asked for by a MESSAGE")
	}
}
