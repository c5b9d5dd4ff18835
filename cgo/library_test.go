package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLibrary has a C program call the library as Kamailio does, from two
// processes. With IMC_ASAN set, both are built with the address sanitizer.
func TestLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the library")
	}
	dir := t.TempDir()
	library, caller := filepath.Join(dir, "imc_engine.so"), filepath.Join(dir, "caller")
	build := []string{"build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-o", library}
	compile := []string{"-Wall", "-Wextra", "-Werror", "-g", "-I../kamailio-shim", "testdata/caller.c", "-o", caller, "-ldl"}
	if os.Getenv("IMC_ASAN") != "" {
		build = append(build, "-asan")
		compile = append(compile, "-fsanitize=address")
	}
	run(t, "go", append(build, ".")...)
	run(t, "gcc", compile...)
	run(t, caller, library)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
}
