package wire

import "sync/atomic"

// Counter is a column of the counters, as in enum imc_counter.
type Counter int

// Counters of a process's row.
const (
	CounterRooms Counter = iota
	CounterMembers
	CounterTexts
	CounterCommands
	CounterRefused
	CounterSent
	CounterQueued
	CounterRetried
	CounterDropped
	CounterSendFailed
	CounterUndelivered
	CounterCompleted
	CounterTyping
	CounterReceipts
	CounterLooped
	CounterHeld

	CounterRow = 32 // numbers in a row
)

// Counters is a process's row in shared memory. Processes read each other's
// rows, so all access is atomic.
type Counters []atomic.Uint64

// Add adds n to a counter, nothing if it is negative.
func (c Counters) Add(counter Counter, n int) {
	if n > 0 {
		c[counter].Add(uint64(n))
	}
}

// Set sets a gauge, to 0 if n is negative.
func (c Counters) Set(gauge Counter, n int) {
	c[gauge].Store(uint64(max(n, 0)))
}
