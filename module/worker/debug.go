//go:build !imcdebug

package worker

import "kamailio-imc/engine"

// debugHandle does nothing outside test builds (tag imcdebug).
func debugHandle(*engine.Request) {}
