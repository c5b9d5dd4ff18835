package engine_test

import (
	"context"
	"fmt"
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
	"kamailio-imc/engine/storage/storagetest"
)

// hooked is a store whose reads a test may hold up or break.
type hooked struct {
	storage.Store
	mu    sync.Mutex
	fetch func(keys []sip.Key)
}

func (s *hooked) hook(f func(keys []sip.Key)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetch = f
}

func (s *hooked) Fetch(ctx context.Context, keys []sip.Key) (map[sip.Key]*room.Record, error) {
	found, err := s.Store.Fetch(ctx, keys)
	s.mu.Lock()
	f := s.fetch
	s.mu.Unlock()
	if f != nil {
		f(keys)
	}
	return found, err
}

// TestBigRoomHoldsUpNoSmallOne: while a big room is being read, as often as is
// allowed at once, texts to small rooms go on.
func TestBigRoomHoldsUpNoSmallOne(t *testing.T) {
	var rooms []*room.Record
	for i := range 5 {
		members := make([]room.Member, 0, 2000)
		for j := range cap(members) {
			members = append(members, member(fmt.Sprintf("u%d", j), room.RoleOwner))
		}
		rooms = append(rooms, record(fmt.Sprintf("big%d", i), members...))
	}
	rooms = append(rooms, record("small", member("u0", room.RoleOwner), member("u1", room.RoleMember)))
	s := &hooked{Store: storagetest.NewStore(rooms...)}
	c, _ := withStore(t, storage.ModeDatabase, s, nil)
	send(t, c, "u0", "small", "its size is known now")
	goOn := make(chan struct{})
	s.hook(func(keys []sip.Key) {
		for _, k := range keys {
			if strings.HasPrefix(string(k), "big") {
				<-goOn
			}
		}
	})
	var group sync.WaitGroup
	for i := range 10 {
		group.Go(func() {
			assert.Equal(t, engine.CodeOK, send(t, c, "u0", fmt.Sprintf("big%d", i%5), "hello").Code)
		})
	}
	for range 50 {
		assert.Equal(t, engine.CodeOK, send(t, c, "u0", "small", "hello").Code)
	}
	close(goOn)
	group.Wait()
}

// TestRefusalTouchesNothing: who waits for a query gets its result, however
// many commands are refused meanwhile.
func TestRefusalTouchesNothing(t *testing.T) {
	inner := storagetest.NewStore(record("room", member("alice", room.RoleOwner), member("bob", room.RoleMember)))
	s := &hooked{Store: inner}
	c, _ := withStore(t, storage.ModeDatabase, s, nil)
	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.hook(func([]sip.Key) {
		once.Do(func() {
			close(reached)
			<-goOn
		})
	})
	text := make(chan engine.Outcome)
	go func() { text <- send(t, c, "bob", "", "hello") }()
	<-reached
	for range 10 {
		assert.Equal(t, -90, send(t, c, "carol", "", "#leave").Code)
	}
	close(goOn)
	assert.Equal(t, engine.CodeOK, (<-text).Code)
	assert.Equal(t, 1, inner.Counts().Fetches)
}

// TestPanicInAGoroutine: a panic while rooms are read, or while the database
// is tried, is logged with its stack, and who waits gets an answer.
func TestPanicInAGoroutine(t *testing.T) {
	s := &hooked{Store: storagetest.NewStore(record("room", member("alice", room.RoleOwner), member("bob", room.RoleMember)))}
	c, l := withStore(t, storage.ModeDatabase, s, nil)
	s.hook(func([]sip.Key) { panic("a defect") })
	assert.Equal(t, engine.CodeText, send(t, c, "bob", "", "hello").Code)
	l.mu.Lock()
	var lines []string
	for _, n := range l.notes {
		assert.Equal(t, log.Error, n.Level)
		lines = append(lines, n.Text)
	}
	l.mu.Unlock()
	all := strings.Join(lines, "\n")
	assert.Contains(t, all, "panic: a defect")
	assert.Contains(t, all, "reads_test.go", "its stack")
	s.hook(nil)
	assert.Equal(t, engine.CodeOK, send(t, c, "bob", "", "hello").Code)
}

// TestRoomsAreCut: one #rooms answers with a bounded number of bytes, whose
// last line says how many more there are, and a user who asks all the time
// does not load the database.
func TestRoomsAreCut(t *testing.T) {
	const count = 20000
	var rooms []*room.Record
	for i := range count {
		r := record(fmt.Sprintf("a-room-with-a-name-%05d", i), member("alice", room.RoleOwner))
		r.Private = i%10 == 0
		rooms = append(rooms, r)
	}
	for _, mode := range []storage.Mode{storage.ModeDurable, storage.ModeDatabase} {
		s := storagetest.NewStore(rooms...)
		c, _ := withStore(t, mode, s, nil)
		for user, visible := range map[string]int{"alice": count, "bob": count - count/10} {
			out := send(t, c, user, "", "#rooms")
			require.Equal(t, engine.CodeOK, out.Code)
			require.LessOrEqual(t, len(out.Messages), 4)
			shown := 0
			for i := range out.Messages {
				assert.LessOrEqual(t, len(out.Messages[i].Body), 32767)
				shown += strings.Count(string(out.Messages[i].Body), "\n[")
			}
			last := string(out.Messages[len(out.Messages)-1].Body)
			assert.True(t, strings.HasSuffix(last, fmt.Sprintf("\n*** %d more rooms are not shown: send '#join <room_name>' to enter one", visible-shown)), last[len(last)-100:])
			assert.Greater(t, shown, 1000)
		}
		if mode != storage.ModeDatabase {
			continue
		}
		before, began := s.Counts().Lists, time.Now()
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range 10 {
					send(t, c, "alice", "", "#rooms")
				}
			})
		}
		group.Wait()
		t.Logf("80 lists in %v read the database %d times", time.Since(began), s.Counts().Lists-before)
		assert.LessOrEqual(t, s.Counts().Lists-before, 12)
		// What this node does is seen at once.
		require.Equal(t, engine.CodeOK, send(t, c, "carol", "carols", "#create").Code)
		before = s.Counts().Lists
		send(t, c, "bob", "", "#rooms")
		assert.Equal(t, 1, s.Counts().Lists-before)
	}
}

// TestMembershipIsLookedUp: asking whether somebody is in a big room that has
// just changed does not look at all its members.
func TestMembershipIsLookedUp(t *testing.T) {
	c := engine.New(settings(), nil)
	enter := func(user string) {
		o := c.Handle(t.Context(), &sip.Request{
			From: "sip:" + user + "@example.org", RequestURI: roomURI, CallID: "1", Body: []byte("#join"),
		})
		require.Equal(t, engine.CodeOK, o.Code)
	}
	ask := func(user string) bool {
		is, err := c.RoomMember(t.Context(), roomURI, "sip:"+user+"@example.org")
		require.NoError(t, err)
		return is
	}
	for i := range 20_000 {
		enter(fmt.Sprintf("user%d", i))
	}
	// With a look at all members each of these would take milliseconds, and
	// allocate megabytes.
	allocated := testing.AllocsPerRun(20, func() {
		enter("new")
		assert.True(t, ask("new"))
		assert.True(t, ask("user500"))
		assert.False(t, ask("nobody"))
		o := c.Handle(t.Context(), &sip.Request{From: "sip:new@example.org", RequestURI: roomURI, CallID: "1", Body: []byte("#leave")})
		require.Equal(t, engine.CodeOK, o.Code)
	})
	began := time.Now()
	for range 100 {
		ask("user500")
	}
	t.Logf("%.0f allocations, %v a question", allocated, time.Since(began)/100)
	assert.Less(t, allocated, float64(150))
}

// TestLogIsPrintable: what a user writes reaches no terminal as a control
// sequence.
func TestLogIsPrintable(t *testing.T) {
	c := engine.New(settings(), nil)
	for _, body := range []string{"#join \x1b[31mroom", "#\x1b]0;title\x07", "#invite \x9b31m", "#join ro\x00om", "#modify \xff\xfe admin"} {
		o := c.Handle(t.Context(), request("alice", "", body))
		for _, n := range o.Notes {
			for _, r := range n.Text {
				assert.False(t, r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd, "%q", n.Text)
			}
		}
	}
}
