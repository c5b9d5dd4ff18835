package kamailio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// awaitReady polls until OPTIONS is answered and RPC works.
func (s *Server) awaitReady() error {
	timeout := s.opts.StartTimeout
	if timeout == 0 {
		timeout = startTimeout
	}
	deadline := time.Now().Add(timeout)
	last := errors.New("no answer to OPTIONS")
	ready := false
	for time.Now().Before(deadline) {
		if s.Ended() {
			s.mu.Lock()
			defer s.mu.Unlock()
			return fmt.Errorf("ended at its start: %w", s.waitErr)
		}
		if !ready {
			ready = s.answersOptions()
			if !ready {
				continue
			}
		}
		if s.opts.ReadyRPC == "-" {
			return nil
		}
		rpc := s.opts.ReadyRPC
		if rpc == "" {
			rpc = "imc.list_rooms"
		}
		if _, last = s.RPC(rpc); last == nil {
			return nil
		}
		time.Sleep(pollInterval)
	}
	return fmt.Errorf("not ready within %v: %w", timeout, last)
}

// answersOptions sends one OPTIONS and waits a moment for any answer.
func (s *Server) answersOptions() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "udp", s.Addr)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	id := strconv.FormatInt(time.Now().UnixNano(), 36)
	local := c.LocalAddr().String()
	_, err = fmt.Fprintf(c, "OPTIONS sip:ping@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\n"+
		"From: <sip:ping@%s>;tag=%s\r\nTo: <sip:ping@%s>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\n"+
		"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n", s.Addr, local, id, local, id, s.Addr, id)
	if err != nil {
		time.Sleep(pollInterval)
		return false
	}
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	buf := make([]byte, 2048)
	n, err := c.Read(buf)
	if err != nil {
		time.Sleep(pollInterval) // refused at once while nothing listens
		return false
	}
	return bytes.HasPrefix(buf[:n], []byte("SIP/2.0 200"))
}

// freeAddr finds a port of 127.0.0.1 that is free for UDP and for TCP.
func freeAddr() (string, error) {
	var config net.ListenConfig
	ctx := context.Background()
	for range 50 {
		u, err := config.ListenPacket(ctx, "udp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		addr := u.LocalAddr().String()
		l, err := config.Listen(ctx, "tcp", addr)
		_ = u.Close()
		if err == nil {
			_ = l.Close()
			return addr, nil
		}
	}
	return "", errors.New("no port is free for both UDP and TCP")
}
