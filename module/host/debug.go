//go:build !imcdebug

package host

import "kamailio-imc/engine"

// debugServe does nothing outside test builds.
func debugServe(*engine.Request) {}

// debugNext does nothing outside test builds.
func debugNext() {}
