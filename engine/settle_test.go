package engine_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine"
)

// gzipped is a body with Content-Encoding gzip.
func gzipped(t testing.TB, body string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// TestForNobody: what is for nobody is accepted from anybody, and what is
// refused for itself is refused without an answer, but for a text that is too
// long.
func TestForNobody(t *testing.T) {
	c := engine.New(settings(), nil)
	for name, test := range map[string]struct {
		contentType, headers, body string
		code                       int
		answers                    []string
	}{
		"receipt":    {"message/imdn+xml", "", "<imdn/>", engine.CodeOK, nil},
		"notice":     {"text/plain", "Supported: kamailio/imc\r\n", "*** hello", engine.CodeOK, nil},
		"looped":     {"text/plain", "X-IMC-Hops: 2\r\n", "[a]: hi", engine.CodeText, nil},
		"unreadable": {"text/plain", "Content-Encoding: gzip\r\n", "x", engine.CodeText, nil},
		"bomb": {"text/plain", "Content-Encoding: gzip\r\n", gzipped(t, strings.Repeat("x", 1<<20)), engine.CodeText,
			[]string{"room:5060 -> mallory:5070 | *** Your message is too long and was not delivered"}},
		"bomb of a room": {"text/plain", "Content-Encoding: gzip\r\nX-IMC-Hops: 1\r\n", gzipped(t, strings.Repeat("x", 1<<20)), engine.CodeText, nil},
	} {
		r := request("mallory", "", test.body)
		r.ContentType, r.Headers = test.contentType, test.headers
		out := c.Handle(t.Context(), r)
		assert.Equal(t, test.code, out.Code, name)
		assert.Equal(t, test.answers, renderAll(out), name)
		r.From = "nonsense"
		assert.Equal(t, engine.CodeMalformed, c.Handle(t.Context(), r).Code, name)
	}
}

func TestCommandsInOtherTypes(t *testing.T) {
	for contentType, body := range map[string]string{
		"text/html":                "<html><body><div>#create&nbsp;<b>den</b> <i>private</i><br>more words</div></body></html>",
		"text/html;charset=utf-8":  "\n<p>#create\n den\tprivate</p><p>more</p>",
		"text/html; charset=utf-8": "#create den private<br/>more",
		"message/cpim":             cpim + "Content-Type: text/plain\r\n\r\n#create den private\r\nmore",
		"message/cpim;x=y":         cpim + "Content-Type: text/html\r\n\r\n<p>#create den private</p>",
	} {
		c := engine.New(settings(), nil)
		r := request("alice", "", body)
		r.ContentType = contentType
		out := c.Handle(t.Context(), r)
		assert.Equal(t, engine.CodeOK, out.Code, body)
		if assert.Len(t, out.Messages, 1, body) {
			assert.Equal(t, "den -> alice | *** Room was created", render(&out.Messages[0]))
			assert.Equal(t, "text/plain", out.Messages[0].ContentType)
		}
		v, err := c.View(t.Context(), "den@example.org")
		assert.NoError(t, err)
		assert.True(t, v.Private, body)
	}
}

func TestTextsOfOtherTypes(t *testing.T) {
	c := engine.New(settings(), nil)
	send(t, c, "alice", "", "#create")
	send(t, c, "bob", "", "#join")
	r := request("bob", "", `<isComposing/>`)
	r.ContentType = "application/im-iscomposing+xml"
	r.CallID = "a\r\n b"
	out := c.Handle(t.Context(), r)
	assert.Equal(t, engine.CodeOK, out.Code)
	if assert.Len(t, out.Messages, 1) {
		assert.Equal(t, "room -> alice | <isComposing/>", render(&out.Messages[0]))
		assert.Equal(t, r.ContentType, out.Messages[0].ContentType)
		assert.Equal(t, "a b", out.Messages[0].InReplyTo)
	}
	r.ContentType = "message/imdn+xml"
	out = c.Handle(t.Context(), r)
	assert.Equal(t, engine.CodeOK, out.Code)
	assert.Empty(t, out.Messages)
}

func TestLargeBody(t *testing.T) {
	c := engine.New(settings(), nil)
	send(t, c, "alice", "", "#create")
	send(t, c, "bob", "", "#join")
	body := strings.Repeat("x", 1<<16)
	out := send(t, c, "bob", "", body)
	assert.Equal(t, engine.CodeOK, out.Code)
	assert.Equal(t, "[bob]: "+body, string(out.Messages[0].Body))
}
