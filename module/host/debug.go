//go:build !imcdebug

package host

import (
	"kamailio-imc/engine/sip"
)

// debugServe does nothing outside test builds.
func debugServe(*sip.Request) {}

// debugNext does nothing outside test builds.
func debugNext() {}
