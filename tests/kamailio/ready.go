package kamailio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// answerTimeout is how long one OPTIONS waits for its answer.
const answerTimeout = 200 * time.Millisecond

// awaitReady polls until everything serves: OPTIONS is answered over UDP and
// TCP, and RPC works. Kamailio forks its TCP processes last; before that a
// SIGTERM can be lost on a process that is just being made.
func (s *Server) awaitReady() error {
	timeout := s.opts.StartTimeout
	if timeout == 0 {
		timeout = startTimeout
	}
	steps := []func() error{func() error { return s.answersOptions("udp") }}
	if s.opts.ReadyRPC != "-" {
		steps = append(steps, s.answersRPC)
	}
	if !s.opts.NoTCP && !s.opts.NoFork {
		steps = append(steps, func() error { return s.answersOptions("tcp") })
	}
	deadline := time.Now().Add(timeout)
	for _, step := range steps {
		for err := step(); err != nil; err = step() {
			if s.Ended() {
				s.mu.Lock()
				defer s.mu.Unlock()
				return fmt.Errorf("ended at its start: %w", s.waitErr)
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("not ready within %v: %w", timeout, err)
			}
			time.Sleep(pollInterval)
		}
	}
	return nil
}

// answersRPC asks the question of ReadyRPC.
func (s *Server) answersRPC() error {
	method := s.opts.ReadyRPC
	switch {
	case method != "":
	case s.opts.Module == Stock:
		method = "imc.list_rooms"
	default:
		// not the list of rooms, which may be longer than a reply can be
		_, err := s.RPC("imc.list_members", "sip:ready@imc.invalid")
		if fault := new(FaultError); errors.As(err, &fault) && fault.Text == "Room not found" {
			return nil
		}
		return fmt.Errorf("imc.list_members of no room: %w", err)
	}
	_, err := s.RPC(method)
	return err
}

// answersOptions sends one OPTIONS and waits a moment for the answer.
func (s *Server) answersOptions(network string) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, network, s.Addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	id := strconv.FormatInt(time.Now().UnixNano(), 36)
	local := c.LocalAddr().String()
	_, err = fmt.Fprintf(c, "OPTIONS sip:ping@%[1]s SIP/2.0\r\nVia: SIP/2.0/%[2]s %[3]s;branch=z9hG4bK%[4]s\r\n"+
		"From: <sip:ping@%[3]s>;tag=%[4]s\r\nTo: <sip:ping@%[1]s>\r\nCall-ID: %[4]s\r\nCSeq: 1 OPTIONS\r\n"+
		"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n", s.Addr, strings.ToUpper(network), local, id)
	if err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	buf := make([]byte, 2048)
	n, err := c.Read(buf)
	if err != nil {
		return err // over UDP at once while nothing listens
	}
	if !bytes.HasPrefix(buf[:n], []byte("SIP/2.0 200")) {
		return fmt.Errorf("answer to OPTIONS: %.60q", buf[:n])
	}
	return nil
}

// freeAddr finds a port of an address that is free for UDP and for TCP, and
// claims it until the test ends.
//
// It is some time until Kamailio binds it, and Kamailio binds a UDP port also if
// another Kamailio has it (SO_REUSEADDR): the later one then gets the requests
// of both, and refuses them while it starts.
func freeAddr(tb testing.TB, host string) (string, error) {
	tb.Helper()
	var config net.ListenConfig
	ctx := context.Background()
	for range 50 {
		u, err := config.ListenPacket(ctx, "udp", net.JoinHostPort(host, "0"))
		if err != nil {
			return "", err
		}
		addr := u.LocalAddr().String()
		l, err := config.Listen(ctx, "tcp", addr)
		_ = u.Close()
		if err != nil {
			continue
		}
		_ = l.Close()
		if claim, err := claimPort(addr); err == nil {
			tb.Cleanup(func() { _ = claim.Close() })
			return addr, nil
		}
	}
	return "", errors.New("no port is free for both UDP and TCP")
}

// claimPort takes the port of an address among all test processes of this
// machine, by a socket without a file that ends with its process.
func claimPort(addr string) (io.Closer, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	var config net.ListenConfig
	return config.Listen(context.Background(), "unix", "@kamailio-imc-test-port-"+port)
}
