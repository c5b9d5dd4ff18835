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
		"#":                CodeUnparsable,
		"# join":           CodeUnparsable,
		"#CREATE room":     CodeCreate,
		"#join":            CodeJoin,
		"#add bob\r\nmore": CodeInvite,
		"#exit":            CodeLeave,
		"#rooms":           CodeList,
		"#help":            CodeModify,
		"#nonsense":        CodeUnknown,
	} {
		assert.Equal(t, want, refusalCode(body), "%q", body)
	}
}

func refusalCode(body string) int {
	r := &sip.Request{Body: []byte(body)}
	c := sip.Classify(r, '#', 1)
	return RefusalCode(r, &c)
}
