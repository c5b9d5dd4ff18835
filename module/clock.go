package module

import (
	"syscall"
	"time"
	"unsafe"
)

const clockMonotonic = 1

// monotonic returns the machine's monotonic clock in nanoseconds: the same
// for all processes, as Go's own monotonic readings are not.
func monotonic() uint64 {
	var ts syscall.Timespec
	//nolint:gosec // the kernel fills ts during the call
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0
	}
	return uint64(ts.Nano())
}

// until returns the time left before the deadline, negative once it passed.
func until(deadline uint64) time.Duration {
	return time.Duration(int64(deadline - monotonic()))
}
