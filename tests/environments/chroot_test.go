package environments

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// nobody is the number of Debian's user nobody and group nogroup.
const nobody = 65534

// TestChroot runs Kamailio in a chroot, as another user (-t, -u, -g): of the
// module, only imc_engine.so has to be in there, at the path that it has
// outside. Kamailio loads its modules, imc.so among them, before.
func TestChroot(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a chroot is root's to make")
	}
	dir, err := os.MkdirTemp("", "imc-kam-") //nolint:usetesting // the path of a Unix socket has 107 bytes at most
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	root := filepath.Join(dir, "root")
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // another user's way in

	// what the server makes in its folder is found there from outside as well
	inside := filepath.Join(root, dir)
	require.NoError(t, os.MkdirAll(inside, 0o755)) //nolint:gosec // as above
	require.NoError(t, os.Chown(inside, nobody, nobody))
	require.NoError(t, os.Symlink(filepath.Join(inside, "ctl"), filepath.Join(dir, "ctl")))

	library, err := os.ReadFile(filepath.Join(kamailio.BuildDir(), "imc_engine.so"))
	require.NoError(t, err)
	for file, content := range map[string]string{
		filepath.Join(kamailio.BuildDir(), "imc_engine.so"): string(library),
		// what Kamailio itself asks for
		"/dev/null":      "",
		"/etc/passwd":    "nobody:x:65534:65534:nobody:/:/bin/false\n",
		"/etc/group":     "nogroup:x:65534:\n",
		"/etc/protocols": "tcp 6 TCP\n",
	} {
		file = filepath.Join(root, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))     //nolint:gosec // as above
		require.NoError(t, os.WriteFile(file, []byte(content), 0o644)) //nolint:gosec // as above
	}

	g := newGear(t)
	e := environment{config: "transports", options: kamailio.Options{
		Dir: dir, Args: []string{"-t", root, "-u", "nobody", "-g", "nogroup"},
	}}
	c := meet(t, e.start(t, g), e.users(), g)
	for _, pid := range c.Pids() {
		at, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "root"))
		require.NoError(t, err)
		require.Equal(t, root, at)
	}
	c.talk("chat-room")
	c.sound()
}
