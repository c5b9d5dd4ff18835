package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
	"kamailio-imc/tests/await"
	"kamailio-imc/tests/testdb"
)

// life is a conference on a store, and its log.
type life struct {
	*engine.Conference
	t     *testing.T
	mu    sync.Mutex
	notes []log.Note
}

func (l *life) add(n log.Note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, n)
}

// lines returns what was logged at a level.
func (l *life) lines(level log.Level) (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.notes {
		if n.Level == level {
			lines = append(lines, n.Text)
		}
	}
	return lines
}

// log returns all that was logged.
func (l *life) log() []log.Note {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.notes)
}

// awaitLine waits until so many lines were logged at a level.
func (l *life) awaitLine(level log.Level, n int) {
	l.t.Helper()
	require.Eventually(l.t, func() bool { return len(l.lines(level)) >= n }, 20*time.Second, 5*time.Millisecond)
}

// begin opens a store and makes a conference of it.
func begin(t *testing.T, url string, mode storage.Mode) (*life, *Store) {
	t.Helper()
	s, _, err := Open(within(t, 20*time.Second), Config{URL: url, Mode: mode})
	require.NoError(t, err)
	l := &life{t: t}
	l.Conference = engine.New(engine.Settings{CommandStart: '#', CreateOnJoin: true, Mode: mode, Note: l.add}, s)
	require.NoError(t, l.Load(within(t, 30*time.Second), func(int, int) {}, l.add))
	t.Cleanup(func() {
		l.Close()
		assert.NoError(t, s.Close())
	})
	return l, s
}

// ask sends what a user writes and returns the code and the first answer. It
// takes as long as a worker waits.
func (l *life) ask(user, room, body string) (code int, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	o := l.Handle(ctx, &sip.Request{
		From: "sip:" + user + "@u.com", RequestURI: "sip:" + room + "@h.com", CallID: "1", ContentType: "text/plain", Body: []byte(body),
	})
	if len(o.Messages) > 0 {
		text = string(o.Messages[0].Body)
	}
	return o.Code, text
}

func (l *life) must(user, room, body string) {
	l.t.Helper()
	code, text := l.ask(user, room, body)
	require.Equal(l.t, 1, code, "%s: %s: %s; log: %v", user, body, text, l.log())
}

// members are the members of a room here, and those in the database.
func (l *life) members(room string, db *sql.DB) (here, there []string) {
	l.t.Helper()
	v, err := l.View(context.Background(), sip.Key(room+"@h.com"))
	require.NoError(l.t, err)
	if v != nil {
		here = append(here, v.All...)
	}
	rows, err := db.Query("SELECT username, domain FROM imc_members WHERE room = 'sip:" + room + "@h.com' ORDER BY id")
	require.NoError(l.t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var user, host string
		require.NoError(l.t, rows.Scan(&user, &host))
		there = append(there, "sip:"+user+"@"+host)
	}
	require.NoError(l.t, rows.Err())
	return here, there
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// TestLockedRoomStaysAlone: somebody holds the rows of one room. Whatever waits
// for them, no other room notices, and nothing is called an outage.
func TestLockedRoomStaysAlone(t *testing.T) {
	for _, kind := range []string{"MariaDB", "PostgreSQL"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			tr := trouble(t, kind)
			for _, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
				l, _ := begin(t, tr.url, mode)
				busy, idle := fmt.Sprintf("busy%d", mode), fmt.Sprintf("idle%d", mode)
				l.must("alice", busy, "#create")
				l.must("alice", idle, "#create")
				other := tr.session(t, "BEGIN", "SELECT * FROM imc_rooms WHERE name = '"+busy+"' FOR UPDATE",
					"SELECT * FROM imc_members WHERE room = 'sip:"+busy+"@h.com' FOR UPDATE")
				var wg sync.WaitGroup
				if mode == storage.ModeDurable {
					wg.Go(func() { // its row is locked
						code, text := l.ask("alice", busy, "#destroy")
						assert.Equal(t, -110, code)
						assert.Contains(t, text, "The room is busy", "log: %v", l.log())
					})
					// It has its turn, and all of its time for the lock.
					await.Until(t, 20*time.Second, await.True(func() bool { return tr.waiting(t) > 0 }, "nobody waits for the lock"))
				}
				for i := range 32 {
					wg.Go(func() {
						code, text := l.ask(fmt.Sprintf("u%d", i), busy, "#join")
						if mode == storage.ModeDatabase {
							assert.Equal(t, -40, code)
							assert.True(t, strings.Contains(text, "The room is busy") || strings.Contains(text, "does not answer"), text)
						}
					})
				}
				var slowest time.Duration
				for i := range 40 {
					began := time.Now()
					l.must(fmt.Sprintf("v%d", i), idle, "#join")
					l.must("alice", idle, "hello")
					slowest = max(slowest, time.Since(began))
					time.Sleep(50 * time.Millisecond) // over as long as the others wait
				}
				wg.Wait()
				t.Logf("mode %d: slowest of the idle room %v", mode, slowest)
				assert.Less(t, slowest, 1500*time.Millisecond)
				assert.Empty(t, l.lines(log.Error))
				_, err := other.ExecContext(t.Context(), "ROLLBACK")
				require.NoError(t, err)
				l.must("zoe", busy, "#join")
				l.must("alice", busy, "#destroy")
			}
		})
	}
}

// TestReadOnlyIsToldOnce: commands are refused while a server takes no changes,
// texts go on, and the log says so once.
func TestReadOnlyIsToldOnce(t *testing.T) {
	t.Parallel()
	tr := trouble(t, "MariaDB")
	for _, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
		l, _ := begin(t, tr.url, mode)
		room := fmt.Sprintf("r%d", mode)
		l.must("alice", room, "#create")
		l.must("bob", room, "#join")
		tr.exec(t, "SET GLOBAL read_only=1")
		for i := range 20 {
			code, text := l.ask(fmt.Sprintf("u%d", i), room, "#join")
			assert.Equal(t, -40, code)
			assert.Contains(t, text, "takes no changes")
			l.must("alice", room, "hello")
			time.Sleep(50 * time.Millisecond) // some probes long
		}
		l.awaitLine(log.Error, 1)
		tr.exec(t, "SET GLOBAL read_only=0")
		l.awaitLine(log.Notice, 1)
		l.must("carol", room, "#join")
		assert.Contains(t, l.lines(log.Notice)[0], "takes changes again")
		states := 0
		for _, line := range l.lines(log.Error) {
			if strings.HasPrefix(line, "no change can be written") {
				states++
			}
		}
		assert.Equal(t, 1, states, l.log())
		assert.LessOrEqual(t, len(l.lines(log.Error)), 2, "the state, and one command at most")
		assert.Len(t, l.lines(log.Notice), 1)
	}
}

// TestFailOver: the primary becomes read-only, its name is given to another
// server, and nobody closes a connection to the old one.
func TestFailOver(t *testing.T) {
	t.Parallel()
	servers := []*testdb.MariaDB{testdb.StartMariaDB(t), testdb.StartMariaDB(t)}
	for _, m := range servers {
		require.NoError(t, m.CreateDatabase("imc", "", testFiles("MariaDB")...))
		require.NoError(t, m.Exec("imc", "CREATE USER plain@'%' IDENTIFIED BY 'x'", "GRANT SELECT, INSERT, UPDATE, DELETE ON imc.* TO plain@'%'"))
	}
	for i, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
		from, to := servers[i%2], servers[1-i%2]
		b := newBridge(t, from.Port)
		l, _ := begin(t, "mysql://plain:x@"+b.Addr().String()+"/imc", mode)
		room := fmt.Sprintf("r%d", mode)
		l.must("alice", room, "#create")
		l.must("bob", room, "#join")
		// The replica has it all, and is made the primary.
		require.NoError(t, from.Exec("imc", "SET GLOBAL read_only=1"))
		require.NoError(t, to.Exec("imc", "SET GLOBAL read_only=0",
			"INSERT INTO imc_rooms (name,domain,flag) VALUES ('"+room+"','h.com',0)",
			"INSERT INTO imc_members (username,domain,room,flag) VALUES ('alice','u.com','sip:"+room+"@h.com',1), ('bob','u.com','sip:"+room+"@h.com',0)"))
		switched := time.Now()
		b.to.Store(int64(to.Port))
		require.Eventually(t, func() bool {
			l.must("alice", room, "hello") // texts go on all the time
			code, _ := l.ask("carol", room, "#join")
			return code == 1
		}, 10*time.Second, 20*time.Millisecond)
		t.Logf("mode %d: commands work again after %v", mode, time.Since(switched))
		db := to.Open("imc")
		here, there := l.members(room, db)
		assert.ElementsMatch(t, here, there)
		assert.Contains(t, there, "sip:carol@u.com")
		require.NoError(t, db.Close())
		assert.LessOrEqual(t, len(l.lines(log.Error)), 2)
	}
}

// TestCommitInFlight: a commit is held up in the server. The command is
// refused, and then the commit goes through: memory and database agree again,
// and no command of the room is decided before they do.
func TestCommitInFlight(t *testing.T) {
	t.Parallel()
	tr := trouble(t, "MariaDB")
	for _, change := range []string{"#join", "#leave", "#create"} {
		t.Run(change, func(t *testing.T) {
			room := "r" + change[1:]
			l, _ := begin(t, tr.url, storage.ModeDurable)
			if change != "#create" {
				l.must("alice", room, "#create")
				if change == "#leave" {
					l.must("bob", room, "#join")
				}
			}
			block := tr.session(t, "BACKUP STAGE START", "BACKUP STAGE BLOCK_COMMIT")
			began := time.Now()
			code, text := l.ask("bob", room, change)
			assert.Negative(t, code)
			assert.Contains(t, text, "database does not answer")
			t.Logf("refused after %v", time.Since(began))
			l.awaitLine(log.Error, 1) // commits are tried, too
			_, err := block.ExecContext(t.Context(), "BACKUP STAGE END")
			require.NoError(t, err)
			l.awaitLine(log.Notice, 1)
			require.Eventually(t, func() bool {
				here, there := l.members(room, tr.root)
				return fmt.Sprint(sorted(here)) == fmt.Sprint(sorted(there))
			}, 10*time.Second, 10*time.Millisecond)
			time.Sleep(300 * time.Millisecond) // nothing comes after that
			here, there := l.members(room, tr.root)
			assert.Equal(t, sorted(here), sorted(there))
			if change != "#leave" {
				l.must("bob", room, change)
			} else {
				l.must("carol", room, "#join")
			}
			here, there = l.members(room, tr.root)
			assert.Equal(t, sorted(here), sorted(there))
			assert.Len(t, l.lines(log.Error), 1, l.log())
		})
	}
}

// TestStartWaitsForCommits: an engine ended while the server held up its
// commit. The next one starts with what came of it.
func TestStartWaitsForCommits(t *testing.T) {
	for _, kind := range []string{"MariaDB", "PostgreSQL"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			tr := trouble(t, kind)
			// What a killed engine leaves behind: a transaction that has its
			// COMMIT still to do.
			last := tr.session(t, "BEGIN", "INSERT INTO imc_members (username,domain,room,flag) VALUES ('late','u.com','sip:room@h.com',0)")
			go func() {
				time.Sleep(2500 * time.Millisecond)
				_, err := last.ExecContext(context.Background(), "COMMIT")
				assert.NoError(t, err)
			}()
			began := time.Now()
			l, _ := begin(t, tr.url, storage.ModeDurable)
			t.Logf("started after %v", time.Since(began))
			here, there := l.members("room", tr.root)
			assert.Contains(t, here, "sip:late@u.com")
			assert.Equal(t, sorted(here), sorted(there))
			assert.Len(t, l.lines(log.Notice), 1, "why the start waits")

			// Who never ends is waited for so long and no longer.
			endless := tr.session(t, "BEGIN", "INSERT INTO imc_members (username,domain,room,flag) VALUES ('later','u.com','sip:room@h.com',0)")
			began = time.Now()
			s, _, err := Open(within(t, 10*time.Second), Config{URL: tr.url, Mode: storage.ModeDurable})
			require.NoError(t, err)
			again := &life{t: t}
			require.NoError(t, s.Load(within(t, time.Minute), func(sip.Address, bool) {}, func(sip.Key, room.Member) {}, again.add))
			assert.InDelta(t, fenceTime.Seconds(), time.Since(began).Seconds(), 5)
			assert.Len(t, again.lines(log.Warning), 1)
			require.NoError(t, s.Close())
			_, err = endless.ExecContext(t.Context(), "ROLLBACK")
			require.NoError(t, err)
		})
	}
}
