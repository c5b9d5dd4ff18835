//go:build !imcdebug

package engine

// debugRequest does nothing outside test builds (tag imcdebug).
func debugRequest(*Request) {}
