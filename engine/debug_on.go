//go:build imcdebug

package engine

import (
	"bytes"

	"kamailio-imc/engine/sip"
)

// debugRequest panics when the body says so: tests see with it that a panic
// is recovered where it has to be. Built with the tag imcdebug only.
func debugRequest(r *sip.Request) {
	if bytes.Equal(bytes.TrimSpace(r.Body), []byte("#panic!")) {
		panic("panic asked for by a MESSAGE")
	}
}
