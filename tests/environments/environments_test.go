package environments

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/tests/kamailio"
)

// environment is one Kamailio in which users talk.
type environment struct {
	config     string    // folder in tests/kamailio-config/environments
	transports [3]string // of alice, bob and carol; else all use UDP
	proxy      string    // transport over which imc sends to the server itself; else UDP
	socket     string    // protocol of send_socket; else it is not set
	options    kamailio.Options
}

// environments are those that differ in configuration only.
func environments() map[string]environment {
	all := map[string]environment{
		"tcp":       {config: "transports", transports: [3]string{"tcp", "tcp", "tcp"}, proxy: "tcp"},
		"websocket": {config: "transports", transports: [3]string{"wss", "wss", "udp"}, options: kamailio.Options{TLS: true}},
		"tls":       {config: "transports", transports: [3]string{"tls", "tls", "tls"}, proxy: "tls", options: kamailio.Options{TLS: true}},
		"mixed":     {config: "transports", transports: [3]string{"tls", "wss", "tcp"}, proxy: "tls", options: kamailio.Options{TLS: true}},
		"ipv6":      {config: "transports", options: kamailio.Options{Host: "::1"}},
		"ipv6, tcp": {config: "transports", transports: [3]string{"tcp", "udp", "tcp"}, proxy: "tcp", options: kamailio.Options{Host: "::1"}},
	}
	// a socket that is set is one for members over other transports, too
	for _, socket := range []string{"udp", "tcp"} {
		for _, to := range []string{"udp", "tcp"} {
			all["send_socket "+socket+" to "+to] = environment{config: "transports", transports: [3]string{to, to, to}, proxy: to, socket: socket}
		}
		all["send_socket "+socket+" to tls"] = environment{config: "transports", transports: [3]string{"tls", "tls", "tls"}, proxy: "tls",
			socket: socket, options: kamailio.Options{TLS: true}}
	}
	for _, to := range []string{"udp", "tcp", "tls"} {
		all["send_socket tls to "+to] = environment{config: "transports", transports: [3]string{to, to, to}, proxy: to,
			socket: "tls", options: kamailio.Options{TLS: true}}
	}
	for _, config := range []string{"topoh", "async", "second-go"} {
		all[config] = environment{config: config}
	}
	// the private memory's manager does not have to be that of shared memory
	for _, shm := range []string{"fm", "qm", "tlsf"} {
		for _, pkg := range []string{"fm", "qm", "tlsf"} {
			all["memory "+shm+", "+pkg] = environment{config: "transports",
				options: kamailio.Options{Args: []string{"-x", shm, "-X", pkg}}}
		}
	}
	return all
}

// TestEnvironments has the same conversation in all of them.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	for name, e := range environments() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGear(t)
			c := meet(t, e.start(t, g), e.users(), g)
			c.talk("chat-room")
			c.sound()
			if e.socket != "" { // its port has a socket for TLS only, or for the two others
				elsewhere := (e.socket == "tls") != (e.proxy == "tls")
				assert.Equal(t, elsewhere, len(c.LogLines(`WARNING: .*protocol/port mismatch`)) > 0)
			}
		})
	}
}

func (e environment) users() [3]string {
	if e.transports == [3]string{} {
		return [3]string{"udp", "udp", "udp"}
	}
	return e.transports
}

// start starts the server; imc sends what it sends to the server itself.
func (e environment) start(t *testing.T, g *gear) *kamailio.Server {
	t.Helper()
	o := e.options
	o.Case = filepath.Join("environments", e.config)
	o.Defines = map[string]string{
		"PROXY_" + strings.ToUpper(e.proxy): "",
		"TEST_CERTIFICATE":                  kamailio.Quote(g.certificate),
		"TEST_KEY":                          kamailio.Quote(g.key),
	}
	if e.socket != "" {
		o.Defines["SEND_"+strings.ToUpper(e.socket)] = ""
	}
	maps.Copy(o.Defines, e.options.Defines)
	o.Params = map[string]any{"fanout_inline": inline}
	return kamailio.Start(t, o)
}
