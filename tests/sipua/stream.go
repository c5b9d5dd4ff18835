package sipua

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
)

// Stream is a peer over TCP for messages of any size: it sends requests over a
// connection of its own and takes what Kamailio sends to its address.
type Stream struct {
	Received chan *Message // requests that arrived, each answered with 200

	tb       testing.TB
	listener net.Listener
	conn     net.Conn
	replies  chan *Message
}

// NewStream opens a peer. It is closed when the test ends.
func NewStream(tb testing.TB) *Stream {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("stream: %v", err)
	}
	s := &Stream{tb: tb, Received: make(chan *Message, agentInbox), listener: l, replies: make(chan *Message, 1)}
	tb.Cleanup(func() {
		_ = l.Close()
		if s.conn != nil {
			_ = s.conn.Close()
		}
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go s.read(conn)
		}
	}()
	return s
}

// Addr is the host:port where it takes connections.
func (s *Stream) Addr() string { return s.listener.Addr().String() }

// Connect opens the connection over which requests are sent.
func (s *Stream) Connect(ctx context.Context, server string) error {
	var err error
	s.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", server)
	if err == nil {
		go s.read(s.conn)
	}
	return err
}

// Send writes a request as it is and waits for its final response. One request
// at a time.
func (s *Stream) Send(ctx context.Context, data []byte) (*Message, error) {
	if _, err := s.conn.Write(data); err != nil {
		return nil, err
	}
	select {
	case m := <-s.replies:
		return m, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("no final response: %w", ctx.Err())
	}
}

// read takes messages from a connection until it ends.
func (s *Stream) read(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReaderSize(conn, 1<<16)
	for {
		data, err := readFramed(r)
		if err != nil {
			return
		}
		m, err := ParseMessage(data)
		switch {
		case err != nil:
			s.tb.Errorf("stream: received what is no proper SIP message: %v", err)
			return
		case m.Method != "":
			s.Received <- m
			_, _ = conn.Write(m.reply(200, "stream"))
		case m.Code >= 200:
			s.replies <- m
		}
	}
}

// readFramed reads one message, whose length its Content-Length tells.
func readFramed(r *bufio.Reader) ([]byte, error) {
	var head bytes.Buffer
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line == "\r\n" && head.Len() == 0 {
			continue // keep-alive
		}
		head.WriteString(line)
		if line == "\r\n" {
			break
		}
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil || length < 0 {
				return nil, errors.New("Content-Length is no length")
			}
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return append(head.Bytes(), body...), nil
}
