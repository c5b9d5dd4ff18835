package wire

import (
	"syscall"
	"time"
	"unsafe"
)

// Time is the machine's monotonic clock in nanoseconds: the same for all
// processes, as Go's own monotonic readings are not.
type Time uint64

const clockMonotonic = 1

// Now returns the time.
func Now() Time {
	var ts syscall.Timespec
	//nolint:gosec // the kernel fills ts during the call
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0
	}
	return Time(ts.Nano())
}

// Add returns the time d later.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Left returns how long it is until t, negative once it passed.
func (t Time) Left() time.Duration { return time.Duration(int64(t - Now())) }
