package module

import "sync/atomic"

// Counters of a process's row, as in enum imc_counter.
const (
	CounterRooms = iota
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

// counters is this process's row in shared memory. Processes read each
// other's rows, so all access is atomic.
type counters []atomic.Uint64

func (c counters) add(counter, n int) {
	if n > 0 {
		c[counter].Add(uint64(n))
	}
}

func (c counters) set(gauge, n int) {
	c[gauge].Store(uint64(max(n, 0)))
}
