package database

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/bench/rig"
	"kamailio-imc/tests/kamailio"
)

// membersOfEach room of a load.
const membersOfEach = 10

// TestLoad starts with many rooms in MariaDB, in db_mode 1: the time grows as
// their number does.
func TestLoad(t *testing.T) {
	small, _ := load(t, 2000)
	large, _ := load(t, 20000)
	assert.Less(t, large, 15*small+2*time.Second, "ten times the rooms")
}

// TestSoakLoad is TestLoad in full.
func TestSoakLoad(t *testing.T) {
	soak(t)
	small, _ := load(t, 10000)
	large, _ := load(t, 100000)
	assert.Less(t, large, 15*small+2*time.Second, "ten times the rooms")
	assert.Less(t, large, 15*time.Second)
	// so many that the load takes long enough to report its progress
	_, progress := load(t, 400000)
	assert.Positive(t, progress)
}

// load starts a server and gives the time until it serves, and how many lines
// of progress it logged.
func load(t *testing.T, rooms int) (took time.Duration, lines int) {
	t.Helper()
	db, err := rig.NewDatabase()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	url, err := db.Fill(rooms, membersOfEach)
	require.NoError(t, err)
	began := time.Now()
	n := startNode(t, kamailio.Options{Params: map[string]any{"db_url": url, "db_mode": 1},
		ReadyRPC: "core.version", StartTimeout: 5 * time.Minute})
	// until the last room can be talked in
	last := fmt.Sprintf("r%07d", rooms-1)
	var v kamailio.Value
	await.Until(t, 5*time.Minute, func() error {
		v, err = n.RPC("imc.list_members", "sip:"+last+"@bench.test")
		return err
	})
	took = time.Since(began)
	list, _ := v.Structs()[0].Field("members")
	assert.Len(t, list.Strings(), membersOfEach)

	line, err := n.AwaitLog(fmt.Sprintf(`NOTICE: imc .* %d rooms with %d members loaded in `, rooms, rooms*membersOfEach), 5*time.Second)
	require.NoError(t, err)
	progress := n.LogLines(`NOTICE: imc .* rooms, \d+ members so far`)
	t.Logf("%d rooms of %d: ready after %v, %d lines of progress; %s", rooms, membersOfEach, took.Round(time.Millisecond), len(progress), line)
	assert.GreaterOrEqual(t, len(progress), int(took/(4*time.Second))-1, "progress every few seconds")
	n.Stop()
	return took, len(progress)
}
