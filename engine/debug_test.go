//go:build !imcdebug

package engine_test

import (
	"testing"

	"kamailio-imc/engine"
)

// TestNoDebugTrigger: the trigger of test builds is an unknown command.
func TestNoDebugTrigger(t *testing.T) {
	play(t, engine.New(settings(), nil), []step{
		{"alice", "", "#panic!", 1, []string{"room:5060 -> alice:5070 | *** Invalid command 'panic!' (send '#help' for help)"}},
	})
}
