package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
)

// The conversation that `make demo` shows, and with it the configuration that
// `make run` starts.
func TestDemo(t *testing.T) {
	t.Parallel()
	s := kamailio.Start(t, kamailio.Options{Case: "demo"})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, converse(ctx, s.Addr, func(line string) { t.Log(line) }))
}
