// Package build tests what make does beside compiling: it installs nothing, and
// says so if its result does not fit the Kamailio that is installed.
package build

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// run runs a program in the repository, with dir first in PATH, and gives what
// it wrote and whether it succeeded.
func run(t *testing.T, dir string, env []string, program string, args ...string) (string, bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = kamailio.RepoDir()
	// as from a shell: not as a part of the make that runs the tests
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "MAKEFLAGS=", "MAKELEVEL=", "KAMAILIO_SRC=")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// TestMakeInstallsNothing: without the packages that it needs, make names them
// and what installs them, and asks neither apt nor sudo for anything.
func TestMakeInstallsNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	called := filepath.Join(dir, "called")
	programs := map[string]string{"dpkg-query": "exit 1"}
	for _, p := range []string{"apt-get", "sudo", "tee"} {
		programs[p] = "echo $0 $* >>" + called
	}
	for name, script := range programs {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700)) //nolint:gosec // it is run
	}
	out, ok := run(t, dir, nil, "make")
	assert.False(t, ok, out)
	assert.Regexp(t, `these packages are missing: kamailio gcc `, out)
	assert.Contains(t, out, "'make build-deps' installs them, 'make deps' also what the tests need")
	assert.NoFileExists(t, called, out)
}

// TestIdentity compares imc.so with the installed Kamailio.
func TestIdentity(t *testing.T) {
	t.Parallel()
	const check = "scripts/check-identity.sh"
	ours := filepath.Join(kamailio.BuildDir(), "imc.so")
	out, ok := run(t, "", nil, check, ours)
	assert.True(t, ok, out)
	assert.Empty(t, out)

	module, err := os.ReadFile(ours) //nolint:gosec // built here
	require.NoError(t, err)
	other := filepath.Join(t.TempDir(), "imc.so")
	module = bytes.ReplaceAll(module, []byte("FAST_LOCK-"), []byte("SLOW_LOCK-"))
	require.NoError(t, os.WriteFile(other, module, 0o600))
	out, ok = run(t, "", nil, check, other)
	assert.False(t, ok)
	assert.Contains(t, out, "is for another Kamailio than the one that is installed here, which will refuse it")
	assert.Contains(t, out, "only the installed one: FAST_LOCK-")
	assert.Contains(t, out, "only imc.so: SLOW_LOCK-")

	out, ok = run(t, "", []string{"KAMAILIO_SRC=/elsewhere"}, check, other)
	assert.True(t, ok, "it may be meant for another machine")
	assert.Contains(t, out, "That is well if /elsewhere is the source of the Kamailio that you build for")
}

// TestLayers: a file of the shim that knows one that is not of a lower layer
// does not pass, whether it includes its header or declares by itself what it
// calls.
func TestLayers(t *testing.T) {
	t.Parallel()
	shim := filepath.Join(kamailio.RepoDir(), "kamailio-shim")
	for _, c := range []struct{ name, file, text, want string }{
		{"as it is", "imc_mod.c", "", ""},
		{"upward", "imc_pace.c", "#include \"imc_send.h\"\n", "imc_pace.c includes imc_send.h, which is not of a lower layer"},
		{"in a header", "imc_pace.h", "# include \"imc_reply.h\"\n", "imc_pace.h includes imc_reply.h, which is not of a lower layer"},
		{"beside it", "imc_rpc.c", "#include \"imc_script.h\"\n", "imc_rpc.c includes imc_script.h, which is not of a lower layer"},
		{"of no layer", "imc_other.c", "int imc_other;\n", "imc_other.c stands in no layer of docs/architecture.md"},
		{
			"declared by itself", "imc_shared.c", "void imc_pump(void);\nvoid imc_up(void);\nvoid imc_up(void) { imc_pump(); }\n",
			"imc_shared.c uses imc_pump of imc_worker, which is not of a lower layer",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sources, objects := t.TempDir(), t.TempDir()
			require.NoError(t, os.CopyFS(sources, os.DirFS(shim)))
			require.NoError(t, os.CopyFS(objects, os.DirFS(filepath.Join(kamailio.RepoDir(), "build", "obj"))))
			path := filepath.Join(sources, c.file)
			before, err := os.ReadFile(path) //nolint:gosec // ours
			if !os.IsNotExist(err) {
				require.NoError(t, err)
			}
			require.NoError(t, os.WriteFile(path, append(before, c.text...), 0o600))
			object := filepath.Join(objects, strings.TrimSuffix(c.file, ".c")+".o")
			if strings.HasPrefix(c.text, "int ") || strings.HasPrefix(c.text, "void ") {
				added := filepath.Join(t.TempDir(), "added.c")
				require.NoError(t, os.WriteFile(added, []byte(c.text), 0o600))
				out, ok := run(t, "", nil, "gcc", "-c", "-o", object, added)
				require.True(t, ok, out)
			}
			out, ok := run(t, "", nil, "scripts/check-shim.sh", sources, objects)
			assert.Equal(t, c.want == "", ok, out)
			assert.Contains(t, out, c.want)
		})
	}
}
