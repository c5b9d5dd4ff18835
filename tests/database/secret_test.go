package database

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/testdb"
)

// TestPasswordIsSecret logs at debug=3 while a server starts, works, loses its
// database and is refused by it: the password is in no line of the log and in
// no answer to an RPC. It stands in a file as it does for operators, since
// Kamailio itself logs what it is defined on its command line.
func TestPasswordIsSecret(t *testing.T) {
	t.Parallel()
	const password = "s3cr3t@w/:%41?rd"
	m := testdb.StartMariaDB(t)
	require.NoError(t, m.Exec("", "CREATE USER 'secretive'@'%' IDENTIFIED BY '"+password+"'",
		"GRANT ALL ON *.* TO 'secretive'@'%'"))
	d := newTables(t, m, "", testdb.ProjectFile("sql/imc-create.sql"))
	_, server, found := strings.Cut(d.url, "@")
	require.True(t, found)
	folder := func(password string) string {
		dir := t.TempDir()
		cfg := fmt.Sprintf("#!KAMAILIO\ninclude_file %q\nmodparam(\"imc\", \"db_url\", %s)\n",
			filepath.Join(kamailio.RepoDir(), "tests", "kamailio-config", "conversation", "kamailio.cfg"),
			kamailio.Quote("mysql://secretive:"+password+"@"+server))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "kamailio.cfg"), []byte(cfg), 0o600))
		return dir
	}
	dir := folder(password)
	for _, mode := range []int{1, 2} {
		n := startNode(t, kamailio.Options{Case: dir, LogLevel: 3, Params: map[string]any{"db_mode": mode}})
		ctx := bounded(t, 60*time.Second)
		n.must(ctx, "1", "alice", fmt.Sprintf("lobby%d", mode), "#create")
		var answers []string
		ask := func() {
			for _, rpc := range [][]string{{"imc.list_rooms"}, {"imc.list_members", uri("lobby1")}, {"cfg.list"}, {"core.info"},
				{"stats.fetch", "imc:"}, {"core.psx"}, {"core.modules"}, {"system.listMethods"}} {
				out, err := n.RPCText(rpc[0], rpc[1:]...)
				answers = append(answers, out, fmt.Sprint(err))
			}
		}
		ask()
		require.NoError(t, m.Kill())
		n.must(ctx, "-40", "bob", fmt.Sprintf("lobby%d", mode), "#join")
		_, err := n.AwaitLog("ERROR: imc ", 5*time.Second)
		require.NoError(t, err)
		ask()
		require.NoError(t, m.Start())
		_, err = n.AwaitLog("answers again", 20*time.Second)
		require.NoError(t, err)
		require.NotEmpty(t, n.LogLines("DEBUG"), "the log is at debug=3")
		n.Stop()
		assert.Empty(t, n.LogLines("s3cr3t"))
		assert.NotContains(t, strings.Join(answers, "\n"), "s3cr3t")
	}
	// a password that the server does not take
	dir = folder("wr0ng" + password)
	_, err := kamailio.Try(t, kamailio.Options{Case: dir, Dir: dir, NoTCP: true, LogLevel: 3,
		Params: map[string]any{"db_mode": 1}})
	require.Error(t, err)
	log, err := os.ReadFile(filepath.Join(dir, "kamailio.log"))
	require.NoError(t, err)
	assert.Contains(t, string(log), "Access denied")
	for line := range strings.Lines(string(log)) {
		assert.NotContains(t, line, "s3cr3t")
	}
}
