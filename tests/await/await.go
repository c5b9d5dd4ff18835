// Package await waits in tests: it polls, and a wait that fails says why.
package await

import (
	"errors"
	"testing"
	"time"
)

// Step is the time between two looks.
const Step = 5 * time.Millisecond

// Until calls check until it returns nil. When limit is over the test ends,
// with the last error. check runs on the test's goroutine, once at least.
func Until(tb testing.TB, limit time.Duration, check func() error) {
	tb.Helper()
	if err := Try(limit, check); err != nil {
		tb.Fatalf("not within %v: %v", limit, err)
	}
}

// Try is Until for who wants the error: the last one of check.
func Try(limit time.Duration, check func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(Step)
	}
}

// True makes a check of a condition, for Until: while it does not hold, the
// error is what.
func True(condition func() bool, what string) func() error {
	return func() error {
		if condition() {
			return nil
		}
		return errors.New(what)
	}
}
