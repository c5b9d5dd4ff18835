//go:build imcdebug

package engine_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/engine"
)

func TestDebugTrigger(t *testing.T) {
	c := engine.New(settings(), nil)
	assert.Panics(t, func() { send(t, c, "alice", "", "#panic!\r\n") })
	assert.Equal(t, engine.CodeOK, send(t, c, "alice", "", "#create").Code)
}
