package sip_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/sip"
)

const imdn = `<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>1</message-id></imdn>`

// compressed is a body in an encoding, by the name of Content-Encoding.
func compressed(t testing.TB, encoding, body string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	default:
		var err error
		w, err = flate.NewWriter(&b, flate.BestCompression)
		require.NoError(t, err)
	}
	_, err := io.WriteString(w, body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func wrapped(contentType, headers, body string) string {
	return cpim + "Content-Type: " + contentType + "\r\n" + headers + "\r\n" + body
}

// classify is a body with its kind, and what bob's text of it becomes.
func classify(contentType, headers, body string) (sip.Content, sip.TextPlan) {
	r := &sip.Request{
		From: "sip:bob@example.org", RequestURI: testRoom,
		ContentType: contentType, Headers: headers, Body: []byte(body),
	}
	c := sip.Classify(r, '#', 1)
	if !c.GoesOn() {
		return c, sip.TextPlan{}
	}
	return c, sip.PlanText([]byte(">"), "sip:bob@example.org", &c)
}

func TestWhatGoesOn(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	zipped := compressed(t, "zlib", "hi")
	const from = "From: <sip:bob@example.org>\r\n"
	for name, test := range map[string]struct {
		contentType, headers, body string
		kind                       sip.Kind
		outType, outHeaders, out   string
	}{
		"no type":           {"", "", "hi", sip.KindText, "text/plain", "", "[bob]: hi"},
		"a parameter":       {"Text/Plain; charset=utf-8", "", "hi", sip.KindText, "Text/Plain; charset=utf-8", "", "[bob]: hi"},
		"html":              {"text/html", "", "<p>hi</p>", sip.KindText, "text/html", "", "[bob]: <p>hi</p>"},
		"a folded type":     {"text/plain;\r\n charset=utf-8", "", "hi", sip.KindText, "text/plain; charset=utf-8", "", "[bob]: hi"},
		"a type with NUL":   {"text/plain\x00", "", "hi", sip.KindText, "text/plain", "", "[bob]: hi"},
		"a blank type":      {" \t", "", "hi", sip.KindText, "text/plain", "", "[bob]: hi"},
		"typing":            {"application/im-iscomposing+xml", "", "<a/>", sip.KindTyping, "application/im-iscomposing+xml", "", "<a/>"},
		"multipart":         {"multipart/mixed;boundary=x", "", "--x\r\n\r\nhi\r\n--x--", sip.KindOther, "multipart/mixed;boundary=x", "", "--x\r\n\r\nhi\r\n--x--"},
		"a type of its own": {"application/x", "Content-Language: fi\r\n", "hi", sip.KindOther, "application/x", "Content-Language: fi\r\n", "hi"},
		"fields of a text": {"text/plain", "Subject: s\r\nDATE: d\r\nMIME-Version: 1.0\r\nContent-language: en\r\nContent-Transfer-Encoding: 8bit\r\nX: y\r\n" +
			"Content-Disposition: render\r\nSupported: path\r\n", "hi", sip.KindText, "text/plain",
			"Content-Disposition: render\r\nContent-Language: en\r\nSubject: s\r\nDate: d\r\n", "[bob]: hi"},
		"compact and folded":   {"application/x", "s: one\r\n two\r\ne: br\r\n", "hi", sip.KindOther, "application/x", "Content-Encoding: br\r\nSubject: one   two\r\n", "hi"},
		"the first field only": {"text/plain", "Subject: 1\r\nSubject: 2\r\n", "hi", sip.KindText, "text/plain", "Subject: 1\r\n", "[bob]: hi"},
		"control characters":   {"text/plain", "Subject: a\rVia: b\x00c\r\n", "hi", sip.KindText, "text/plain", "Subject: a Via: b c\r\n", "[bob]: hi"},
		"a long field":         {"text/plain", "Subject: " + strings.Repeat("x", 513) + "\r\n", "hi", sip.KindText, "text/plain", "", "[bob]: hi"},
		"a text that is a file": {"text/x-sh", "Content-Disposition: attachment; filename=a.sh\r\n", "#!/bin/sh", sip.KindOther, "text/x-sh",
			"Content-Disposition: attachment; filename=a.sh\r\n", "#!/bin/sh"},
		"a file that is packed": {"text/plain", "Content-Encoding: deflate\r\nContent-Disposition: ATTACHMENT\r\n", zipped, sip.KindOther, "text/plain",
			"Content-Encoding: deflate\r\nContent-Disposition: ATTACHMENT\r\n", zipped},
		"zlib":                    {"text/plain", "Content-Encoding: deflate\r\nSubject: s\r\n", zipped, sip.KindText, "text/plain", "Subject: s\r\n", "[bob]: hi"},
		"bare deflate":            {"", "Content-Encoding: deflate\r\n", compressed(t, "deflate", "hi"), sip.KindText, "text/plain", "", "[bob]: hi"},
		"gzip":                    {"text/html", "e: X-GZIP\r\n", compressed(t, "gzip", "hi"), sip.KindText, "text/html", "", "[bob]: hi"},
		"twice":                   {"text/plain", "Content-Encoding: deflate, gzip\r\n", compressed(t, "gzip", zipped), sip.KindText, "text/plain", "", "[bob]: hi"},
		"identity":                {"text/plain", "Content-Encoding: identity\r\n", "hi", sip.KindText, "text/plain", "", "[bob]: hi"},
		"base64":                  {"text/plain", "Content-Transfer-Encoding: base64\r\n", b64([]byte("hi")), sip.KindText, "text/plain", "", "[bob]: hi"},
		"quoted-printable":        {"text/plain", "Content-Transfer-Encoding: Quoted-Printable\r\n", "h=69", sip.KindText, "text/plain", "", "[bob]: hi"},
		"unknown":                 {"text/plain", "Content-Encoding: br\r\n", "#help", sip.KindOther, "text/plain", "Content-Encoding: br\r\n", "#help"},
		"packed, of another type": {"application/x", "Content-Encoding: deflate\r\n", zipped, sip.KindOther, "application/x", "Content-Encoding: deflate\r\n", zipped},
		"typing, packed":          {"application/im-iscomposing+xml", "Content-Encoding: deflate\r\n", zipped, sip.KindTyping, "application/im-iscomposing+xml", "Content-Encoding: deflate\r\n", zipped},
		"a text in cpim":          {"message/cpim", "Subject: s\r\nContent-Language: en\r\n", wrapped("text/plain;x=y", "Content-Language: fi\r\n", "hi"), sip.KindText, "text/plain;x=y", "Content-Language: fi\r\nSubject: s\r\n", "[bob]: hi"},
		"a text in cpim in cpim":  {"message/cpim", "", wrapped("message/cpim", "", wrapped("text/plain", "", "hi")), sip.KindText, "text/plain", "", "[bob]: hi"},
		"a text in packed cpim":   {"message/cpim", "Content-Encoding: deflate\r\n", compressed(t, "zlib", wrapped("text/plain", "", "hi")), sip.KindText, "text/plain", "", "[bob]: hi"},
		"packed in cpim":          {"message/cpim", "", wrapped("text/plain", "Content-Transfer-Encoding: base64\r\n", b64([]byte("hi"))), sip.KindText, "text/plain", "", "[bob]: hi"},
		"a file in cpim":          {"message/cpim", "", wrapped("text/plain", "Content-Disposition: attachment\r\n", "hi"), sip.KindOther, "text/plain", "Content-Disposition: attachment\r\n", "hi"},
		"typing in cpim":          {"message/cpim", "", wrapped("application/im-iscomposing+xml", "", "<a/>"), sip.KindTyping, "application/im-iscomposing+xml", "", "<a/>"},
		"another type in cpim":    {"message/cpim", "", wrapped("image/png", "", "png"), sip.KindOther, "message/cpim", "", from + "To: <sip:c@d>\r\n\r\nContent-Type: image/png\r\n\r\npng"},
		"another in packed cpim": {"message/cpim", "Content-Encoding: deflate\r\nSubject: s\r\n", compressed(t, "zlib", wrapped("image/png", "", "png")), sip.KindOther, "message/cpim",
			"Subject: s\r\n", from + "To: <sip:c@d>\r\n\r\nContent-Type: image/png\r\n\r\npng"},
		"a forged From in cpim": {"message/cpim", "", "to: x\n From: y\nFROM : <sip:boss@x>\r\n folded\r\nns.From: boss\r\nFrom\r\nNS: a\r\nFrom: z\n\nContent-Type: image/png\n\npng", sip.KindOther, "message/cpim", "",
			from + "to: x\nNS: a\r\n\nContent-Type: image/png\n\npng"},
		"multipart in cpim": {"message/cpim", "", wrapped("multipart/mixed;boundary=x", "", "--x\r\n\r\nhi\r\n--x--"), sip.KindOther, "message/cpim", "",
			from + "To: <sip:c@d>\r\n\r\nContent-Type: multipart/mixed;boundary=x\r\n\r\n--x\r\n\r\nhi\r\n--x--"},
	} {
		c, plan := classify(test.contentType, test.headers, test.body)
		assert.Equal(t, test.kind, c.Kind, name)
		assert.Equal(t, ">"+test.out, string(plan.Body), name)
		assert.Equal(t, test.outType, plan.ContentType, name)
		assert.Equal(t, test.outHeaders, string(plan.Headers), name)
		assert.Equal(t, test.kind == sip.KindTyping, plan.Typing, name)
	}
}

// parts is a multipart body.
func parts(all ...string) string {
	return "preamble\r\n--x\r\n" + strings.Join(all, "\r\n--x\r\n") + "\r\n--x--\r\n"
}

func TestWhatGoesToNobody(t *testing.T) {
	receipt := wrapped("message/imdn+xml", "Content-Disposition: notification\r\n", imdn)
	mixed := `multipart/mixed; boundary="x"`
	nested := receipt
	for range 3 {
		nested = wrapped("message/cpim", "", nested)
	}
	for name, test := range map[string]struct {
		contentType, headers, body string
		kind                       sip.Kind
	}{
		"receipt":                    {"message/imdn+xml", "", imdn, sip.KindReceipt},
		"receipt, packed":            {"Message/IMDN+xml; x=y", "Content-Encoding: br\r\n", "?", sip.KindReceipt},
		"receipt in cpim":            {"message/cpim", "", receipt, sip.KindReceipt},
		"receipt in packed cpim":     {"message/cpim", "Content-Encoding: deflate\r\n", compressed(t, "zlib", receipt), sip.KindReceipt},
		"receipt in cpim with bare":  {"message/cpim", "Content-Encoding: deflate\r\n", compressed(t, "deflate", receipt), sip.KindReceipt},
		"receipt in base64 in cpim":  {"message/cpim", "", wrapped("message/cpim", "Content-Transfer-Encoding: base64\r\n", base64.StdEncoding.EncodeToString([]byte(receipt))), sip.KindReceipt},
		"receipt four deep":          {"message/cpim", "", nested, sip.KindReceipt},
		"receipt six deep":           {"message/cpim", "", wrapped("message/cpim", "", wrapped("message/cpim", "", nested)), sip.KindUnreadable},
		"receipt in multipart":       {mixed, "", parts("Content-Type: text/plain\r\n\r\nread", "Content-Type: message/imdn+xml\r\n\r\n"+imdn), sip.KindReceipt},
		"receipt in packed parts":    {mixed, "Content-Encoding: gzip\r\n", compressed(t, "gzip", parts("\r\nread", "Content-Type: message/imdn+xml\r\n\r\n"+imdn)), sip.KindReceipt},
		"receipt in multipart cpim":  {mixed, "", parts("Content-Type: message/cpim\r\n\r\n" + receipt), sip.KindReceipt},
		"receipt in parts in cpim":   {"message/cpim", "", wrapped(mixed, "", parts("Content-Type: message/imdn+xml\r\n\r\n"+imdn)), sip.KindReceipt},
		"receipt without an end":     {mixed, "", "--x\r\nContent-Type: message/imdn+xml\r\n\r\n" + imdn, sip.KindReceipt},
		"cpim in multipart":          {mixed, "", parts("Content-Type: message/cpim\r\n\r\n" + wrapped("image/png", "", "png")), sip.KindUnreadable},
		"cpim in cpim":               {"message/cpim", "", wrapped("message/cpim", "", wrapped("image/png", "", "png")), sip.KindUnreadable},
		"cpim in an unknown coding":  {"message/cpim", "Content-Encoding: br\r\n", receipt, sip.KindUnreadable},
		"no cpim":                    {"message/cpim", "", "hello", sip.KindUnreadable},
		"cpim with a bare CR":        {"message/cpim", "", "To: x\rFrom: y\r\n\r\nContent-Type: image/png\r\n\r\npng", sip.KindUnreadable},
		"not gzip":                   {"text/plain", "Content-Encoding: gzip\r\n", "hello", sip.KindUnreadable},
		"cut gzip":                   {"text/plain", "Content-Encoding: gzip\r\n", compressed(t, "gzip", "hello")[:20], sip.KindUnreadable},
		"not base64":                 {"text/plain", "Content-Transfer-Encoding: base64\r\n", "#help!", sip.KindUnreadable},
		"bomb":                       {"text/plain", "Content-Encoding: deflate\r\n", compressed(t, "zlib", strings.Repeat("x", 65537)), sip.KindTooLong},
		"bomb in cpim":               {"message/cpim", "", wrapped("text/plain", "Content-Encoding: gzip\r\n", compressed(t, "gzip", strings.Repeat("x", 1<<22))), sip.KindTooLong},
		"bomb in a bomb":             {"text/plain", "Content-Encoding: gzip, gzip\r\n", compressed(t, "gzip", compressed(t, "gzip", strings.Repeat("x", 1<<24))), sip.KindTooLong},
		"command":                    {"application/octet-stream", "", "#help", sip.KindCommand},
		"command, packed":            {"text/plain", "Content-Encoding: deflate\r\n", compressed(t, "zlib", "#help"), sip.KindCommand},
		"command in packed html":     {"text/html", "Content-Encoding: gzip\r\n", compressed(t, "gzip", "<p>#help"), sip.KindCommand},
		"command in packed cpim":     {"message/cpim", "Content-Encoding: deflate\r\n", compressed(t, "zlib", wrapped("text/plain", "", "#help")), sip.KindCommand},
		"notice of a room":           {"text/plain", "Supported: path, Kamailio/IMC\r\n", "*** [a] has joined the room", sip.KindNotice},
		"list of a room":             {"text/plain", "k: kamailio/imc\r\n", "Members:\n*[a]", sip.KindNotice},
		"command of a room":          {"", "Supported: kamailio/imc\r\n", "#join", sip.KindNotice},
		"text through two rooms":     {"text/plain", "Supported: kamailio/imc\r\nX-IMC-Hops: 2\r\n", "[r]: [a]: hi", sip.KindLooped},
		"typing through three rooms": {"application/im-iscomposing+xml", "X-IMC-Hops: 3\r\nSupported: kamailio/imc\r\n", "<a/>", sip.KindLooped},
		"notice through many rooms":  {"text/plain", "X-IMC-Hops: 99\r\n", "*** x", sip.KindNotice},
	} {
		c, _ := classify(test.contentType, test.headers, test.body)
		assert.Equal(t, test.kind, c.Kind, name)
	}
}

func TestBombCostsLittle(t *testing.T) {
	// 16 MB in 16 KB, and a body full of such parts
	bomb := compressed(t, "gzip", strings.Repeat("\x00", 1<<24))
	part := "Content-Type: message/cpim\r\nContent-Encoding: gzip\r\n\r\n" + bomb
	for _, test := range [][3]string{
		{"text/plain", "Content-Encoding: gzip\r\n", bomb},
		{"multipart/mixed; boundary=x", "", parts(part, part, part, part)},
	} {
		result := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				classify(test[0], test[1], test[2])
			}
		})
		assert.Less(t, result.AllocedBytesPerOp(), int64(4<<20), test[0])
	}
}

func TestTextThroughRooms(t *testing.T) {
	for _, test := range []struct {
		headers, out string
		maxHops      int
		kind         sip.Kind
	}{
		{"", "", 1, sip.KindText},
		{"", "", 0, sip.KindText},
		{"Supported: kamailio/imc\r\n", "X-IMC-Hops: 2\r\n", 1, sip.KindText},
		{"Supported: kamailio/imc\r\n", "", 0, sip.KindLooped},
		{"Supported: kamailio/imc\r\nX-IMC-Hops: 2\r\n", "X-IMC-Hops: 3\r\n", 2, sip.KindText},
		{"Supported: kamailio/imc\r\nX-IMC-Hops: many\r\n", "X-IMC-Hops: 2\r\n", 1, sip.KindText},
	} {
		r := &sip.Request{From: "sip:other@example.org", RequestURI: testRoom, Headers: test.headers, Body: []byte("[a]: hi")}
		c := sip.Classify(r, '#', test.maxHops)
		assert.Equal(t, test.kind, c.Kind, test.headers)
		if c.GoesOn() {
			plan := sip.PlanText(nil, "sip:other@example.org", &c)
			assert.Equal(t, "[other]: [a]: hi", string(plan.Body))
			assert.Equal(t, test.out, string(plan.Headers))
		}
	}
}
