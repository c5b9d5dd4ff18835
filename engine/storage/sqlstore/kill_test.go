package sqlstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// killable is a server that can crash and come back.
type killable interface {
	Kill() error
	Start() error
}

// Servers are killed under load and started again: every change that was
// confirmed is there, none is there that was refused for certain, and the
// store goes on by itself.
func TestServerKilled(t *testing.T) {
	for _, test := range []struct {
		name  string
		start func(t *testing.T) (killable, string)
	}{
		{"MariaDB", func(t *testing.T) (killable, string) {
			m := testdb.StartMariaDB(t)
			require.NoError(t, m.CreateDatabase("imc", "", testFiles("MariaDB")...))
			return m, m.URL("imc")
		}},
		{"PostgreSQL", func(t *testing.T) (killable, string) {
			p := testdb.StartPostgreSQL(t)
			require.NoError(t, p.CreateDatabase("imc", testFiles("PostgreSQL")...))
			return p, p.URL("imc")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server, url := test.start(t)
			for _, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
				stormAndKill(t, server, url, mode)
			}
		})
	}
}

// stormAndKill kills the server while rooms are created, joined, left and
// destroyed.
func stormAndKill(t *testing.T, server killable, url string, mode storage.Mode) {
	const workers, kills = 4, 2
	s, _, err := Open(within(t, 10*time.Second), Config{URL: url, Mode: mode})
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	var stop atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop.Store(true)

	type state int
	const (
		absent state = iota
		present
		doubtful
	)
	var confirmed, refused, doubts atomic.Int64
	var last atomic.Value                       // text of an error
	facts := make([]map[sip.Key]state, workers) // rooms of each worker: user 1 is in it
	for w := range workers {
		facts[w] = map[sip.Key]state{}
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				address := addr(fmt.Sprintf("m%dw%di%d@h.com", mode, w, i))
				change := &room.Change{Room: address, Create: true, Put: []room.Member{
					member("0@u.com", room.RoleOwner), member("1@u.com", room.RoleMember),
				}}
				// Some rooms are made and taken away again, some in two steps.
				changes := []*room.Change{change}
				want := []state{present}
				switch i % 3 {
				case 1:
					changes = append(changes, &room.Change{Room: address, Destroy: true})
					want = append(want, absent)
				case 2:
					change.Put = change.Put[:1]
					changes = append(changes, &room.Change{Room: address, Put: []room.Member{member("1@u.com", room.RoleAdmin)}})
					want = []state{absent, present}
				}
				for n, c := range changes {
					err := writeOnce(s, mode, c)
					switch {
					case err == nil:
						facts[w][address.Key()] = want[n]
						confirmed.Add(1)
					case errors.Is(err, storage.ErrDoubtful):
						facts[w][address.Key()] = doubtful
						doubts.Add(1)
					case errors.Is(err, storage.ErrUnavailable), errors.Is(err, storage.ErrTimeout), errors.Is(err, storage.ErrLocked):
						refused.Add(1)
					default:
						t.Errorf("%s: %v", address.URI(), err)
					}
					if err != nil {
						last.Store(err.Error())
						time.Sleep(5 * time.Millisecond)
						break // facts say what was true before
					}
				}
			}
		})
	}
	// reached is a check for await: a counter has come so far.
	reached := func(counter func() int64, enough int64) func() error {
		return func() error {
			if counter() >= enough {
				return nil
			}
			return fmt.Errorf("%d of %d; mode %d: %d confirmed, %d refused, %d doubtful; the last error: %v",
				counter(), enough, mode, confirmed.Load(), refused.Load(), doubts.Load(), last.Load())
		}
	}
	failed := func() int64 { return refused.Load() + doubts.Load() }
	for range kills {
		await.Until(t, 60*time.Second, reached(confirmed.Load, confirmed.Load()+25))
		before := failed()
		require.NoError(t, server.Kill())
		await.Until(t, 20*time.Second, reached(failed, before+1))
		require.NoError(t, server.Start())
	}
	await.Until(t, 60*time.Second, reached(confirmed.Load, confirmed.Load()+10)) // it recovers by itself
	stop.Store(true)
	wg.Wait()

	l := load(t, s)
	for w := range facts {
		for k, want := range facts[w] {
			in := false
			if r := l.rooms[k]; r != nil {
				in = len(r.Members) == 2
			}
			if want != doubtful {
				assert.Equal(t, want == present, in, "%s in mode %d", k, mode)
			}
		}
	}
	t.Logf("mode %d: %d confirmed, %d refused, %d doubtful", mode, confirmed.Load(), refused.Load(), doubts.Load())
}

// writeOnce gives a write the time that the engine gives it. With much less a
// busy machine never gets through: what is cut short loses its connection, and
// the next write has to connect first.
func writeOnce(s *Store, mode storage.Mode, c *room.Change) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if mode == storage.ModeDurable {
		return s.Commit(ctx, c)
	}
	return s.Update(ctx, c.Room.Key(), func(*room.Record) *room.Change { return c })
}

// writerEnv makes the test binary a process that writes to a SQLite file until
// it is killed.
const writerEnv = "IMC_SQLSTORE_WRITER"

func writeUntilKilled(path string) error {
	ctx := context.Background()
	s, _, err := Open(ctx, Config{URL: "sqlite://" + path, Mode: storage.ModeDurable})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		address := addr(fmt.Sprintf("p%di%d@h.com", os.Getpid(), i))
		err := s.Commit(ctx, &room.Change{Room: address, Create: true, Put: []room.Member{member("o@u.com", room.RoleOwner)}})
		if err != nil {
			return err
		}
		fmt.Println(address.Key())
	}
}

// A process that writes to a SQLite file is killed: what it was told to be
// committed is there.
func TestSQLiteKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "imc.db")
	var confirmed []string
	for round := range 4 {
		// Two at once, as several Kamailios on one machine.
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 2 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), writerEnv+"="+path)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			wg.Go(func() {
				lines := bufio.NewScanner(out)
				for n := 0; lines.Scan(); n++ {
					mu.Lock()
					confirmed = append(confirmed, lines.Text())
					mu.Unlock()
					if n == 10+7*round {
						assert.NoError(t, cmd.Process.Kill())
					}
				}
				assert.Error(t, cmd.Wait())
			})
		}
		wg.Wait()
		s, _, err := Open(within(t, 10*time.Second), Config{URL: "sqlite://" + path, Mode: storage.ModeDurable})
		require.NoError(t, err)
		l := load(t, s)
		for _, k := range confirmed {
			assert.False(t, strings.HasPrefix(k, "error"), k)
			if r := l.rooms[sip.Key(k)]; assert.NotNil(t, r, k) {
				assert.Len(t, r.Members, 1)
			}
		}
		require.NoError(t, s.Close())
	}
	assert.Greater(t, len(confirmed), 8*10)
}
