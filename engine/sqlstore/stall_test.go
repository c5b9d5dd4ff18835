package sqlstore

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/tests/await"
)

// bridge forwards connections to a server and can stop doing so without
// closing them, as a network that is cut does.
type bridge struct {
	net.Listener
	stalled atomic.Bool
	to      atomic.Int64 // port that new connections go to
	mu      sync.Mutex
	conns   []net.Conn
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
			b.mu.Lock()
			b.conns = append(b.conns, in, out)
			b.mu.Unlock()
			go b.forward(in, out)
			go b.forward(out, in)
		}
	}()
	return b
}

func (b *bridge) forward(to, from net.Conn) {
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
		if _, err := to.Write(buf[:n]); err != nil && !errors.Is(err, io.EOF) {
			return
		}
	}
}

// cut closes all connections.
func (b *bridge) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		_ = c.Close()
	}
	b.conns = nil
}

// A server that is there and does not answer is waited for no longer than the
// context says, and the store goes on when it answers again.
func TestStalledServer(t *testing.T) {
	for _, kind := range []string{"MariaDB", "PostgreSQL"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			url, port := "mysql://kamailio:kamailiorw@ADDR/stall", mariaDB.Port
			if kind == "PostgreSQL" {
				url, port = "postgres://kamailio:kamailiorw@ADDR/stall", postgreSQL.Port
				require.NoError(t, postgreSQL.CreateDatabase("stall", testFiles(kind)...))
			} else {
				require.NoError(t, mariaDB.CreateDatabase("stall", "", testFiles(kind)...))
			}
			b := newBridge(t, port)
			s, _, err := Open(within(t, 20*time.Second), Config{URL: strings.Replace(url, "ADDR", b.Addr().String(), 1), Mode: modeShared})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			room := addr("r@h.com")
			require.NoError(t, s.Commit(within(t, 20*time.Second), &engine.Change{Room: room, Create: true}))

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
						_, err = s.Fetch(ctx, []engine.Key{room.Key()})
					case 1:
						err = s.Update(ctx, room.Key(), func(*engine.RoomRecord) *engine.Change { return nil })
					case 2:
						err = s.Commit(ctx, &engine.Change{Room: room, Put: []engine.Member{member(fmt.Sprintf("u%d@h", i), 0)}})
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
				_, err := s.Fetch(within(t, time.Second), []engine.Key{room.Key()})
				return err
			})

			// Connections that were cut while idle are replaced without a word.
			b.cut()
			require.NoError(t, s.Update(within(t, 20*time.Second), room.Key(), func(*engine.RoomRecord) *engine.Change { return nil }))
			b.cut()
			_, err = s.Fetch(within(t, 20*time.Second), []engine.Key{room.Key()})
			require.NoError(t, err)
		})
	}
}
