package testdb

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two servers at once, the stock tables, and data that outlive a crash.
func TestMariaDB(t *testing.T) {
	servers := make([]*MariaDB, 2)
	var wg sync.WaitGroup
	for i := range servers {
		wg.Go(func() {
			m, err := NewMariaDB()
			if assert.NoError(t, err) {
				servers[i] = m
			}
		})
	}
	wg.Wait()
	for _, m := range servers {
		require.NotNil(t, m)
		t.Cleanup(func() { assert.NoError(t, m.Close()) })
	}
	assert.NotEqual(t, servers[0].Port, servers[1].Port)

	m := servers[0]
	require.NoError(t, m.CreateDatabase("stock", "CHARACTER SET latin1", StockFiles()...))
	require.NoError(t, m.Exec("stock", "INSERT INTO imc_rooms (name,domain,flag) VALUES ('a','b',0)"))
	require.NoError(t, m.Kill())
	assert.Error(t, m.Exec("stock", "SELECT 1"))
	require.NoError(t, m.Start())
	db := m.Open("stock")
	var n int
	require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM imc_rooms").Scan(&n))
	assert.Equal(t, 1, n)
	require.NoError(t, db.Close())
	require.NoError(t, m.Stop())
}

func TestPostgreSQL(t *testing.T) {
	p := StartPostgreSQL(t)
	require.NoError(t, p.CreateDatabase("x"))
	require.NoError(t, p.Exec("x", "CREATE TABLE t (i int)", "INSERT INTO t VALUES (1)"))
	require.NoError(t, p.Kill())
	require.NoError(t, p.Start())
	db := p.Open("x")
	var n int
	require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM t").Scan(&n))
	assert.Equal(t, 1, n)
	require.NoError(t, db.Close())
	require.NoError(t, p.Stop())
}
