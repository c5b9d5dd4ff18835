package module

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// conn is the host's end of a worker's socket pair. One goroutine reads and
// writes it; close may be called by another.
type conn struct {
	file *os.File
	raw  syscall.RawConn
	in   []byte // received, not yet taken: in[at:]
	at   int
}

// newConn takes over fd, a SOCK_STREAM socket.
func newConn(fd int) (*conn, error) {
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("socket %d: %w", fd, err)
	}
	growBuffers(fd)
	file := os.NewFile(uintptr(fd), "worker")
	if file == nil {
		return nil, fmt.Errorf("socket %d: %w", fd, os.ErrInvalid)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("socket %d: %w", fd, err)
	}
	return &conn{file: file, raw: raw}, nil
}

func (c *conn) close() { _ = c.file.Close() }

// read returns the next frame. The payload is valid until the next call.
func (c *conn) read() (kind byte, id uint32, payload []byte, err error) {
	for {
		kind, id, payload, need, err := splitFrame(c.in[c.at:])
		if err != nil {
			return 0, 0, nil, err
		}
		if need == 0 {
			c.at += frameHead + len(payload)
			return kind, id, payload, nil
		}
		c.in, c.at = compact(c.in, c.at, need), 0
		n, err := c.file.Read(c.in[len(c.in):cap(c.in)])
		if n > 0 {
			c.in = c.in[:len(c.in)+n]
			continue
		}
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return 0, 0, nil, err
	}
}

// write sends b whole. A worker that is gone is an error, no signal.
func (c *conn) write(b []byte) error {
	var failed error
	err := c.raw.Write(func(fd uintptr) bool {
		for len(b) > 0 {
			n, err := syscall.SendmsgN(int(fd), b, nil, nil, syscall.MSG_NOSIGNAL)
			switch {
			case errors.Is(err, syscall.EAGAIN):
				return false
			case errors.Is(err, syscall.EINTR):
			case err != nil:
				failed = err
				return true
			default:
				b = b[n:]
			}
		}
		return true
	})
	return errors.Join(err, failed)
}
