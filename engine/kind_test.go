package engine_test

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

	"kamailio-imc/engine"
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
func classify(contentType, headers, body string) (engine.Content, engine.TextPlan) {
	r := &engine.Request{
		From: "sip:bob@example.org", RequestURI: roomURI,
		ContentType: contentType, Headers: headers, Body: []byte(body),
	}
	c := engine.Classify(r, '#', 1)
	if !c.GoesOn() {
		return c, engine.TextPlan{}
	}
	return c, engine.PlanText([]byte(">"), "sip:bob@example.org", &c)
}

func TestWhatGoesOn(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	zipped := compressed(t, "zlib", "hi")
	const from = "From: <sip:bob@example.org>\r\n"
	for name, test := range map[string]struct {
		contentType, headers, body string
		kind                       engine.Kind
		outType, outHeaders, out   string
	}{
		"no type":           {"", "", "hi", engine.KindText, "text/plain", "", "[bob]: hi"},
		"a parameter":       {"Text/Plain; charset=utf-8", "", "hi", engine.KindText, "Text/Plain; charset=utf-8", "", "[bob]: hi"},
		"html":              {"text/html", "", "<p>hi</p>", engine.KindText, "text/html", "", "[bob]: <p>hi</p>"},
		"a folded type":     {"text/plain;\r\n charset=utf-8", "", "hi", engine.KindText, "text/plain; charset=utf-8", "", "[bob]: hi"},
		"a type with NUL":   {"text/plain\x00", "", "hi", engine.KindText, "text/plain", "", "[bob]: hi"},
		"a blank type":      {" \t", "", "hi", engine.KindText, "text/plain", "", "[bob]: hi"},
		"typing":            {"application/im-iscomposing+xml", "", "<a/>", engine.KindTyping, "application/im-iscomposing+xml", "", "<a/>"},
		"multipart":         {"multipart/mixed;boundary=x", "", "--x\r\n\r\nhi\r\n--x--", engine.KindOther, "multipart/mixed;boundary=x", "", "--x\r\n\r\nhi\r\n--x--"},
		"a type of its own": {"application/x", "Content-Language: fi\r\n", "hi", engine.KindOther, "application/x", "Content-Language: fi\r\n", "hi"},
		"fields of a text": {"text/plain", "Subject: s\r\nDATE: d\r\nMIME-Version: 1.0\r\nContent-language: en\r\nContent-Transfer-Encoding: 8bit\r\nX: y\r\n" +
			"Content-Disposition: render\r\nSupported: path\r\n", "hi", engine.KindText, "text/plain",
			"Content-Disposition: render\r\nContent-Language: en\r\nSubject: s\r\nDate: d\r\n", "[bob]: hi"},
		"compact and folded":   {"application/x", "s: one\r\n two\r\ne: br\r\n", "hi", engine.KindOther, "application/x", "Content-Encoding: br\r\nSubject: one   two\r\n", "hi"},
		"the first field only": {"text/plain", "Subject: 1\r\nSubject: 2\r\n", "hi", engine.KindText, "text/plain", "Subject: 1\r\n", "[bob]: hi"},
		"control characters":   {"text/plain", "Subject: a\rVia: b\x00c\r\n", "hi", engine.KindText, "text/plain", "Subject: a Via: b c\r\n", "[bob]: hi"},
		"a long field":         {"text/plain", "Subject: " + strings.Repeat("x", 513) + "\r\n", "hi", engine.KindText, "text/plain", "", "[bob]: hi"},
		"a text that is a file": {"text/x-sh", "Content-Disposition: attachment; filename=a.sh\r\n", "#!/bin/sh", engine.KindOther, "text/x-sh",
			"Content-Disposition: attachment; filename=a.sh\r\n", "#!/bin/sh"},
		"a file that is packed": {"text/plain", "Content-Encoding: deflate\r\nContent-Disposition: ATTACHMENT\r\n", zipped, engine.KindOther, "text/plain",
			"Content-Encoding: deflate\r\nContent-Disposition: ATTACHMENT\r\n", zipped},
		"zlib":                    {"text/plain", "Content-Encoding: deflate\r\nSubject: s\r\n", zipped, engine.KindText, "text/plain", "Subject: s\r\n", "[bob]: hi"},
		"bare deflate":            {"", "Content-Encoding: deflate\r\n", compressed(t, "deflate", "hi"), engine.KindText, "text/plain", "", "[bob]: hi"},
		"gzip":                    {"text/html", "e: X-GZIP\r\n", compressed(t, "gzip", "hi"), engine.KindText, "text/html", "", "[bob]: hi"},
		"twice":                   {"text/plain", "Content-Encoding: deflate, gzip\r\n", compressed(t, "gzip", zipped), engine.KindText, "text/plain", "", "[bob]: hi"},
		"identity":                {"text/plain", "Content-Encoding: identity\r\n", "hi", engine.KindText, "text/plain", "", "[bob]: hi"},
		"base64":                  {"text/plain", "Content-Transfer-Encoding: base64\r\n", b64([]byte("hi")), engine.KindText, "text/plain", "", "[bob]: hi"},
		"quoted-printable":        {"text/plain", "Content-Transfer-Encoding: Quoted-Printable\r\n", "h=69", engine.KindText, "text/plain", "", "[bob]: hi"},
		"unknown":                 {"text/plain", "Content-Encoding: br\r\n", "#help", engine.KindOther, "text/plain", "Content-Encoding: br\r\n", "#help"},
		"packed, of another type": {"application/x", "Content-Encoding: deflate\r\n", zipped, engine.KindOther, "application/x", "Content-Encoding: deflate\r\n", zipped},
		"typing, packed":          {"application/im-iscomposing+xml", "Content-Encoding: deflate\r\n", zipped, engine.KindTyping, "application/im-iscomposing+xml", "Content-Encoding: deflate\r\n", zipped},
		"a text in cpim":          {"message/cpim", "Subject: s\r\nContent-Language: en\r\n", wrapped("text/plain;x=y", "Content-Language: fi\r\n", "hi"), engine.KindText, "text/plain;x=y", "Content-Language: fi\r\nSubject: s\r\n", "[bob]: hi"},
		"a text in cpim in cpim":  {"message/cpim", "", wrapped("message/cpim", "", wrapped("text/plain", "", "hi")), engine.KindText, "text/plain", "", "[bob]: hi"},
		"a text in packed cpim":   {"message/cpim", "Content-Encoding: deflate\r\n", compressed(t, "zlib", wrapped("text/plain", "", "hi")), engine.KindText, "text/plain", "", "[bob]: hi"},
		"packed in cpim":          {"message/cpim", "", wrapped("text/plain", "Content-Transfer-Encoding: base64\r\n", b64([]byte("hi"))), engine.KindText, "text/plain", "", "[bob]: hi"},
		"a file in cpim":          {"message/cpim", "", wrapped("text/plain", "Content-Disposition: attachment\r\n", "hi"), engine.KindOther, "text/plain", "Content-Disposition: attachment\r\n", "hi"},
		"typing in cpim":          {"message/cpim", "", wrapped("application/im-iscomposing+xml", "", "<a/>"), engine.KindTyping, "application/im-iscomposing+xml", "", "<a/>"},
		"another type in cpim":    {"message/cpim", "", wrapped("image/png", "", "png"), engine.KindOther, "message/cpim", "", from + "To: <sip:c@d>\r\n\r\nContent-Type: image/png\r\n\r\npng"},
		"another in packed cpim": {"message/cpim", "Content-Encoding: deflate\r\nSubject: s\r\n", compressed(t, "zlib", wrapped("image/png", "", "png")), engine.KindOther, "message/cpim",
			"Subject: s\r\n", from + "To: <sip:c@d>\r\n\r\nContent-Type: image/png\r\n\r\npng"},
		"a forged From in cpim": {"message/cpim", "", "to: x\n From: y\nFROM : <sip:boss@x>\r\n folded\r\nns.From: boss\r\nFrom\r\nNS: a\r\nFrom: z\n\nContent-Type: image/png\n\npng", engine.KindOther, "message/cpim", "",
			from + "to: x\nNS: a\r\n\nContent-Type: image/png\n\npng"},
		"multipart in cpim": {"message/cpim", "", wrapped("multipart/mixed;boundary=x", "", "--x\r\n\r\nhi\r\n--x--"), engine.KindOther, "message/cpim", "",
			from + "To: <sip:c@d>\r\n\r\nContent-Type: multipart/mixed;boundary=x\r\n\r\n--x\r\n\r\nhi\r\n--x--"},
	} {
		c, plan := classify(test.contentType, test.headers, test.body)
		assert.Equal(t, test.kind, c.Kind, name)
		assert.Equal(t, ">"+test.out, string(plan.Body), name)
		assert.Equal(t, test.outType, plan.ContentType, name)
		assert.Equal(t, test.outHeaders, string(plan.Headers), name)
		assert.Equal(t, test.kind == engine.KindTyping, plan.Typing, name)
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
		kind                       engine.Kind
	}{
		"receipt":                    {"message/imdn+xml", "", imdn, engine.KindReceipt},
		"receipt, packed":            {"Message/IMDN+xml; x=y", "Content-Encoding: br\r\n", "?", engine.KindReceipt},
		"receipt in cpim":            {"message/cpim", "", receipt, engine.KindReceipt},
		"receipt in packed cpim":     {"message/cpim", "Content-Encoding: deflate\r\n", compressed(t, "zlib", receipt), engine.KindReceipt},
		"receipt in cpim with bare":  {"message/cpim", "Content-Encoding: deflate\r\n", compressed(t, "deflate", receipt), engine.KindReceipt},
		"receipt in base64 in cpim":  {"message/cpim", "", wrapped("message/cpim", "Content-Transfer-Encoding: base64\r\n", base64.StdEncoding.EncodeToString([]byte(receipt))), engine.KindReceipt},
		"receipt four deep":          {"message/cpim", "", nested, engine.KindReceipt},
		"receipt six deep":           {"message/cpim", "", wrapped("message/cpim", "", wrapped("message/cpim", "", nested)), engine.KindUnreadable},
		"receipt in multipart":       {mixed, "", parts("Content-Type: text/plain\r\n\r\nread", "Content-Type: message/imdn+xml\r\n\r\n"+imdn), engine.KindReceipt},
		"receipt in packed parts":    {mixed, "Content-Encoding: gzip\r\n", compressed(t, "gzip", parts("\r\nread", "Content-Type: message/imdn+xml\r\n\r\n"+imdn)), engine.KindReceipt},
		"receipt in multipart cpim":  {mixed, "", parts("Content-Type: message/cpim\r\n\r\n" + receipt), engine.KindReceipt},
		"receipt in parts in cpim":   {"message/cpim", "", wrapped(mixed, "", parts("Content-Type: message/imdn+xml\r\n\r\n"+imdn)), engine.KindReceipt},
		"receipt without an end":     {mixed, "", "--x\r\nContent-Type: message/imdn+xml\r\n\r\n" + imdn, engine.KindReceipt},
		"cpim in multipart":          {mixed, "", parts("Content-Type: message/cpim\r\n\r\n" + wrapped("image/png", "", "png")), engine.KindUnreadable},
		"cpim in cpim":               {"message/cpim", "", wrapped("message/cpim", "", wrapped("image/png", "", "png")), engine.KindUnreadable},
		"cpim in an unknown coding":  {"message/cpim", "Content-Encoding: br\r\n", receipt, engine.KindUnreadable},
		"no cpim":                    {"message/cpim", "", "hello", engine.KindUnreadable},
		"cpim with a bare CR":        {"message/cpim", "", "To: x\rFrom: y\r\n\r\nContent-Type: image/png\r\n\r\npng", engine.KindUnreadable},
		"not gzip":                   {"text/plain", "Content-Encoding: gzip\r\n", "hello", engine.KindUnreadable},
		"cut gzip":                   {"text/plain", "Content-Encoding: gzip\r\n", compressed(t, "gzip", "hello")[:20], engine.KindUnreadable},
		"not base64":                 {"text/plain", "Content-Transfer-Encoding: base64\r\n", "#help!", engine.KindUnreadable},
		"bomb":                       {"text/plain", "Content-Encoding: deflate\r\n", compressed(t, "zlib", strings.Repeat("x", 65537)), engine.KindTooLong},
		"bomb in cpim":               {"message/cpim", "", wrapped("text/plain", "Content-Encoding: gzip\r\n", compressed(t, "gzip", strings.Repeat("x", 1<<22))), engine.KindTooLong},
		"bomb in a bomb":             {"text/plain", "Content-Encoding: gzip, gzip\r\n", compressed(t, "gzip", compressed(t, "gzip", strings.Repeat("x", 1<<24))), engine.KindTooLong},
		"command":                    {"application/octet-stream", "", "#help", engine.KindCommand},
		"command, packed":            {"text/plain", "Content-Encoding: deflate\r\n", compressed(t, "zlib", "#help"), engine.KindCommand},
		"command in packed html":     {"text/html", "Content-Encoding: gzip\r\n", compressed(t, "gzip", "<p>#help"), engine.KindCommand},
		"command in packed cpim":     {"message/cpim", "Content-Encoding: deflate\r\n", compressed(t, "zlib", wrapped("text/plain", "", "#help")), engine.KindCommand},
		"notice of a room":           {"text/plain", "Supported: path, Kamailio/IMC\r\n", "*** [a] has joined the room", engine.KindNotice},
		"list of a room":             {"text/plain", "k: kamailio/imc\r\n", "Members:\n*[a]", engine.KindNotice},
		"command of a room":          {"", "Supported: kamailio/imc\r\n", "#join", engine.KindNotice},
		"text through two rooms":     {"text/plain", "Supported: kamailio/imc\r\nX-IMC-Hops: 2\r\n", "[r]: [a]: hi", engine.KindLooped},
		"typing through three rooms": {"application/im-iscomposing+xml", "X-IMC-Hops: 3\r\nSupported: kamailio/imc\r\n", "<a/>", engine.KindLooped},
		"notice through many rooms":  {"text/plain", "X-IMC-Hops: 99\r\n", "*** x", engine.KindNotice},
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
		kind         engine.Kind
	}{
		{"", "", 1, engine.KindText},
		{"", "", 0, engine.KindText},
		{"Supported: kamailio/imc\r\n", "X-IMC-Hops: 2\r\n", 1, engine.KindText},
		{"Supported: kamailio/imc\r\n", "", 0, engine.KindLooped},
		{"Supported: kamailio/imc\r\nX-IMC-Hops: 2\r\n", "X-IMC-Hops: 3\r\n", 2, engine.KindText},
		{"Supported: kamailio/imc\r\nX-IMC-Hops: many\r\n", "X-IMC-Hops: 2\r\n", 1, engine.KindText},
	} {
		r := request("other", "", "[a]: hi")
		r.Headers = test.headers
		c := engine.Classify(r, '#', test.maxHops)
		assert.Equal(t, test.kind, c.Kind, test.headers)
		if c.GoesOn() {
			plan := engine.PlanText(nil, "sip:other@example.org", &c)
			assert.Equal(t, "[other]: [a]: hi", string(plan.Body))
			assert.Equal(t, test.out, string(plan.Headers))
		}
	}
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
		"receipt":    {"message/imdn+xml", "", imdn, engine.CodeOK, nil},
		"notice":     {"text/plain", "Supported: kamailio/imc\r\n", "*** hello", engine.CodeOK, nil},
		"looped":     {"text/plain", "X-IMC-Hops: 2\r\n", "[a]: hi", engine.CodeText, nil},
		"unreadable": {"text/plain", "Content-Encoding: gzip\r\n", "x", engine.CodeText, nil},
		"bomb": {"text/plain", "Content-Encoding: gzip\r\n", compressed(t, "gzip", strings.Repeat("x", 1<<20)), engine.CodeText,
			[]string{"room:5060 -> mallory:5070 | *** Your message is too long and was not delivered"}},
		"bomb of a room": {"text/plain", "Content-Encoding: gzip\r\nX-IMC-Hops: 1\r\n", compressed(t, "gzip", strings.Repeat("x", 1<<20)), engine.CodeText, nil},
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
