package sip_test

import (
	"strings"
	"testing"

	"kamailio-imc/engine/sip"
)

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
		r := &sip.Request{From: sender, RequestURI: testRoom, ContentType: contentType, Headers: headers, Body: body}
		c := sip.Classify(r, '#', 1)
		if !c.GoesOn() {
			return
		}
		plan := sip.PlanText(nil, sender, &c)
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
