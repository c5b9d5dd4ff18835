package engine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/engine"
)

const cpim = "From: <sip:a@b>\r\nTo: <sip:c@d>\r\n\r\n"

func TestIsCommand(t *testing.T) {
	for _, test := range []struct {
		contentType, body string
		want              bool
	}{
		{"", "#help", true},
		{"text/plain", "#help", true},
		{"text/plain", " #help", false},
		{"text/plain;charset=utf-8", "help #", false},
		{"text/html", "#help", true},
		{"text/html", "<html><head><title>#a</title><style>#x{}</style></head><body>\r\n <p>#help</p></body></html>", true},
		{"TEXT/HTML ; charset=utf-8", "<b>&#35;help</b>", true},
		{"text/html", "<!-- x --> &num;rooms", true},
		{"text/html", "<p>I am #1</p>", false},
		{"text/html", "<p></p>", false},
		{"text/html", "<title>#help", false},
		{"text/html", "<", false},
		{"message/cpim", cpim + "Content-Type: text/plain; charset=utf-8\r\n\r\n#help", true},
		{"Message/CPIM", "From: x\n\ncontent-type: text/html\n\n<p>#help</p>", true},
		{"message/cpim", cpim + "\r\n#help", true},
		{"message/cpim", cpim + "Content-Type: text/plain\r\n\r\nhello", false},
		{"message/cpim", cpim + "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n#help", false},
		{"message/cpim", cpim + "Content-Type: message/cpim\r\n\r\n" + cpim + "\r\n#help", true},
		{"message/cpim", cpim + "Content-Type: text/plain", false},
		{"message/cpim", "#help", true},
		{"application/im-iscomposing+xml", "<x>#help</x>", false},
		{"multipart/mixed;boundary=a", "--a\r\n\r\n#help", false},
		{"text/plain", "", false},
	} {
		r := &engine.Request{ContentType: test.contentType, Body: []byte(test.body)}
		c := engine.Classify(r, '#', 1)
		assert.Equal(t, test.want, c.Kind == engine.KindCommand, "%s: %q", test.contentType, test.body)
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
