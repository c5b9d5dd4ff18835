//go:build !imcdebug

package worker

import (
	"kamailio-imc/engine/sip"
)

// debugHandle does nothing outside test builds (tag imcdebug).
func debugHandle(*sip.Request) {}
