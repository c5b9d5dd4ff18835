package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// examples are the configurations that are shipped for a first try.
var examples = []string{"demo", "minimal", "digest"}

func startExample(t *testing.T, name string) *kamailio.Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "imc-example-") //nolint:usetesting // a Unix socket's path has 107 bytes at most
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := kamailio.Options{Case: name, Dir: dir}
	if name != "demo" { // they leave ctl's socket where it is by default
		require.NoError(t, os.Symlink(filepath.Join(dir, "kamailio_ctl"), filepath.Join(dir, "ctl")))
	}
	if name == "digest" {
		db := filepath.Join(dir, "subscribers")
		require.NoError(t, os.Mkdir(db, 0o700))
		rows := "id(int,auto) username(string) domain(string) password(string) \n"
		for i, user := range append([]string{"chat-1"}, users...) {
			rows += fmt.Sprintf("%d:%s:127.0.0.1:%s\n", i, user, secret(user))
		}
		for table, text := range map[string]string{
			"version":    "id(int,auto) table_name(string) table_version(int) \n0:subscriber:7\n",
			"subscriber": rows,
		} {
			require.NoError(t, os.WriteFile(filepath.Join(db, table), []byte(text), 0o600))
		}
		o.Defines = map[string]string{
			"AUTH_DB_MODULE": kamailio.Quote("db_text.so"),
			"AUTH_DB_URL":    kamailio.Quote("text://" + db),
		}
	}
	return kamailio.Start(t, o)
}

// secret is what the digest example's table has for a user.
func secret(user string) string {
	if p := passwords[user]; p != "" {
		return p
	}
	return "evil"
}

// eachExample runs a test on each of the configurations.
func eachExample(t *testing.T, run func(ctx context.Context, t *testing.T, s *kamailio.Server)) {
	t.Helper()
	for _, name := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startExample(t, name)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			run(ctx, t, s)
		})
	}
}

// TestExamples plays the conversation that `make demo` shows.
func TestExamples(t *testing.T) {
	t.Parallel()
	eachExample(t, func(ctx context.Context, t *testing.T, s *kamailio.Server) {
		t.Helper()
		require.NoError(t, converse(ctx, s.Addr, func(line string) { t.Log(line) }))
	})
}

// TestExamplesKeepRoomsApart: nobody registers or writes as a room, and a room
// that is a member of another hears nothing: three in a circle stay silent.
func TestExamplesKeepRoomsApart(t *testing.T) {
	t.Parallel()
	eachExample(t, func(ctx context.Context, t *testing.T, s *kamailio.Server) {
		t.Helper()
		phone := func(name string) *user {
			u, err := newUser(ctx, name, s.Addr)
			require.NoError(t, err)
			t.Cleanup(u.close)
			u.secret = passwords[name]
			return u
		}
		alice, evil := phone("alice"), phone("chat-1")
		require.NoError(t, alice.register(ctx))
		evil.secret = "evil"
		require.ErrorContains(t, evil.register(ctx), "403")

		rooms := []string{"chat-1", "chat-2", "chat-3"}
		for i, room := range rooms {
			next := rooms[(i+1)%len(rooms)]
			for _, command := range []string{"#create", "#add " + next} {
				code, err := alice.write(ctx, room, command)
				require.NoError(t, err)
				require.Equal(t, 200, code, "%s: %s", room, command)
			}
		}
		for _, to := range append([]string{"alice"}, rooms...) {
			code, err := evil.write(ctx, to, "I am a room")
			require.NoError(t, err)
			assert.Equal(t, 403, code, to)
		}

		code, err := alice.write(ctx, "chat-1", "once around?")
		require.NoError(t, err)
		assert.Equal(t, 200, code)
		// every MESSAGE to a room has ended with 404 when all are answered:
		// the notices of three #add to two members each, and the text
		undelivered := func() int64 {
			n, err := s.Statistic("imc:undelivered")
			require.NoError(t, err)
			return n
		}
		await.Until(t, 10*time.Second, await.True(func() bool { return undelivered() >= 4 }, "a MESSAGE to a room is on its way"))
		texts, err := s.Statistic("imc:texts")
		require.NoError(t, err)
		assert.EqualValues(t, 1, texts, "alice's")
		assert.EqualValues(t, 4, undelivered())
	})
}

// TestPasswords: with the configuration digest nobody registers or writes
// without a password, or under another's name.
func TestPasswords(t *testing.T) {
	t.Parallel()
	s := startExample(t, "digest")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	write := func(name, login, secret, to, text string) int {
		u, err := newUser(ctx, name, s.Addr)
		require.NoError(t, err)
		defer u.close()
		u.login, u.secret = login, secret
		code, err := u.write(ctx, to, text)
		require.NoError(t, err)
		return code
	}
	stranger, err := newUser(ctx, "alice", s.Addr)
	require.NoError(t, err)
	t.Cleanup(stranger.close)
	require.ErrorContains(t, stranger.register(ctx), "401")
	assert.Equal(t, 200, write("alice", "alice", passwords["alice"], "chat-1", "#create"))
	assert.Equal(t, 407, write("alice", "alice", "", "chat-1", "no password"))
	assert.Equal(t, 407, write("alice", "alice", "wrong", "chat-1", "a wrong password"))
	assert.Equal(t, 407, write("alice", "bob", passwords["bob"], "chat-1", "another's"))
	assert.Equal(t, 200, write("alice", "alice", passwords["alice"], "chat-1", "the right one"))
}

// sipgo's limits are those of an Ethernet; loopback has others.
func init() { //nolint:gochecknoinits // read by goroutines of all tests
	sip.UDPMTUSize, sip.TransportBufferReadSize = 65_535, 65_535
}

// TestLongTextsOverTCP: Kamailio's read buffer (tcp_rd_buf_size) has room for a
// text of nearly 64 KB, and the connection goes on to the next one.
func TestLongTextsOverTCP(t *testing.T) {
	t.Parallel()
	eachExample(t, func(ctx context.Context, t *testing.T, s *kamailio.Server) {
		t.Helper()
		phone := sipua.NewStream(t)
		require.NoError(t, phone.Connect(ctx, s.Addr))
		for n, size := range []int{20_000, 60_000, 10} {
			res, err := phone.Send(ctx, fmt.Appendf(nil, "MESSAGE sip:chat-1@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP %[1]s;branch=z9hG4bK%[2]d\r\n"+
				"From: <sip:alice@127.0.0.1>;tag=%[2]d\r\nTo: <sip:chat-1@127.0.0.1>\r\nCall-ID: tcp-%[2]d\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\n"+
				"Content-Type: text/plain\r\nContent-Length: %[3]d\r\n\r\n%[4]s", phone.Addr(), n, size, strings.Repeat("x", size)))
			require.NoError(t, err, "%d bytes", size)
			// the room refuses it, or a password is asked for
			assert.Contains(t, []int{403, 407}, res.Code, "%d bytes", size)
		}
	})
}

// TestLongTexts: a text of nearly 64 KB passes from user to user, and the next
// one.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	eachExample(t, func(ctx context.Context, t *testing.T, s *kamailio.Server) {
		t.Helper()
		var phones []*user
		for _, name := range []string{"alice", "bob"} {
			u, err := newUser(ctx, name, s.Addr)
			require.NoError(t, err)
			t.Cleanup(u.close)
			u.secret = passwords[name]
			require.NoError(t, u.register(ctx))
			phones = append(phones, u)
		}
		alice, bob := phones[0], phones[1]
		for i, command := range []string{"#create", "#join"} {
			code, err := phones[i].write(ctx, "chat-1", command)
			require.NoError(t, err)
			require.Equal(t, 200, code)
		}
		bob.read(patience) // "has joined"
		for _, size := range []int{20_000, 40_000, 60_000, 10} {
			text := strings.Repeat("x", size)
			code, err := alice.write(ctx, "chat-1", text)
			require.NoError(t, err)
			require.Equal(t, 200, code, "%d bytes", size)
			got, ok := bob.read(patience)
			require.True(t, ok, "%d bytes", size)
			assert.Equal(t, "[alice]: "+text, got)
		}
	})
}
