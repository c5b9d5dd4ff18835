package log

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPrintable(t *testing.T) {
	assert.Equal(t, `日本 ü \x1b\xff\x00\u009b \n`, Printable("日本 ü \x1b\xff\x00\u009b \n"))
}

func TestClip(t *testing.T) {
	assert.Equal(t, "four", Clip("four", 4))
	assert.Equal(t, "fou...", Clip("four", 3))
	assert.Equal(t, "a...", Clip("aüb", 2)) // no half of a character
}
