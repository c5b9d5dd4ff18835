package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// resolver is a name server that never answers, for Kamailio alone: a mount
// namespace of its own shows it another /etc/resolv.conf.
type resolver struct {
	conn net.PacketConn
	dir  string
}

// wrapper starts Kamailio in the namespace. exec keeps the process id.
const wrapper = `#!/bin/sh
mount --bind %s /etc/resolv.conf && exec %s "$@"
`

// deadResolver puts a wrapper named kamailio before all others in PATH. A
// process that may not mount leaves Kamailio with the system's name servers.
func deadResolver() (*resolver, error) {
	if os.Geteuid() != 0 {
		fmt.Println("not root: names are looked up with the system's name servers")
		return &resolver{}, nil
	}
	binary, err := exec.LookPath("kamailio")
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenPacket("udp", "127.77.0.53:53")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "imc-soak-")
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	conf, inner, outer := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "inner"), filepath.Join(dir, "kamailio")
	files := map[string]string{
		conf:  "nameserver 127.77.0.53\n",
		inner: fmt.Sprintf(wrapper, conf, binary),
		outer: "#!/bin/sh\nexec unshare --mount " + inner + " \"$@\"\n",
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return &resolver{conn, dir}, os.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func (r *resolver) close() {
	if r.conn != nil {
		_ = r.conn.Close()
		_ = os.RemoveAll(r.dir)
	}
}
