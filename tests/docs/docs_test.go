// Package docs holds the documents to the code: what they list has to be what
// there is, and what there is has to be in them.
package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
	"kamailio-imc/engine/command"
	"kamailio-imc/tests/kamailio"
)

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{kamailio.RepoDir()}, path...)...))
	require.NoError(t, err)
	return string(text)
}

// section is what stands under a heading, up to the next of its level.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n"+heading+"\n")
	require.True(t, ok, "no heading %s", heading)
	level := heading[:strings.Index(heading, " ")+1]
	rest, _, _ = strings.Cut(rest, "\n"+level)
	return rest
}

// matches gives the groups of all matches: the first as key, the rest joined.
func matches(t *testing.T, text, pattern string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found[m[1]] = strings.Join(m[2:], "")
	}
	require.NotEmpty(t, found, "nothing matches %s", pattern)
	return found
}

func names(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// between is the part of a source file from one line to another.
func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, from)
	require.True(t, ok, "no %s", from)
	part, _, ok := strings.Cut(rest, to)
	require.True(t, ok, "no %s after %s", to, from)
	return part
}

// TestParameters compares names, types, defaults and ranges of the parameters.
func TestParameters(t *testing.T) {
	t.Parallel()
	params := read(t, "kamailio-shim", "imc_params.c")
	text := section(t, read(t, "docs", "parameters.md"), "## Parameters")

	exported := matches(t, between(t, params, "param_export_t imc_param_exports[]", "};"), `\{"(\w+)", PARAM_(\w+),`)
	written := matches(t, text, `(?m)^### (\w+) \((\w+)`)
	assert.Equal(t, names(exported), names(written))

	initial := matches(t, between(t, params, "imc_params_t imc_params = {", "};"), `\.(\w+) = ([^\n]+),\n`)
	ranges := matches(t, between(t, params, "imc_ranges[] = {", "};"), `\{"(\w+)", &[\w.]+, (\d+, \d+)\}`)
	for name, kind := range exported {
		want := strings.ToLower(kind)
		assert.Equal(t, want, written[name], name)
		about := strings.SplitN(section(t, text+"\n### ", "### "+heading(text, name)), "\n### ", 2)[0]

		field := strings.TrimPrefix(name, "imc_")
		value := strings.Trim(strings.NewReplacer("str_init(", "", ")", "").Replace(initial[field]), `"`)
		switch {
		case name == "db_url": // its default is put in later
			for value := range matches(t, params, `imc_default_db_url =\s+str_init\("([^"]+)"`) {
				assert.Contains(t, about, "Default: `"+value+"`", name)
			}
		case value == "STR_NULL" || value == "NULL":
			assert.Contains(t, about, "Default: none", name)
		case want == "str":
			assert.Contains(t, about, "Default: `"+value+"`", name)
		default:
			assert.Regexp(t, `Default: `+value+`[,\n]`, about, name)
		}
		low, high, ranged := strings.Cut(ranges[name], ", ")
		if ranged && high != "1" && name != "db_mode" { // switches and modes are explained value by value
			assert.Regexp(t, fmt.Sprintf(`\b%s\s+to\s+%s\b`, low, high), about, name)
		}
	}
}

// heading is the whole heading of a parameter.
func heading(text, name string) string {
	return regexp.MustCompile(`(?m)^### (` + name + ` \(.*\))$`).FindStringSubmatch(text)[1]
}

// TestExports compares functions, RPC commands and statistics with what the
// sources export.
func TestExports(t *testing.T) {
	t.Parallel()
	parameters := read(t, "docs", "parameters.md")
	module := read(t, "kamailio-shim", "imc_mod.c")
	for _, c := range []struct{ what, exported, pattern, heading, written string }{
		{
			"functions", between(t, module, "cmd_export_t cmds[]", "};"), `\{"(\w+)"`,
			"## Functions", `(?m)^### (\w+)\(`,
		},
		{
			"functions in KEMI", between(t, module, "sr_kemi_imc_exports[]", "{0, 0}"), `str_init\("imc"\), str_init\("(\w+)"\)`,
			"## Functions", `KSR\.imc\.(\w+)\(`,
		},
		{
			"RPC commands", read(t, "kamailio-shim", "imc_rpc.c"), `\{"imc\.(\w+)", imc_rpc_`,
			"## RPC commands", `(?m)^### imc\.(\w+)$`,
		},
		{
			"statistics", between(t, read(t, "kamailio-shim", "imc_stats.c"), "imc_stats[] = {", "};"), `IMC_STAT_ENTRY\((\w+)\)`,
			"## Statistics", "(?m)^\\| `(\\w+)` \\|",
		},
	} {
		written := section(t, parameters, c.heading)
		assert.Equal(t, names(matches(t, c.exported, c.pattern)), names(matches(t, written, c.written)), c.what)
	}
}

// TestCommands: the table of the commands says how each is written and who may
// give it, as the table of package command has it.
func TestCommands(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, c := range command.All() {
		var written []string
		for _, name := range c.Names {
			written = append(written, strings.TrimSpace("#"+name+" "+c.Args))
		}
		want["`"+strings.Join(written, "`, `")+"`"] = c.May.String()
	}
	text := section(t, read(t, "docs", "parameters.md"), "## Commands of the users")
	assert.Equal(t, want, matches(t, text, "(?m)^\\| (`#.*`) \\| ([^|]+) \\| [^|]+ \\|$"))
}

// TestReturnCodes: the table of imc_manager() has the code of each refusal, and
// beside those of commands the commands.
func TestReturnCodes(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		strconv.Itoa(engine.CodeMalformed): nil, strconv.Itoa(engine.CodeText): nil,
		strconv.Itoa(command.CodeUnparsable): nil, strconv.Itoa(command.CodeUnknown): nil,
	}
	for _, c := range command.All() {
		code := strconv.Itoa(c.Code)
		for _, name := range c.Names {
			want[code] = append(want[code], "`#"+name+"`")
		}
		slices.Sort(want[code])
	}
	got := map[string][]string{}
	for code, refused := range matches(t, section(t, read(t, "docs", "parameters.md"), "### imc_manager()"), `(?m)^\| (-\d+) \| (.*) \|$`) {
		got[code] = nil
		if strings.HasPrefix(refused, "`#") {
			got[code] = strings.Split(refused, ", ")
			slices.Sort(got[code])
		}
	}
	assert.Equal(t, want, got)
}

// TestLinks: every link between the documents leads to a file and, where it
// names one, to a heading.
func TestLinks(t *testing.T) {
	t.Parallel()
	root := kamailio.RepoDir()
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	files = append(files, filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"), filepath.Join(root, "CHANGELOG.md"))
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, file := range files {
		rel, err := filepath.Rel(root, file)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(read(t, rel), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			text, err := os.ReadFile(target)
			if err != nil {
				if info, err := os.Stat(target); err != nil || !info.IsDir() {
					t.Errorf("%s links to %s, which is not there", rel, m[1])
				}
				continue
			}
			if anchor != "" && !slices.Contains(anchors(string(text)), anchor) {
				t.Errorf("%s links to %s: there is no such heading", rel, m[1])
			}
		}
	}
}

// TestHeadings: no heading of a document stands there twice.
func TestHeadings(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"architecture", "databases", "deployment", "differences", "operations", "parameters"} {
		all := anchors(read(t, "docs", file+".md"))
		slices.Sort(all)
		assert.Equal(t, slices.Compact(slices.Clone(all)), all, file)
	}
}

// anchors are those that GitHub makes of the headings of a text.
func anchors(text string) []string {
	var found []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		a := regexp.MustCompile("[^a-z0-9_ -]").ReplaceAllString(strings.ToLower(m[1]), "")
		found = append(found, strings.ReplaceAll(a, " ", "-"))
	}
	return found
}

// named finds what a document says of this repository: a file or folder, and
// after ": " what is declared in it. A file without a folder is of the top folder
// or, if its name begins with imc_, of the shim.
var named = regexp.MustCompile("`((?:engine|module|cgo|kamailio-shim|tests|scripts|mk|sql|docs|\\.ci)/[\\w./-]*|" +
	"[\\w.-][\\w./-]*(?:/|\\.(?:go|c|h|md|mod|yml)))(?::\\s([^`]+))?`")

// TestFilesNamed: the files and folders of this repository that a document
// names are there, and what it says is in a file is declared in it.
func TestFilesNamed(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md", "docs/benchmarks.md",
		"docs/databases.md", "docs/deployment.md", "docs/differences.md", "docs/operations.md", "docs/parameters.md"} {
		for _, m := range named.FindAllStringSubmatch(read(t, file), -1) {
			path := m[1]
			if strings.HasPrefix(path, "imc_") {
				path = filepath.Join("kamailio-shim", path)
			}
			if _, err := os.Stat(filepath.Join(kamailio.RepoDir(), path)); err != nil {
				t.Errorf("%s names %s, which is not there", file, m[1])
				continue
			}
			if m[2] == "" {
				continue
			}
			for name := range strings.SplitSeq(strings.Join(strings.Fields(m[2]), " "), ", ") {
				assert.True(t, declares(t, path, name), "%s says that %s has %s", file, m[1], name)
			}
		}
	}
}

// declares reports whether a file declares a name: a Go file a function, a
// method as Type.Method, a type, a constant or a variable; a C file one that
// begins at the first column of a line; a document a heading.
func declares(t *testing.T, path, name string) bool {
	t.Helper()
	text := read(t, path)
	switch filepath.Ext(path) {
	case ".go":
		f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		return slices.Contains(declared(f), name)
	case ".c", ".h":
		return regexp.MustCompile(`(?m)^[a-z#}][^\n(=]*\b` + regexp.QuoteMeta(name) + `\b(.*[^;\n])?$`).MatchString(text)
	case ".md":
		return regexp.MustCompile(`(?m)^#+ ` + regexp.QuoteMeta(name) + `( \(.*\))?$`).MatchString(text)
	}
	return false
}

// declared are the names that a Go file declares.
func declared(f *ast.File) (all []string) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				of := d.Recv.List[0].Type
				if p, ok := of.(*ast.StarExpr); ok {
					of = p.X
				}
				name = fmt.Sprint(of) + "." + name
			}
			all = append(all, name)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					all = append(all, s.Name.Name)
				case *ast.ValueSpec:
					for _, n := range s.Names {
						all = append(all, n.Name)
					}
				}
			}
		}
	}
	return all
}

// TestFolders: each folder with Go or C files stands in the tables of
// CONTRIBUTING.md, by its name or, in tests, by that of the folder that it is in.
func TestFolders(t *testing.T) {
	t.Parallel()
	root := kamailio.RepoDir()
	folders := map[string]bool{}
	for _, top := range []string{"cgo", "engine", "kamailio-shim", "module", "tests"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				if err == nil && d.Name() == "testdata" {
					return fs.SkipDir
				}
				return err
			}
			rel, err := filepath.Rel(root, filepath.Dir(path))
			if parts := strings.Split(rel, "/"); parts[0] == "tests" {
				rel = strings.Join(parts[:2], "/")
			}
			if slices.Contains([]string{".go", ".c"}, filepath.Ext(path)) {
				folders[rel] = true
			}
			return err
		}))
	}
	require.NotEmpty(t, folders)
	rows := strings.Join(slices.Collect(maps.Keys(matches(t, read(t, "CONTRIBUTING.md"), "(?m)^\\| (`[^|]+/`) \\|"))), ", ")
	for folder := range folders {
		assert.Contains(t, rows, "`"+folder+"/`", "CONTRIBUTING.md has no row for a folder")
	}
}
