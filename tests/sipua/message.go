// Package sipua has the user agents of the tests.
//
// A Farm is any number of users behind one UDP socket: requests are written
// byte by byte as a test wants them, and what arrives is kept as it was on the
// wire. Kamailio sends every MESSAGE to the Farm when the module's
// outbound_proxy names it; the Request-URI tells whose it is. Since all goes
// through one socket on loopback, the order of arrival is the order in which
// one process of Kamailio sent.
//
// An Agent is one user with its own socket, UDP or TCP, built on sipgo, that
// registers and is found through Kamailio's registrar.
package sipua

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// strict is sipgo's parser, for messages longer than UDP can carry, too.
var strict = func() *sip.Parser {
	p := sip.NewParser()
	p.MaxMessageLength = 1 << 20
	return p
}()

// Header is one header as it was on the wire.
type Header struct {
	Name, Value string
}

// Message is a SIP message as it was on the wire: a request (Method,
// RequestURI) or a response (Code, Reason).
type Message struct {
	Line    string // the first line
	Method  string // "" for a response
	URI     string // Request-URI
	Code    int
	Reason  string
	Headers []Header
	Body    []byte
	// Copies counts how often it arrived: 1, or more with retransmissions.
	Copies int
	// Seq numbers what a Farm received, in order of arrival.
	Seq int
}

// ParseMessage reads one message of a datagram. With requests it is stricter
// than a user agent has to be, since it judges what Kamailio sends:
// Content-Length has to fit the body exactly, no line is folded, and sipgo has
// to read them as well. Responses repeat headers that a test may have written
// wrong on purpose.
func ParseMessage(data []byte) (*Message, error) {
	m, err := parseMessage(data)
	if err == nil && m.Method != "" {
		err = check(data)
	}
	return m, err
}

// check has sipgo read a request.
func check(data []byte) error {
	if _, err := strict.ParseSIP(data); err != nil {
		return fmt.Errorf("sipgo: %w", err)
	}
	return nil
}

// parseMessage is ParseMessage without sipgo.
func parseMessage(data []byte) (*Message, error) {
	head, body, ok := bytes.Cut(data, []byte("\r\n\r\n"))
	if !ok {
		return nil, errors.New("no empty line after the headers")
	}
	lines := strings.Split(string(head), "\r\n")
	m := &Message{Line: lines[0], Body: bytes.Clone(body), Copies: 1}
	parts := strings.SplitN(m.Line, " ", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("first line %q", m.Line)
	}
	if parts[0] == "SIP/2.0" {
		code, err := strconv.Atoi(parts[1])
		if err != nil {
			return nil, fmt.Errorf("first line %q", m.Line)
		}
		m.Code, m.Reason = code, parts[2]
	} else {
		m.Method, m.URI = parts[0], parts[1]
	}
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ":")
		proper := ok && !strings.ContainsAny(name, " \t\r\n") && !strings.ContainsAny(value, "\r\n\x00")
		if !proper && m.Method != "" {
			return nil, fmt.Errorf("header %q", l)
		}
		m.Headers = append(m.Headers, Header{name, strings.TrimSpace(value)})
	}
	if m.Method == "" {
		return m, nil
	}
	length, err := strconv.Atoi(m.Get("Content-Length"))
	if err != nil || length != len(body) {
		return nil, fmt.Errorf("the body has %d bytes, Content-Length is %q", len(body), m.Get("Content-Length"))
	}
	return m, nil
}

// Get gives the value of the first header with this name, "" if there is none.
func (m *Message) Get(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// All gives the values of all headers with this name.
func (m *Message) All(name string) []string {
	var out []string
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			out = append(out, h.Value)
		}
	}
	return out
}

// branch of the top Via, which names the transaction.
func (m *Message) branch() string {
	_, rest, ok := strings.Cut(m.Get("Via"), "branch=")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(rest, ";, \t"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// identity tells a new request from a retransmission.
func (m *Message) identity() string {
	return m.Get("Call-ID") + "\x00" + m.Get("CSeq")
}

// String is for messages of failed tests.
func (m *Message) String() string {
	if m == nil {
		return "<nothing>"
	}
	return fmt.Sprintf("%s | From %s | %s | %q", m.Line, m.Get("From"), m.Get("Content-Type"), m.Body)
}

// reply builds a response to a request that was received.
func (m *Message) reply(code int, toTag string) []byte {
	reason := "OK"
	if code >= 300 {
		reason = "Refused"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", code, reason)
	for _, h := range m.Headers {
		switch strings.ToLower(h.Name) {
		case "via", "from", "call-id", "cseq":
			fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		case "to":
			fmt.Fprintf(&b, "%s: %s;tag=%s\r\n", h.Name, h.Value, toTag)
		}
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.Bytes()
}
