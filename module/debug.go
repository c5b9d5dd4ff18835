//go:build !imcdebug

package module

import "kamailio-imc/engine"

// debugHandle does nothing outside test builds (tag imcdebug).
func debugHandle(*engine.Request) {}
