package kamailio

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{Case: "conversation", Module: Stock, TextDB: true})
	ps, err := s.Processes()
	require.NoError(t, err)
	assert.Greater(t, len(ps), 4, "main, 2 UDP workers, 2 TCP workers and others")
	m, err := s.SharedMemory()
	require.NoError(t, err)
	assert.Equal(t, int64(64<<20), m.Total)
	assert.Less(t, m.Used, m.Total)
	n, err := s.Statistic("imc:active_rooms")
	require.NoError(t, err)
	assert.Zero(t, n)
	_, err = s.RPC("imc.list_members", "sip:nobody@chat.test")
	var f *FaultError
	require.ErrorAs(t, err, &f)
	assert.Equal(t, FaultError{Code: 500, Text: "Room not found"}, *f)
	assert.Less(t, s.Stop(), 5*time.Second)
}

// TestPortIsClaimed: nobody else gets the port of a server that has not bound
// it yet.
func TestPortIsClaimed(t *testing.T) {
	t.Parallel()
	var addr string
	t.Run("during a test", func(t *testing.T) {
		var err error
		addr, err = freeAddr(t, "127.0.0.1")
		require.NoError(t, err)
		_, err = claimPort(addr)
		assert.Error(t, err)
	})
	claim, err := claimPort(addr)
	require.NoError(t, err, "after it")
	assert.NoError(t, claim.Close())
}

func TestParseAnswer(t *testing.T) {
	t.Parallel()
	v, err := parseAnswer("{\n\troom: sip:r@x\n\tmembers: {\n\t\tsip:a@x\n\t\tsip:b@x\n\t}\n\tcount: 2\n}\n{\n\troom: sip:q@x\n\tmembers: 0\n\towner: \n}\n")
	require.NoError(t, err)
	st := v.Structs()
	require.Len(t, st, 2)
	assert.Equal(t, "sip:r@x", st[0].Get("room"))
	assert.Equal(t, "2", st[0].Get("count"))
	assert.Equal(t, "sip:q@x", st[1].Get("room"))
	assert.Empty(t, st[1].Get("owner"))
}
