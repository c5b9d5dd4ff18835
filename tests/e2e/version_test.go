package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

func version(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(kamailio.RepoDir(), "VERSION"))
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

// TestVersionInLog: a start logs the version once.
func TestVersionInLog(t *testing.T) {
	t.Parallel()
	s := kamailio.Start(t, kamailio.Options{Case: "conversation", LogLevel: 1})
	lines := s.LogLines(`NOTICE: imc .*: version `)
	require.Len(t, lines, 1)
	assert.Contains(t, lines[0], "version "+version(t)+", go1.")
	assert.Contains(t, lines[0], ", db_mode 0")
}

// TestLibrariesOfTwoVersions: an imc.so starts with no imc_engine.so of another
// version.
func TestLibrariesOfTwoVersions(t *testing.T) {
	t.Parallel()
	dir, ours := t.TempDir(), version(t)
	other := strings.Repeat("9", len(ours))
	copyModules(t, dir, func(b []byte) []byte {
		changed := bytes.ReplaceAll(b, []byte(ours+"\x00"), []byte(other+"\x00"))
		require.NotEqual(t, b, changed)
		return changed
	})
	_, err := kamailio.Try(t, kamailio.Options{Case: "conversation", ModuleDir: dir})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "imc.so is version "+other+", imc_engine.so version "+ours+": install both of one build")
}
