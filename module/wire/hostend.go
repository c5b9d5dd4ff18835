package wire

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// HostEnd is the host's end of a worker's socket pair. One goroutine reads and
// writes it; Close may be called by another.
type HostEnd struct {
	file *os.File
	raw  syscall.RawConn
	in   []byte // received, not yet taken: in[at:]
	at   int
}

// NewHostEnd takes over fd, a SOCK_STREAM socket.
func NewHostEnd(fd int) (*HostEnd, error) {
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
	return &HostEnd{file: file, raw: raw}, nil
}

// Close closes the socket.
func (e *HostEnd) Close() { _ = e.file.Close() }

// Receive returns the next frame. The error is io.EOF once the worker is gone
// and os.ErrClosed after Close.
func (e *HostEnd) Receive() (Frame, error) {
	for {
		f, need, err := splitFrame(e.in[e.at:])
		if err != nil {
			return Frame{}, err
		}
		if need == 0 {
			e.at += frameHead + len(f.Payload)
			return f, nil
		}
		e.in, e.at = compact(e.in, e.at, need), 0
		n, err := e.file.Read(e.in[len(e.in):cap(e.in)])
		if n > 0 {
			e.in = e.in[:len(e.in)+n]
			continue
		}
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
}

// Write sends b whole. A worker that is gone is an error, no signal.
func (e *HostEnd) Write(b []byte) error {
	var failed error
	err := e.raw.Write(func(fd uintptr) bool {
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
