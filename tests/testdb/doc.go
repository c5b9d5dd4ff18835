// Package testdb starts private database servers for tests: Debian's MariaDB
// and PostgreSQL, each in a temporary folder, on a free port of loopback and a
// socket of its own. Several test binaries can do so at once. A server ends
// with the test, or with the test binary however that ends; only processes
// started here are ever stopped, by their ids.
//
// Run as root, MariaDB runs as user mysql and PostgreSQL as user postgres;
// otherwise both run as the user of the test.
package testdb

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Account of the tests' databases, that of Kamailio's default db_url.
const (
	User     = "kamailio"
	Password = "kamailiorw"
)

// stockFolder is where Debian's packages put Kamailio's own tables.
const stockFolder = "/usr/share/kamailio"

// ProjectFile returns the path of a file of this project, given as the path
// from its top folder.
func ProjectFile(path string) string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", path)
}

// StockFiles are the files with Kamailio's table version and the stock tables
// of imc, in loading order.
func StockFiles() []string { return FilesOf("imc") }

// FilesOf is StockFiles for another module's tables, as Kamailio's Debian
// package for MySQL installs them.
func FilesOf(module string) []string {
	return []string{
		filepath.Join(stockFolder, "mysql", "standard-create.sql"),
		filepath.Join(stockFolder, "mysql", module+"-create.sql"),
	}
}

// runFiles executes the statements of files, each file at once.
func runFiles(ctx context.Context, db *sql.DB, files ...string) error {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}
