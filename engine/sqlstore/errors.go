package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"kamailio-imc/engine"
)

// storeError is an error of the engine's storage interface. It keeps the text
// of a driver's error but not the error itself, so that nobody unwraps one
// that was not searched for the password.
type storeError struct {
	kind error
	text string
}

func (e *storeError) Error() string { return e.text }
func (e *storeError) Unwrap() error { return e.kind }

// hide takes the passwords out of a text.
func (s *Store) hide(text string) string {
	for _, secret := range s.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// plain is an error about the configuration.
func (s *Store) plain(err error) error { return errors.New(s.hide(err.Error())) }

// failure says what a driver's error means.
func (s *Store) failure(err error) failure {
	var netErr net.Error
	switch f := s.d.classify(err); {
	case f != failUnknown:
		return f
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &netErr):
		return failConnection
	}
	return failUnknown
}

// fail makes the error that a caller of the store gets of a driver's error.
func (s *Store) fail(ctx context.Context, doing string, err error) error {
	if known, ok := errors.AsType[*storeError](err); ok {
		return known
	}
	kind := engine.ErrUnavailable
	switch s.failure(err) {
	case failDuplicate, failRetry:
		kind = engine.ErrConflict
	case failSchema:
		kind = engine.ErrSchema
	case failValue:
		kind = engine.ErrValue
	}
	cause := s.hide(err.Error())
	if ctx.Err() != nil {
		cause = "no answer in time (" + cause + ")"
		kind = engine.ErrUnavailable
	}
	return &storeError{kind, fmt.Sprintf("%v: cannot %s: %s", kind, s.hide(doing), cause)}
}
