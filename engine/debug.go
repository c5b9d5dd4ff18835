//go:build !imcdebug

package engine

import "kamailio-imc/engine/sip"

// debugRequest does nothing outside test builds (tag imcdebug).
func debugRequest(*sip.Request) {}
