package conversation

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

var onlyModule = flag.String("module", "", "play against this module only: stock or ours")

// atOnce is how many servers play at once, whatever the number of processors:
// most of the time goes by in waiting for processes to start and to end.
const atOnce = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := closeDatabases(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

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

// TestConversations plays every conversation against both modules, against
// ours in all its modes.
func TestConversations(t *testing.T) {
	t.Parallel()
	for name, f := range files(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stock Transcript
			if !f.OnlyOurs && *onlyModule != "ours" {
				t.Run("stock", func(t *testing.T) {
					if transcript := Play(t, f, kamailio.Stock, 0); !t.Failed() {
						stock = transcript
					}
				})
			}
			if *onlyModule == "stock" {
				return
			}
			for mode := range 3 {
				if f.Database && mode == 0 {
					continue // rooms would not be kept
				}
				t.Run(fmt.Sprintf("ours, db_mode %d", mode), func(t *testing.T) {
					t.Parallel()
					ours := Play(t, f, kamailio.Ours, mode)
					if stock != nil && !t.Failed() {
						same(t, f, stock, ours)
					}
				})
			}
		})
	}
}

// same compares what the conversation does not say (other headers, the order
// of RPC fields) and what has to be the same nevertheless.
func same(t *testing.T, f *File, stock, ours Transcript) {
	t.Helper()
	for _, s := range f.Steps {
		if said, part := stock[s]; part && !s.Differs() {
			assert.Equal(t, said, ours[s], "%s:%d: the modules differ", f.Path, s.Line)
		}
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
