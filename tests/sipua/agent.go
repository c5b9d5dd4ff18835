package sipua

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// agentInbox is how many MESSAGEs an Agent holds that nobody has read.
const agentInbox = 1024

// Agent is one user with a socket of its own, built on sipgo.
type Agent struct {
	URI sip.Uri // sip:user@host, without a port

	transport string // "udp", "tcp", "tls", "ws" or "wss"
	server    string
	trust     *tls.Config
	local     string // udp: host:port of its socket
	client    *sipgo.Client
	inbox     chan *sip.Request
}

// NewAgent opens a user of the server's host over "udp", "tcp" or "ws". It ends
// with the test.
func NewAgent(tb testing.TB, transport, name, server string) *Agent {
	tb.Helper()
	return NewSecureAgent(tb, transport, name, server, nil)
}

// NewSecureAgent is NewAgent for "tls" and "wss" as well, with those whom the
// user trusts.
func NewSecureAgent(tb testing.TB, transport, name, server string, trust *tls.Config) *Agent {
	tb.Helper()
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		tb.Fatalf("agent %s: %v", name, err)
	}
	a := &Agent{
		URI:       sip.Uri{Scheme: "sip", User: name, Host: host},
		transport: transport,
		server:    server,
		trust:     trust,
		inbox:     make(chan *sip.Request, agentInbox),
	}
	if strings.Contains(host, ":") {
		a.URI.Host = "[" + host + "]"
	}
	if err := a.open(tb, host); err != nil {
		tb.Fatalf("agent %s: %v", name, err)
	}
	return a
}

func (a *Agent) open(tb testing.TB, host string) error {
	tb.Helper()
	ua, err := sipgo.NewUA(sipgo.WithUserAgent(a.URI.User), sipgo.WithUserAgentHostname(host),
		sipgo.WithUserAgenTLSConfig(a.trust))
	if err != nil {
		return err
	}
	tb.Cleanup(func() { _ = ua.Close() })
	srv, err := sipgo.NewServer(ua)
	if err != nil {
		return err
	}
	srv.OnMessage(func(req *sip.Request, tx sip.ServerTransaction) {
		a.inbox <- req
		_ = tx.Respond(sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil))
	})
	var options []sipgo.ClientOption
	if a.transport == "udp" {
		conn, err := (&net.ListenConfig{}).ListenPacket(tb.Context(), "udp", net.JoinHostPort(host, "0"))
		if err != nil {
			return err
		}
		tb.Cleanup(func() { _ = conn.Close() })
		a.local = conn.LocalAddr().String()
		go func() { _ = srv.ServeUDP(conn) }()
		// a request before sipgo knows this socket would open another one
		deadline := time.Now().Add(5 * time.Second)
		for {
			if _, err := ua.TransportLayer().GetConnection("udp", a.local); err == nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("sipgo does not serve %s", a.local)
			}
			time.Sleep(time.Millisecond)
		}
		options = append(options, sipgo.WithClientAddr(a.local), sipgo.WithClientConnectionAddr(a.local))
	}
	a.client, err = sipgo.NewClient(ua, options...)
	return err
}

// Register tells the registrar where this user is: its socket, or its
// connection, over which Kamailio is to send as well.
func (a *Agent) Register(ctx context.Context) error {
	req := a.request(sip.REGISTER, sip.Uri{Scheme: "sip", Host: a.URI.Host}, a.URI)
	contact := a.URI
	if a.local != "" {
		addr, err := net.ResolveUDPAddr("udp", a.local)
		if err != nil {
			return err
		}
		contact.Port = addr.Port
	} else {
		contact.UriParams = sip.NewParams()
		// a URI tells a WebSocket from one over TLS by its scheme only
		contact.UriParams.Add("transport", strings.Replace(a.transport, "wss", "ws", 1))
	}
	req.AppendHeader(&sip.ContactHeader{Address: contact})
	req.AppendHeader(sip.NewHeader("Expires", "300"))
	res, err := a.client.Do(ctx, req)
	if err != nil {
		return err
	}
	if res.StatusCode != sip.StatusOK {
		return fmt.Errorf("REGISTER of %s: %d %s", a.URI.User, res.StatusCode, res.Reason)
	}
	return nil
}

// Send sends a text to a user or room of the same host and gives the final
// response.
func (a *Agent) Send(ctx context.Context, to, text string) (*sip.Response, error) {
	target := sip.Uri{Scheme: "sip", User: to, Host: a.URI.Host}
	req := a.request(sip.MESSAGE, target, target)
	req.AppendHeader(sip.NewHeader("Content-Type", "text/plain"))
	req.SetBody([]byte(text))
	return a.client.Do(ctx, req)
}

// Next gives the next MESSAGE that arrived.
func (a *Agent) Next(ctx context.Context) (*sip.Request, error) {
	select {
	case req := <-a.inbox:
		return req, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s received no MESSAGE: %w", a.URI.User, ctx.Err())
	}
}

// Unread is how many MESSAGEs arrived that Next has not given yet.
func (a *Agent) Unread() int { return len(a.inbox) }

func (a *Agent) request(method sip.RequestMethod, recipient, to sip.Uri) *sip.Request {
	req := sip.NewRequest(method, recipient)
	req.SetDestination(a.server)
	req.SetTransport(strings.ToUpper(a.transport))
	from := &sip.FromHeader{Address: a.URI, Params: sip.NewParams()}
	from.Params.Add("tag", sip.GenerateTagN(8))
	req.AppendHeader(from)
	req.AppendHeader(&sip.ToHeader{Address: to, Params: sip.NewParams()})
	return req
}
