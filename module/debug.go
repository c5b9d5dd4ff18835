//go:build !imcdebug

package module

import "kamailio-imc/engine"

// debugHandle does nothing outside test builds (tag imcdebug).
func debugHandle(*engine.Request) {}

// debugServe does nothing outside test builds.
func debugServe(*engine.Request) {}

// debugNext does nothing outside test builds.
func debugNext() {}
