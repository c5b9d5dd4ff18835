package engine_test

import (
	"slices"
	"strings"
	"testing"

	"kamailio-imc/engine"
	"kamailio-imc/engine/sip"
)

// FuzzHandle sends anything to a conference with a few rooms. Whatever comes,
// nothing panics, the code is one of the contract's, every refused command is
// answered once, nothing can break out of a header, and every room keeps an
// owner.
func FuzzHandle(f *testing.F) {
	for _, test := range contractTests {
		for _, s := range test.steps {
			r := request(s.from, s.to, s.body)
			f.Add(r.From, r.RequestURI, r.CallID, r.ContentType, r.Body)
		}
	}
	f.Add("sip:alice@example.org", roomURI, "1", "text/html", []byte("<p>#invite &#98;ob<br>"))
	f.Add("sip:alice@example.org", roomURI, "1", "message/cpim", []byte(cpim+"Content-Type: text/plain\r\n\r\n#destroy"))
	f.Add("sip:bob@example.org", roomURI, "a\r\nb", "text/plain;\r\n x=\x00", []byte("\x00\xff"))
	codes := map[int]bool{1: true, -1: true, -20: true, -200: true, -130: true}
	for code := -120; code <= -30; code += 10 {
		codes[code] = true
	}
	f.Fuzz(func(t *testing.T, from, to, callID, contentType string, body []byte) {
		c := engine.New(settings(), nil)
		send(t, c, "alice", "", "#create")
		send(t, c, "bob", "", "#join")
		send(t, c, "alice", "", "#invite carol")
		send(t, c, "dave", "den", "#create private")
		r := &sip.Request{From: from, RequestURI: to, CallID: callID, ContentType: contentType, Body: body}
		for range 2 {
			out := c.Handle(t.Context(), r)
			if !codes[out.Code] {
				t.Fatal("code", out.Code)
			}
			refused := out.Code < 0 && out.Code != engine.CodeMalformed && out.Code != engine.CodeText
			if refused && (len(out.Messages) != 1 || !strings.HasPrefix(string(out.Messages[0].Body), "*** ")) {
				t.Fatalf("code %d: %v", out.Code, renderAll(out))
			}
			for _, m := range out.Messages {
				for _, value := range append([]string{m.From, m.ContentType, m.InReplyTo, m.Inviter}, slices.Concat(m.To...)...) {
					if strings.ContainsAny(value, "\r\n\x00") {
						t.Fatalf("%q in a header", value)
					}
				}
				for _, uri := range append([]string{m.From}, slices.Concat(m.To...)...) {
					if strings.ContainsAny(uri, " <>") || uri == "" {
						t.Fatalf("URI %q", uri)
					}
				}
			}
		}
		checkInvariants(t, c)
		owned(t, c)
	})
}

// FuzzSettle has anything settled without a room. Whatever comes, nothing
// panics, and what is for nobody is not answered.
func FuzzSettle(f *testing.F) {
	for _, s := range []struct{ contentType, headers, body string }{
		{"message/imdn+xml", "", "<imdn/>"},
		{"text/plain", "Content-Encoding: gzip\r\n", "x"},
		{"message/cpim", "", cpim + "Content-Type: message/imdn+xml\r\n\r\n<imdn/>"},
		{"text/plain", "k: kamailio/imc\r\nX-IMC-Hops: 2\r\n", "[a]: hi"},
	} {
		f.Add(s.contentType, s.headers, []byte(s.body))
	}
	f.Fuzz(func(t *testing.T, contentType, headers string, body []byte) {
		r := &sip.Request{From: "sip:bob@example.org", RequestURI: roomURI, ContentType: contentType, Headers: headers, Body: body}
		c := sip.Classify(r, '#', 1)
		engine.RefusalCode(r, &c)
		out, settled := engine.Settle(r, &c)
		switch {
		case settled == (c.GoesOn() || c.Kind == sip.KindCommand) && len(body) > 0:
			t.Fatalf("kind %d: settled is %v", c.Kind, settled)
		case out.Code > 0 && len(out.Messages) > 0:
			t.Fatal("something for nobody is answered")
		}
	})
}
