package sip_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/engine/sip"
)

// The room to which everything is sent, and what a message/cpim begins with.
const (
	testRoom = "sip:room@example.org"
	cpim     = "From: <sip:a@b>\r\nTo: <sip:c@d>\r\n\r\n"
)

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
		r := &sip.Request{ContentType: test.contentType, Body: []byte(test.body)}
		c := sip.Classify(r, '#', 1)
		assert.Equal(t, test.want, c.Kind == sip.KindCommand, "%s: %q", test.contentType, test.body)
	}
}
