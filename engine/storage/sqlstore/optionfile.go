package sqlstore

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// optionFiles are the files that MySQL's and MariaDB's client library reads
// for a group, in its order; later ones count more.
func optionFiles() []string {
	files := []string{"/etc/my.cnf", "/etc/mysql/my.cnf"}
	if home, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(home, ".my.cnf"))
	}
	return files
}

// clientGroups are read before the group that db_url names.
var clientGroups = []string{"client", "client-server", "client-mariadb"}

// maxIncludes bounds how deep option files may include each other.
const maxIncludes = 10

// readOptions returns the options of a group and of the groups that hold for
// every client, with "-" for "_" in their names. A group that no file has is
// an error: the URL then has a mistake.
func readOptions(group string, files []string) (map[string]string, error) {
	r := optionReader{wanted: append(slices.Clone(clientGroups), group), group: group, options: map[string]string{}}
	for _, file := range files {
		if err := r.file(file, 0); err != nil {
			return nil, err
		}
	}
	if !r.found {
		return nil, fmt.Errorf("db_url: there is no group [%s] in %s", group, strings.Join(files, ", "))
	}
	return r.options, nil
}

type optionReader struct {
	wanted  []string
	group   string
	found   bool
	options map[string]string
}

// file reads one option file. A file that does not exist is skipped, and so
// is one that everybody may write, as the client library does.
func (r *optionReader) file(path string, depth int) error {
	if depth > maxIncludes {
		return fmt.Errorf("%s: option files include each other", path)
	}
	info, err := os.Stat(path)
	if os.IsNotExist(err) || (err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o002 != 0) {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only

	in := false
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case strings.HasPrefix(line, "!includedir"):
			if err := r.folder(strings.TrimSpace(line[len("!includedir"):]), depth); err != nil {
				return err
			}
		case strings.HasPrefix(line, "!include"):
			if err := r.file(strings.TrimSpace(line[len("!include"):]), depth+1); err != nil {
				return err
			}
		case line[0] == '[':
			name, _, _ := strings.Cut(line[1:], "]")
			in = slices.Contains(r.wanted, name)
			r.found = r.found || name == r.group
		case in:
			name, value, _ := strings.Cut(line, "=")
			name = strings.ReplaceAll(strings.TrimSpace(name), "_", "-")
			r.options[name] = optionValue(strings.TrimSpace(value))
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (r *optionReader) folder(path string, depth int) error {
	files, err := filepath.Glob(filepath.Join(path, "*.cnf"))
	if err != nil {
		return err
	}
	sort.Strings(files)
	for _, file := range files {
		if err := r.file(file, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// optionValue takes quotes, escapes and a comment at the end off a value.
func optionValue(v string) string {
	if len(v) > 0 && (v[0] == '"' || v[0] == '\'') {
		if end := strings.LastIndexByte(v, v[0]); end > 0 {
			v = v[1:end]
		}
	} else if i := strings.Index(v, " #"); i >= 0 {
		v = strings.TrimSpace(v[:i])
	} else if i := strings.Index(v, "\t#"); i >= 0 {
		v = strings.TrimSpace(v[:i])
	}
	return strings.NewReplacer(`\b`, "\b", `\t`, "\t", `\n`, "\n", `\r`, "\r",
		`\s`, " ", `\\`, `\`, `\"`, `"`, `\'`, `'`).Replace(v)
}
