package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/engine/sip"
)

func TestRefusalCode(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		"":                 CodeMalformed,
		"hello":            CodeText,
		"#":                -20,
		"# join":           -20,
		"#CREATE room":     -30,
		"#join":            -40,
		"#add bob\r\nmore": -50,
		"#exit":            -90,
		"#rooms":           -100,
		"#help":            -120,
		"#nonsense":        -130,
	} {
		assert.Equal(t, want, refusalCode(body), "%q", body)
	}
}

func refusalCode(body string) int {
	r := &sip.Request{Body: []byte(body)}
	c := sip.Classify(r, '#', 1)
	return RefusalCode(r, &c)
}
