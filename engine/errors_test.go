package engine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestCodes holds the return codes against the contract, and each against one
// reason.
func TestCodes(t *testing.T) {
	want := map[error]int{
		ErrMalformed: -1, ErrUnparsable: -20, ErrCreate: -30, ErrJoin: -40, ErrInvite: -50,
		ErrAccept: -60, ErrReject: -70, ErrRemove: -80, ErrLeave: -90, ErrList: -100,
		ErrDestroy: -110, ErrModify: -120, ErrUnknown: -130, ErrText: -200,
	}
	assert.Len(t, codes, len(want))
	seen := map[int]bool{}
	for _, c := range codes {
		assert.Equal(t, want[c.err], c.code, c.err)
		assert.Equal(t, c.code, Code(c.err))
		assert.Equal(t, c.code, Code(fmt.Errorf("wrapped: %w", &refusal{reason: c.err, text: "why"})))
		assert.False(t, seen[c.code], "%d twice", c.code)
		seen[c.code] = true
	}
	assert.Equal(t, 1, Code(nil))
	assert.Equal(t, -1, Code(errors.New("another")))
	for name, known := range commandNames {
		assert.Negative(t, Code(known.reason), name)
	}
}
