package engine_test

import (
	"slices"
	"strings"
	"testing"

	"kamailio-imc/engine"
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
		r := &engine.Request{From: from, RequestURI: to, CallID: callID, ContentType: contentType, Body: body}
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

// FuzzClassify has any body in any wrapping go on. Whatever comes, nothing
// panics, a receipt goes to nobody, no header that is sent can be broken out
// of, what is sent is no longer than what can be sent, and the only sender of
// a message/cpim is the real one.
func FuzzClassify(f *testing.F) {
	const receipt = cpim + "Content-Type: message/imdn+xml\r\n\r\n" + imdn
	for _, s := range []struct{ contentType, headers, body string }{
		{"text/plain", "Content-Encoding: deflate\r\nSubject: s\r\n", compressed(f, "zlib", "hi")},
		{"text/html", "e: gzip\r\nDate: d\r\n", compressed(f, "gzip", "<p>#help")},
		{"message/cpim", "Content-Encoding: deflate\r\n", compressed(f, "deflate", receipt)},
		{"message/cpim", "", "From: x\nns.From: y\n\nContent-Type: image/png\n\npng"},
		{"message/cpim", "", wrapped("text/plain", "Content-Transfer-Encoding: base64\r\n", "aGk=")},
		{"multipart/mixed;boundary=x", "", parts("\r\nread", "Content-Type: message/cpim\r\n\r\n"+receipt)},
		{"text/plain", "k: kamailio/imc\r\nX-IMC-Hops: 1\r\n", "[a]: hi"},
	} {
		f.Add(s.contentType, s.headers, []byte(s.body))
	}
	const sender = "sip:bob@example.org"
	f.Fuzz(func(t *testing.T, contentType, headers string, body []byte) {
		r := &engine.Request{From: sender, RequestURI: roomURI, ContentType: contentType, Headers: headers, Body: body}
		c := engine.Classify(r, '#', 1)
		if !c.GoesOn() {
			c.RefusalCode(r)
			if out, settled := engine.Settle(r, &c); settled && out.Code > 0 && len(out.Messages) > 0 {
				t.Fatal("something for nobody is answered")
			}
			return
		}
		plan := engine.PlanText(nil, sender, &c)
		if strings.ContainsAny(plan.ContentType, "\r\n\x00") || plan.ContentType == "" {
			t.Fatalf("Content-Type %q", plan.ContentType)
		}
		for line := range strings.SplitSeq(string(plan.Headers), "\r\n") {
			if strings.ContainsAny(line, "\r\n\x00") || line != "" && !strings.Contains(line, ": ") {
				t.Fatalf("header line %q", line)
			}
		}
		if len(plan.Body) > max(len(body), 64*1024)+len("From: <sip:bob@example.org>\r\n") {
			t.Fatalf("%d bytes became %d", len(body), len(plan.Body))
		}
		if strings.EqualFold(strings.TrimSpace(strings.Split(plan.ContentType, ";")[0]), "message/cpim") {
			head, _, _ := strings.Cut(strings.ReplaceAll(string(plan.Body), "\r\n", "\n"), "\n\n")
			lines := strings.Split(head, "\n")
			if lines[0] != "From: <"+sender+">" {
				t.Fatalf("a message/cpim that begins with %q", lines[0])
			}
			for _, line := range lines[1:] {
				name, _, _ := strings.Cut(strings.ToLower(line), ":")
				if name = strings.TrimSpace(name); name == "from" || strings.HasSuffix(name, ".from") {
					t.Fatalf("another sender: %q", line)
				}
			}
		}
	})
}
