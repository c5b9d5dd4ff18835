package wire

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// socketBuffer is how much a socket end may hold: a request of the largest
// kind is written in one go, so a worker waits for its answer only.
const socketBuffer = 512 * 1024

// What an exchange may end with.
var (
	ErrTimeout = errors.New("no answer in time")
	ErrClosed  = errors.New("the engine process has closed the connection")
)

// WorkerEnd is a worker's end of its socket pair: blocking, so that an exchange
// costs two system calls and no goroutine. Not safe for concurrent use.
type WorkerEnd struct {
	fd      int
	timeout time.Duration
	set     [2]time.Duration // SO_RCVTIMEO and SO_SNDTIMEO as they are now
	in      []byte           // received, not yet taken: in[at:]
	at      int
	out     []byte // rest of a frame that was written in part
	closed  bool
}

// NewWorkerEnd takes over fd, a SOCK_STREAM socket.
func NewWorkerEnd(fd int, timeout time.Duration) (*WorkerEnd, error) {
	if err := syscall.SetNonblock(fd, false); err != nil {
		return nil, fmt.Errorf("socket %d: %w", fd, err)
	}
	growBuffers(fd)
	e := &WorkerEnd{fd: fd, timeout: timeout, in: make([]byte, 0, 16*1024)}
	for _, option := range []int{syscall.SO_RCVTIMEO, syscall.SO_SNDTIMEO} {
		if err := e.limit(option, timeout); err != nil {
			return nil, fmt.Errorf("socket %d: %w", fd, err)
		}
	}
	return e, nil
}

// growBuffers asks for larger buffers; what the system gives is enough too,
// only slower.
func growBuffers(fd int) {
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, socketBuffer)
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, socketBuffer)
}

// limit sets how long a read or a write may block, if it is not set so yet.
func (e *WorkerEnd) limit(option int, d time.Duration) error {
	i := 0
	if option == syscall.SO_SNDTIMEO {
		i = 1
	}
	if e.set[i] == d {
		return nil
	}
	tv := syscall.NsecToTimeval(max(d, time.Millisecond).Nanoseconds())
	if err := syscall.SetsockoptTimeval(e.fd, syscall.SOL_SOCKET, option, &tv); err != nil {
		return err
	}
	e.set[i] = d
	return nil
}

// again decides after a read or write that did nothing: it waits again for
// what is left until deadline.
func (e *WorkerEnd) again(option int, err error, deadline Time) error {
	if !errors.Is(err, syscall.EINTR) && !errors.Is(err, syscall.EAGAIN) {
		e.closed = true
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	left := deadline.Left()
	if left <= 0 {
		return ErrTimeout
	}
	return e.limit(option, left)
}

// Send writes a frame. What could not be written in time is kept and goes
// first the next time, so that the stream stays whole.
func (e *WorkerEnd) Send(frame []byte, deadline Time) error {
	if e.closed {
		return ErrClosed
	}
	if err := e.limit(syscall.SO_SNDTIMEO, e.timeout); err != nil {
		return err
	}
	if len(e.out) > 0 {
		rest, err := e.write(e.out, deadline)
		e.out = append(e.out[:0], rest...)
		if err != nil {
			return err
		}
	}
	rest, err := e.write(frame, deadline)
	if len(rest) < len(frame) {
		e.out = append(e.out[:0], rest...)
	}
	return err
}

func (e *WorkerEnd) write(b []byte, deadline Time) (rest []byte, err error) {
	for len(b) > 0 {
		n, err := syscall.SendmsgN(e.fd, b, nil, nil, syscall.MSG_NOSIGNAL)
		if err != nil {
			if err := e.again(syscall.SO_SNDTIMEO, err, deadline); err != nil {
				return b, err
			}
			continue
		}
		b = b[n:]
	}
	return nil, nil
}

// Receive returns the next frame. Where the stream makes no sense, the error is
// ErrClosed too.
func (e *WorkerEnd) Receive(deadline Time) (Frame, error) {
	if e.closed {
		return Frame{}, ErrClosed
	}
	if err := e.limit(syscall.SO_RCVTIMEO, e.timeout); err != nil {
		return Frame{}, err
	}
	for {
		f, need, err := splitFrame(e.in[e.at:])
		if err != nil {
			e.closed = true
			return Frame{}, fmt.Errorf("%w: %w", ErrClosed, err)
		}
		if need == 0 {
			e.at += frameHead + len(f.Payload)
			return f, nil
		}
		e.in, e.at = compact(e.in, e.at, need), 0
		n, err := syscall.Read(e.fd, e.in[len(e.in):cap(e.in)])
		switch {
		case err != nil:
			if err := e.again(syscall.SO_RCVTIMEO, err, deadline); err != nil {
				return Frame{}, err
			}
		case n == 0:
			e.closed = true
			return Frame{}, ErrClosed
		default:
			e.in = e.in[:len(e.in)+n]
		}
	}
}

// compact returns a buffer that holds in[at:] and has room for need bytes in
// all. A large buffer is given back once it is empty.
func compact(in []byte, at, need int) []byte {
	const (
		least = 16 * 1024
		keep  = 64 * 1024
	)
	left := in[at:]
	if need > cap(in) || len(left) == 0 && cap(in) > keep && need <= keep {
		return append(make([]byte, 0, max(need, least)), left...)
	}
	if at == 0 {
		return in
	}
	return append(in[:0], left...)
}
