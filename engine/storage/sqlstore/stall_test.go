package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/tests/await"
	"kamailio-imc/tests/testdb"
)

// bridge forwards connections to a server and can stop doing so without
// closing them, as a network that is cut does.
type bridge struct {
	net.Listener
	stalled atomic.Bool
	to      atomic.Int64 // port that new connections go to
	mu      sync.Mutex
	spans   []*span
}

// span is one connection over a bridge.
type span struct {
	in, out net.Conn
	lost    atomic.Bool // forwards nothing any more, and is not closed
}

func newBridge(t *testing.T, to int) *bridge {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &bridge{Listener: l}
	b.to.Store(int64(to))
	t.Cleanup(func() {
		_ = l.Close()
		b.cut()
	})
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.to.Load()))
			if err != nil {
				_ = in.Close()
				continue
			}
			s := &span{in: in, out: out}
			b.mu.Lock()
			b.spans = append(b.spans, s)
			b.mu.Unlock()
			go b.forward(s, in, out)
			go b.forward(s, out, in)
		}
	}()
	return b
}

func (b *bridge) forward(s *span, to, from net.Conn) {
	defer func() { _ = to.Close() }()
	buf := make([]byte, 32*1024)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		for b.stalled.Load() {
			time.Sleep(5 * time.Millisecond)
		}
		if s.lost.Load() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil && !errors.Is(err, io.EOF) {
			return
		}
	}
}

// cut closes all connections.
func (b *bridge) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.spans {
		_, _ = s.in.Close(), s.out.Close()
	}
	b.spans = nil
}

// lose forgets all connections and tells nobody. New ones work.
func (b *bridge) lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.spans {
		s.lost.Store(true)
	}
}

// openBridged opens a store on an empty database behind a bridge.
func openBridged(t *testing.T, kind, name string) (*Store, *bridge) {
	t.Helper()
	url, port := "mysql", mariaDB.Port
	if kind == "PostgreSQL" {
		url, port = "postgres", postgreSQL.Port
		require.NoError(t, postgreSQL.CreateDatabase(name, testFiles(kind)...))
	} else {
		require.NoError(t, mariaDB.CreateDatabase(name, "", testFiles(kind)...))
	}
	b := newBridge(t, port)
	url = fmt.Sprintf("%s://%s:%s@%s/%s", url, testdb.User, testdb.Password, b.Addr(), name)
	s, _, err := Open(within(t, 20*time.Second), Config{URL: url, Mode: storage.ModeDatabase})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, b
}

// A server that is there and does not answer is waited for no longer than the
// context says, and the store goes on when it answers again.
func TestStalledServer(t *testing.T) {
	for _, kind := range []string{"MariaDB", "PostgreSQL"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, b := openBridged(t, kind, "stall")
			address := addr("r@h.com")
			require.NoError(t, s.Commit(within(t, 20*time.Second), &room.Change{Room: address, Create: true}))

			b.stalled.Store(true)
			var wg sync.WaitGroup
			for i := range 2 * maxConns { // more than there are connections
				wg.Go(func() {
					const allowed = 400 * time.Millisecond
					start := time.Now()
					ctx := within(t, allowed)
					var err error
					switch i % 4 {
					case 0:
						_, err = s.Fetch(ctx, []sip.Key{address.Key()})
					case 1:
						err = s.Update(ctx, address.Key(), func(*room.Record) *room.Change { return nil })
					case 2:
						err = s.Commit(ctx, &room.Change{Room: address, Put: []room.Member{member(fmt.Sprintf("u%d@h", i), 0)}})
					case 3:
						_, err = s.List(ctx)
					}
					assert.Error(t, err)
					assert.Less(t, time.Since(start), allowed+cancelTime+5*time.Second)
				})
			}
			wg.Wait()
			b.stalled.Store(false)
			await.Until(t, 20*time.Second, func() error {
				_, err := s.Fetch(within(t, time.Second), []sip.Key{address.Key()})
				return err
			})

			// Connections that were cut while idle are replaced without a word.
			b.cut()
			require.NoError(t, s.Update(within(t, 20*time.Second), address.Key(), func(*room.Record) *room.Change { return nil }))
			b.cut()
			_, err := s.Fetch(within(t, 20*time.Second), []sip.Key{address.Key()})
			require.NoError(t, err)
		})
	}
}

// Connections that a network has forgotten are waited for once: the next use
// of the store makes a new one, however many idle ones there are.
func TestForgottenConnections(t *testing.T) {
	for _, kind := range []string{"MariaDB", "PostgreSQL"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, b := openBridged(t, kind, "forgotten")
			address := addr("r@h.com")
			require.NoError(t, s.Commit(within(t, 20*time.Second), &room.Change{Room: address, Create: true}))
			read := func(ctx context.Context) error {
				_, err := s.Fetch(ctx, []sip.Key{address.Key()})
				return err
			}
			for what, use := range map[string]func(context.Context) error{
				"read": read,
				"change": func(ctx context.Context) error {
					return s.Update(ctx, address.Key(), func(*room.Record) *room.Change { return nil })
				},
				"probe": s.Probe,
			} {
				var conns []*sql.Conn
				for range maxIdleConns {
					conn, err := s.db.Conn(within(t, 20*time.Second))
					require.NoError(t, err)
					conns = append(conns, conn)
				}
				for _, conn := range conns {
					require.NoError(t, conn.Close())
				}
				require.Equal(t, maxIdleConns, s.db.Stats().Idle)
				b.lose()
				const allowed = 500 * time.Millisecond
				start := time.Now()
				require.ErrorIs(t, use(within(t, allowed)), storage.ErrTimeout, what)
				assert.Less(t, time.Since(start), allowed+cancelTime+2*time.Second, what)
				require.NoError(t, read(within(t, 2*time.Second)), "after a %s", what)
			}
		})
	}
}
