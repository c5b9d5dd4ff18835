package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"kamailio-imc/engine/storage"
)

// storeError is an error of the engine's storage interface. It keeps the text
// of a driver's error but not the error itself. No driver's text holds a
// password: none is ever put into what a driver parses.
type storeError struct {
	kind error
	text string
}

func (e *storeError) Error() string { return e.text }
func (e *storeError) Unwrap() error { return e.kind }

// errQueued: all connections that may write, or read, were in use.
var errQueued = &storeError{storage.ErrLocked, storage.ErrLocked.Error() + ": all connections are in use"}

// fail makes the error that a caller of the store gets of a driver's error.
// seen is what earlier attempts of the same call ended with.
func fail(ctx context.Context, doing string, err error, seen class) error {
	if known, ok := errors.AsType[*storeError](err); ok {
		return known
	}
	c := classOf(err)
	kind, cause := c.kind(), causeOf(err)
	switch {
	case ctx.Err() == nil:
	case c == classLocked, c == classConflict:
		kind, cause = storage.ErrLocked, "no answer in time ("+cause+")"
	case c == classGone && gaveUp(err):
		// The server answered an earlier attempt, or it did not in all the time.
		kind, cause = storage.ErrTimeout, "no answer in time ("+cause+")"
		if seen == classLocked || seen == classConflict {
			kind = storage.ErrLocked
		}
	}
	return &storeError{kind, fmt.Sprintf("%v: cannot %s: %s", kind, doing, cause)}
}

// causeOf is the text of a driver's error in one line. pgx gives each attempt
// to connect a line of its own: to each address, with TLS and without.
func causeOf(err error) string {
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = connect.Unwrap() // without who wanted to connect: the caller says that
	}
	lines := strings.Split(err.Error(), "\n")
	lines = slices.CompactFunc(lines, func(next, before string) bool { return strings.HasSuffix(before, next) })
	return strings.Join(lines, "; ")
}

// gaveUp reports whether an error is that of who did not wait any longer.
func gaveUp(err error) bool {
	var netErr net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, net.ErrClosed) || errors.As(err, &netErr) && netErr.Timeout()
}
