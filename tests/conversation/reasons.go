package conversation

import (
	"os"
	"path/filepath"
	"strings"

	"kamailio-imc/tests/kamailio"
)

// ReasonScript is why imc_room_active() and imc_room_member() are asked of
// ours only.
const ReasonScript = "Functions for scripts: imc_room_active() and imc_room_member()"

// Headings are the headings of docs/differences.md, which the reasons of
// conversations name.
func Headings() (map[string]bool, error) {
	text, err := os.ReadFile(filepath.Join(kamailio.RepoDir(), "docs", "differences.md"))
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for l := range strings.SplitSeq(string(text), "\n") {
		if strings.HasPrefix(l, "#") {
			out[strings.TrimSpace(strings.TrimLeft(l, "#"))] = true
		}
	}
	return out, nil
}

// Reasons are all reasons that a conversation gives.
func (f *File) Reasons() []string {
	var out []string
	if f.Reason != "" {
		out = append(out, f.Reason)
	}
	for _, s := range f.Steps {
		if s.Reason != "" {
			out = append(out, s.Reason)
		}
	}
	return out
}
