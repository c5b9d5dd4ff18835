//go:build imcdebug

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/module/wire"
)

// TestPanicOnDemand: the triggers of a debug build end in a code and a stack.
func TestPanicOnDemand(t *testing.T) {
	c := newCaller(t).start()
	for body, code := range map[string]int{"panic!": -200, "#panic!": -130} {
		status, got := c.handle(alice, room, body)
		assert.EqualValues(t, wire.StatusPanic, status)
		assert.Equal(t, code, got)
		assert.Contains(t, c.records(), "panic: panic asked for by a MESSAGE")
		assert.Contains(t, c.records(), "goroutine ")
		_, got = c.handle(alice, room, "#rooms")
		assert.Equal(t, 1, got)
	}
}
