package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/lib/pq"
)

// cancelTime is what a server gets to obey a cancelled query before its
// connection is closed.
const cancelTime = 300 * time.Millisecond

// postgresConnector makes prepared connections and knows their sockets. The
// driver by itself asks the server to cancel a query whose context is over and
// then waits for the server, however long; and while it connects it leaves
// open the socket on which a server has refused TLS.
type postgresConnector struct {
	*pq.Connector

	mu      sync.Mutex // a leaf
	sockets map[driver.Conn]*socket
}

// socket is a network connection that knows to whom it belongs.
type socket struct {
	net.Conn
	closed func()
}

// Close closes the connection.
func (s *socket) Close() error {
	if s.closed != nil {
		s.closed()
	}
	return s.Conn.Close()
}

// attempt collects the sockets that are made for one connection.
type attempt struct {
	mu      sync.Mutex // a leaf
	over    bool
	sockets []*socket
}

type attemptKey struct{}

// dialer makes the driver's sockets known to the attempt in the context.
type dialer struct{ net.Dialer }

// DialContext makes a socket.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	if err != nil || a == nil { // the driver also connects to cancel a query
		return conn, err
	}
	s := &socket{Conn: conn}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return nil, errors.Join(context.Canceled, conn.Close())
	}
	a.sockets = append(a.sockets, s)
	return s, nil
}

// DialTimeout is not called by the driver, which has DialContext.
func (d *dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	return (&net.Dialer{Timeout: timeout}).DialContext(context.Background(), network, address)
}

func newPostgresConnector(cfg pq.Config) (*postgresConnector, error) {
	connector, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, err
	}
	connector.Dialer(&dialer{})
	return &postgresConnector{Connector: connector, sockets: map[driver.Conn]*socket{}}, nil
}

// Connect makes a connection and prepares it. It ends with the context.
func (c *postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	a := &attempt{}
	stop := context.AfterFunc(ctx, func() { a.end(0) })
	defer stop()
	conn, err := c.Connector.Connect(context.WithValue(ctx, attemptKey{}, a))
	if err != nil {
		a.end(0)
		return nil, err
	}
	//nolint:forcetypeassert // all connections of this driver are one
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, postgresSession, nil); err != nil {
		a.end(0)
		return nil, errors.Join(err, conn.Close())
	}
	a.end(1)
	a.mu.Lock()
	s := a.sockets[len(a.sockets)-1]
	a.mu.Unlock()
	s.closed = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.sockets, conn)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets[conn] = s
	return conn, nil
}

// end closes the sockets of an attempt but the last keep ones.
func (a *attempt) end(keep int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	for _, s := range a.sockets[:max(len(a.sockets)-keep, 0)] {
		_ = s.Conn.Close() // nobody uses it any more
	}
}

// guard closes the socket of a connection when a context is over and the
// server does not obey. The returned function ends the guard.
func (c *postgresConnector) guard(ctx context.Context, conn driver.Conn) (release func()) {
	c.mu.Lock()
	s := c.sockets[conn]
	c.mu.Unlock()
	if s == nil {
		return func() {}
	}
	released := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(cancelTime)
		defer timer.Stop()
		select {
		case <-released:
		case <-timer.C:
			_ = s.Conn.Close() // the driver closes it again and tells its error
		}
	})
	return func() {
		close(released)
		stop()
	}
}
