package database

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/testdb"
)

// refusedStart starts a server that has to refuse, with another exit status
// than 0, and gives the lines in which the module says why.
func refusedStart(t *testing.T, params map[string]any) []string {
	t.Helper()
	// Kamailio loses the TERM of a child that it has forked a moment before, and
	// kills it after 60 s: on a busy machine the end may take so long.
	_, err := kamailio.Try(t, kamailio.Options{Case: "conversation", NoTCP: true, Params: params, StartTimeout: 80 * time.Second})
	require.Error(t, err)
	assert.Regexp(t, `(ended at its start|kamailio -c): exit status ([1-9]\d*)`, err.Error())
	return regexp.MustCompile(`(?m)^.*ERROR: imc .*the engine cannot start: .*$`).FindAllString(err.Error(), -1)
}

// one gives the line of those that holds all of these.
func one(t *testing.T, lines []string, parts ...string) {
	t.Helper()
	require.Len(t, lines, 1, "%q", lines)
	for _, p := range parts {
		assert.Contains(t, lines[0], p)
	}
}

// TestSchemaRefused starts on tables that the module does not know: one line
// names the table, both versions and the remedy.
func TestSchemaRefused(t *testing.T) {
	t.Parallel()
	create := testdb.ProjectFile("sql/imc-create.sql")
	for _, tc := range []struct {
		name   string
		files  []string
		change string
		says   []string
	}{
		{"no tables", nil, "", []string{"version", "imc_rooms", "version 1", "sql/imc-create.sql"}},
		{"no version", []string{create}, "DELETE FROM version WHERE table_name = 'imc_members'",
			[]string{"imc_members", "version 1", "sql/imc-create.sql"}},
		{"other version", []string{create}, "UPDATE version SET table_version = 2 WHERE table_name = 'imc_rooms'",
			[]string{"imc_rooms", "version 2", "version 1 is needed", "sql/imc-create.sql"}},
		{"no table", []string{create}, "DROP TABLE imc_members", []string{"imc_members", "version 1", "sql/imc-create.sql"}},
		{"no column", []string{create}, "ALTER TABLE imc_members DROP COLUMN flag", []string{"imc_members", "flag", "sql/imc-create.sql"}},
	} {
		for _, mode := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, db_mode %d", tc.name, mode), func(t *testing.T) {
				t.Parallel()
				d := newTables(t, mariadb.get(t), "", tc.files...)
				if tc.change != "" {
					d.exec(t, tc.change)
				}
				one(t, refusedStart(t, d.params(mode)), tc.says...)
			})
		}
	}
}

// TestURLRefused gives forms of db_url that cannot work: one line says what to
// use, and the password is not in it.
func TestURLRefused(t *testing.T) {
	t.Parallel()
	for url, says := range map[string]string{
		"text:///var/lib/kamailio/db":                    "sqlite:///",
		"cluster://main":                                 "mysql:// or postgres://",
		"unixodbc://kamailio:s3cr3t@localhost/kamailio":  "mysql:// or postgres://",
		"oracle://kamailio:s3cr3t@localhost/kamailio":    "mysql://, postgres:// or sqlite://",
		"mysql://kamailio:s3cr3t@localhost":              "database",
		"mysql://kamailio:s3cr3t@[::1/kamailio":          "]",
		"mysql://kamailio:s3cr3t@localhost:x/kamailio":   "port",
		"sqlite://kamailio.db":                           "absolute path",
		"mysql://kamailio:s3cr3t@127.0.0.1:1/kamailio":   "127.0.0.1:1",
		"postgres://kamailio:s3cr3t@127.0.0.1:1/kam":     "127.0.0.1:1",
		"sqlite:///no/such/folder/imc.db":                "/no/such/folder",
		"mysql://kamailio:s3cr3t@[nogroup]/kamailio":     "nogroup",
		"mysql://kamailio:s3cr3t@localhost/k?tls=nosuch": "nosuch",
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			lines := refusedStart(t, map[string]any{"db_mode": 1, "db_url": url})
			one(t, lines, says)
			assert.NotContains(t, lines[0], "s3cr3t")
		})
	}
}
