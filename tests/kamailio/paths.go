package kamailio

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// RepoDir is the top folder of this repository.
func RepoDir() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// BuildDir is the folder of our imc.so and imc_engine.so: IMC_BUILD of the
// environment, or build/modules of the repository.
func BuildDir() string {
	if dir := os.Getenv("IMC_BUILD"); dir != "" {
		return dir
	}
	return filepath.Join(RepoDir(), "build", "modules")
}

// StockDir is the folder of the modules that came with Kamailio, or "".
func StockDir() string {
	patterns := []string{"/usr/lib/*/kamailio/modules", "/usr/lib64/kamailio/modules", "/usr/lib/kamailio/modules",
		"/usr/local/lib*/kamailio/modules"}
	for _, p := range patterns {
		dirs, _ := filepath.Glob(p)
		for _, d := range dirs {
			if _, err := os.Stat(filepath.Join(d, "tm.so")); err == nil {
				return d
			}
		}
	}
	return ""
}

// modulePath is the value of -L. Ours stands before the stock modules, as in
// the mpath of an operator's configuration.
func (s *Server) modulePath() (string, error) {
	stock := StockDir()
	if stock == "" {
		return "", fmt.Errorf("no folder with Kamailio's modules was found")
	}
	first := s.opts.ModuleDir
	if first == "" && s.opts.Module == Ours {
		first = BuildDir()
		for _, f := range []string{"imc.so", "imc_engine.so"} {
			if _, err := os.Stat(filepath.Join(first, f)); err != nil {
				return "", fmt.Errorf("%s is not in %s: run `make build` first (or set IMC_BUILD)", f, first)
			}
		}
	}
	if first == "" {
		return stock + "/", nil
	}
	return first + "/:" + stock + "/", nil
}

// textTables writes empty tables for the stock module with db_text, unless
// they are there from an earlier start.
func textTables(dir string) (string, error) {
	db := filepath.Join(dir, "db")
	if _, err := os.Stat(db); err == nil {
		return db, nil
	}
	if err := os.Mkdir(db, 0o700); err != nil {
		return "", err
	}
	tables := map[string]string{
		"version":     "id(int,auto) table_name(string) table_version(int) \n0:imc_rooms:1\n1:imc_members:1\n",
		"imc_rooms":   "id(int,auto) name(string) domain(string) flag(int) \n",
		"imc_members": "id(int,auto) username(string) domain(string) room(string) flag(int) \n",
	}
	for name, text := range tables {
		if err := os.WriteFile(filepath.Join(db, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return db, nil
}

// TextRows gives the rows of a text table of the stock module's, without their
// ids. The stock module writes them at a clean stop.
func (s *Server) TextRows(table string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(s.Dir, "db", table))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	var rows []string
	for _, l := range lines[1:] {
		if _, row, ok := strings.Cut(l, ":"); ok {
			rows = append(rows, row)
		}
	}
	return rows, nil
}
