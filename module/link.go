package module

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// socketBuffer is how much a socket end may hold: a request of the largest
// kind is written in one go, so a worker waits for its answer only.
const socketBuffer = 512 * 1024

var (
	errTimeout = errors.New("no answer in time")
	errClosed  = errors.New("the engine process has closed the connection")
)

// link is a worker's end of its socket pair: blocking, so that an exchange
// costs two system calls and no goroutine. Not safe for concurrent use.
type link struct {
	fd      int
	timeout time.Duration
	set     [2]time.Duration // SO_RCVTIMEO and SO_SNDTIMEO as they are now
	in      []byte           // received, not yet taken: in[at:]
	at      int
	out     []byte // rest of a frame that was written in part
	closed  bool
}

// newLink takes over fd, a SOCK_STREAM socket.
func newLink(fd int, timeout time.Duration) (*link, error) {
	if err := syscall.SetNonblock(fd, false); err != nil {
		return nil, fmt.Errorf("socket %d: %w", fd, err)
	}
	growBuffers(fd)
	l := &link{fd: fd, timeout: timeout, in: make([]byte, 0, 16*1024)}
	for _, option := range []int{syscall.SO_RCVTIMEO, syscall.SO_SNDTIMEO} {
		if err := l.limit(option, timeout); err != nil {
			return nil, fmt.Errorf("socket %d: %w", fd, err)
		}
	}
	return l, nil
}

// growBuffers asks for larger buffers; what the system gives is enough too,
// only slower.
func growBuffers(fd int) {
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, socketBuffer)
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, socketBuffer)
}

// limit sets how long a read or a write may block, if it is not set so yet.
func (l *link) limit(option int, d time.Duration) error {
	i := 0
	if option == syscall.SO_SNDTIMEO {
		i = 1
	}
	if l.set[i] == d {
		return nil
	}
	tv := syscall.NsecToTimeval(max(d, time.Millisecond).Nanoseconds())
	if err := syscall.SetsockoptTimeval(l.fd, syscall.SOL_SOCKET, option, &tv); err != nil {
		return err
	}
	l.set[i] = d
	return nil
}

// again decides after a read or write that did nothing: it waits again for
// what is left until deadline.
func (l *link) again(option int, err error, deadline uint64) error {
	if !errors.Is(err, syscall.EINTR) && !errors.Is(err, syscall.EAGAIN) {
		l.closed = true
		return fmt.Errorf("%w: %w", errClosed, err)
	}
	left := until(deadline)
	if left <= 0 {
		return errTimeout
	}
	return l.limit(option, left)
}

// send writes a frame. What could not be written in time is kept and goes
// first the next time, so that the stream stays whole.
func (l *link) send(frame []byte, deadline uint64) error {
	if l.closed {
		return errClosed
	}
	if err := l.limit(syscall.SO_SNDTIMEO, l.timeout); err != nil {
		return err
	}
	if len(l.out) > 0 {
		rest, err := l.write(l.out, deadline)
		l.out = append(l.out[:0], rest...)
		if err != nil {
			return err
		}
	}
	rest, err := l.write(frame, deadline)
	if len(rest) < len(frame) {
		l.out = append(l.out[:0], rest...)
	}
	return err
}

func (l *link) write(b []byte, deadline uint64) (rest []byte, err error) {
	for len(b) > 0 {
		n, err := syscall.SendmsgN(l.fd, b, nil, nil, syscall.MSG_NOSIGNAL)
		if err != nil {
			if err := l.again(syscall.SO_SNDTIMEO, err, deadline); err != nil {
				return b, err
			}
			continue
		}
		b = b[n:]
	}
	return nil, nil
}

// receive returns the next frame. The payload is valid until the next call.
func (l *link) receive(deadline uint64) (kind byte, id uint32, payload []byte, err error) {
	if l.closed {
		return 0, 0, nil, errClosed
	}
	if err := l.limit(syscall.SO_RCVTIMEO, l.timeout); err != nil {
		return 0, 0, nil, err
	}
	for {
		kind, id, payload, need, err := splitFrame(l.in[l.at:])
		if err != nil {
			l.closed = true
			return 0, 0, nil, fmt.Errorf("%w: %w", errClosed, err)
		}
		if need == 0 {
			l.at += frameHead + len(payload)
			return kind, id, payload, nil
		}
		l.in, l.at = compact(l.in, l.at, need), 0
		n, err := syscall.Read(l.fd, l.in[len(l.in):cap(l.in)])
		switch {
		case err != nil:
			if err := l.again(syscall.SO_RCVTIMEO, err, deadline); err != nil {
				return 0, 0, nil, err
			}
		case n == 0:
			l.closed = true
			return 0, 0, nil, errClosed
		default:
			l.in = l.in[:len(l.in)+n]
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
