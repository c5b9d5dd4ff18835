// Package build tests what make does beside compiling: it installs nothing, and
// says so if its result does not fit the Kamailio that is installed.
package build

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
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
