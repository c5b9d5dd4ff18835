package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// inboxSize is how many MESSAGEs a user may have that nobody has read yet.
const inboxSize = 64

// user is a SIP phone that can register, send a MESSAGE and receive some.
type user struct {
	uri    sip.Uri // sip:name@host, without a port
	server string  // host:port of registrar and next hop
	login  string  // name that the password belongs to: the user's
	secret string  // password, for a server that asks for one
	conn   net.PacketConn
	agent  *sipgo.UserAgent
	client *sipgo.Client
	inbox  chan string // bodies, in order of arrival
}

// newUser opens a phone on a free UDP port of the server's host; close ends it.
func newUser(ctx context.Context, name, server string) (*user, error) {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return nil, fmt.Errorf("server address: %w", err)
	}
	conn, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, fmt.Errorf("socket of %s: %w", name, err)
	}
	u := &user{
		uri:    sip.Uri{Scheme: "sip", User: name, Host: host},
		server: server,
		login:  name,
		conn:   conn,
		inbox:  make(chan string, inboxSize),
	}
	if u.agent, err = sipgo.NewUA(sipgo.WithUserAgent(name), sipgo.WithUserAgentHostname(host)); err != nil {
		return nil, fmt.Errorf("user agent of %s: %w", name, err)
	}
	// requests leave from the socket that receives
	local := conn.LocalAddr().String()
	u.client, err = sipgo.NewClient(u.agent, sipgo.WithClientAddr(local), sipgo.WithClientConnectionAddr(local))
	if err != nil {
		return nil, fmt.Errorf("client of %s: %w", name, err)
	}
	srv, err := sipgo.NewServer(u.agent)
	if err != nil {
		return nil, fmt.Errorf("server of %s: %w", name, err)
	}
	srv.OnMessage(u.receive)
	go func() { _ = srv.ServeUDP(conn) }() // ends with an error when conn is closed
	return u, u.awaitSocket(local)
}

// awaitSocket waits until sipgo knows the socket that ServeUDP was given: a
// request sent before would open a second one on the same port, and fail.
func (u *user) awaitSocket(local string) error {
	for range 100 {
		if _, err := u.agent.TransportLayer().GetConnection("udp", local); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("sipgo does not serve %s", local)
}

func (u *user) close() {
	_ = u.agent.Close()
	_ = u.conn.Close()
}

func (u *user) receive(req *sip.Request, tx sip.ServerTransaction) {
	u.inbox <- string(req.Body())
	_ = tx.Respond(sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)) // or it comes again
}

// register tells the registrar where this phone is (RFC 3261 section 10.2).
func (u *user) register(ctx context.Context) error {
	req := u.request(sip.REGISTER, sip.Uri{Scheme: "sip", Host: u.uri.Host}, u.uri)
	port := u.conn.LocalAddr().(*net.UDPAddr).Port //nolint:forcetypeassert // the socket is UDP
	contact := u.uri
	contact.Port = port
	req.AppendHeader(&sip.ContactHeader{Address: contact})
	req.AppendHeader(sip.NewHeader("Expires", "300"))
	code, err := u.do(ctx, req)
	if err == nil && code != sip.StatusOK {
		err = fmt.Errorf("registering %s: %d", u.uri.User, code)
	}
	return err
}

// write sends a MESSAGE (RFC 3428) to a user or a room of the same host and
// gives the code of the final response.
func (u *user) write(ctx context.Context, to, text string) (int, error) {
	target := sip.Uri{Scheme: "sip", User: to, Host: u.uri.Host}
	req := u.request(sip.MESSAGE, target, target)
	req.AppendHeader(sip.NewHeader("Content-Type", "text/plain"))
	req.SetBody([]byte(text))
	return u.do(ctx, req)
}

func (u *user) request(method sip.RequestMethod, recipient, to sip.Uri) *sip.Request {
	req := sip.NewRequest(method, recipient)
	req.SetDestination(u.server)
	from := &sip.FromHeader{Address: u.uri, Params: sip.NewParams()}
	from.Params.Add("tag", sip.GenerateTagN(8))
	req.AppendHeader(from)
	req.AppendHeader(&sip.ToHeader{Address: to, Params: sip.NewParams()})
	return req
}

func (u *user) do(ctx context.Context, req *sip.Request) (int, error) {
	res, err := u.client.Do(ctx, req)
	if err == nil && u.secret != "" && (res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired) {
		res, err = u.client.DoDigestAuth(ctx, req, res, sipgo.DigestAuth{Username: u.login, Password: u.secret})
	}
	if err != nil {
		return 0, fmt.Errorf("%s of %s: %w", req.Method, u.uri.User, err)
	}
	return res.StatusCode, nil
}

// read gives the oldest MESSAGE that was not read yet, waiting for one.
func (u *user) read(timeout time.Duration) (text string, ok bool) {
	select {
	case text = <-u.inbox:
		return text, true
	case <-time.After(timeout):
		return "", false
	}
}
