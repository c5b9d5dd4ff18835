package conversation

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

var onlyModule = flag.String("module", "", "play against this module only: stock or ours")

func files(t *testing.T) map[string]*File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(kamailio.RepoDir(), "tests", "conversations", "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	out := map[string]*File{}
	for _, p := range paths {
		f, err := ParseFile(p)
		require.NoError(t, err)
		out[strings.TrimSuffix(filepath.Base(p), ".txt")] = f
	}
	return out
}

// TestConversations plays every conversation against both modules.
func TestConversations(t *testing.T) {
	t.Parallel()
	for name, f := range files(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stock, ours Transcript
			if !f.OnlyOurs && *onlyModule != "ours" {
				t.Run("stock", func(t *testing.T) { stock = Play(t, f, kamailio.Stock) })
			}
			if *onlyModule != "stock" {
				t.Run("ours", func(t *testing.T) { ours = Play(t, f, kamailio.Ours) })
			}
			if t.Failed() || stock == nil || ours == nil {
				return
			}
			// the conversation said what was to come; what it does not say
			// (other headers, the order of RPC fields) has to be the same too
			for _, s := range f.Steps {
				if !s.Differs() {
					assert.Equal(t, stock[s], ours[s], "%s:%d: the modules differ", f.Path, s.Line)
				}
			}
		})
	}
}

// TestReasons finds every reason among the headings of docs/differences.md.
func TestReasons(t *testing.T) {
	t.Parallel()
	headings, err := Headings()
	require.NoError(t, err)
	for _, f := range files(t) {
		missing := map[string]bool{}
		for _, r := range f.Reasons() {
			if !headings[r] {
				missing[r] = true
			}
		}
		assert.Empty(t, missing, "%s gives reasons that are no headings of docs/differences.md", f.Path)
	}
}
