package engine

import (
	"bytes"
	"io"
	"strings"

	"golang.org/x/net/html"
)

const textPlain = "text/plain"

// IsCommand reports whether the body of r is a command that begins with the
// byte start. In text/html that is the first byte of the text to be shown, in
// message/cpim (RFC 3862) of the message inside.
func IsCommand(r *Request, start byte) bool {
	if len(r.Body) == 0 {
		return false
	}
	if r.Body[0] == start {
		return true
	}
	switch {
	case isType(r.ContentType, "text/html"):
		return htmlBegins(r.Body, start)
	case isType(r.ContentType, "message/cpim"):
		_, ok := cpimCommand(r.Body, start)
		return ok
	}
	return false
}

// commandLine returns the text of a command from its start byte on. ok is
// false if the body is none.
func commandLine(r *Request, start byte) (line []byte, ok bool) {
	if !IsCommand(r, start) {
		return nil, false
	}
	switch {
	case isType(r.ContentType, "text/html"):
		return htmlText(r.Body), true
	case isType(r.ContentType, "message/cpim") && r.Body[0] != start:
		return cpimCommand(r.Body, start)
	}
	return r.Body, true
}

// AppendText appends to dst what the members of a room get of a text: bodies
// of type text/* with "[user]: " before them, others unchanged, since a prefix
// would break them. outType is the type to send them with. deliver is false
// for delivery notifications (message/imdn+xml, RFC 5438, also inside
// message/cpim): they are for nobody in the room.
func AppendText(dst []byte, contentType, user string, body []byte) (text []byte, outType string, deliver bool) {
	outType = headerValue(contentType)
	switch {
	case outType == "":
		outType = textPlain
	case hasPrefixFold(outType, "text/"):
	case isType(outType, "message/imdn+xml"):
		return dst, outType, false
	default:
		if isType(outType, "message/cpim") && cpimIsNotification(body) {
			return dst, outType, false
		}
		return append(dst, body...), outType, true
	}
	dst = append(dst, '[')
	dst = append(dst, user...)
	dst = append(dst, "]: "...)
	return append(dst, body...), outType, true
}

// isType reports whether a Content-Type is want (in lower case), whatever its
// parameters.
func isType(contentType, want string) bool {
	if i := strings.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	return equalFold(strings.Trim(contentType, " \t\r\n"), want)
}

// headerValue returns the value of a header in one line, "" if it holds what
// no header can: it is written into the MESSAGEs that are sent.
func headerValue(v string) string {
	clean := true
	for i := range len(v) {
		if v[i] < ' ' || v[i] == 0x7f {
			clean = false
			if c := v[i]; c != '\r' && c != '\n' && c != '\t' {
				return ""
			}
		}
	}
	if clean {
		return strings.Trim(v, " ")
	}
	return strings.Join(strings.Fields(v), " ")
}

// htmlBegins reports whether the first byte of the text of an HTML document,
// blanks aside, is start.
func htmlBegins(body []byte, start byte) bool {
	found := false
	htmlWalk(body, func(text []byte) bool {
		text = bytes.TrimLeft(text, " \t\r\n\f")
		if len(text) == 0 {
			return true
		}
		found = text[0] == start
		return false
	})
	return found
}

// htmlText returns the first line of the text of an HTML document, with
// entities decoded. Line ends in the source are blanks; elements that begin a
// new line end it.
func htmlText(body []byte) []byte {
	var line []byte
	htmlWalk(body, func(text []byte) bool {
		if text == nil {
			return len(line) == 0
		}
		for _, c := range bytes.ReplaceAll(text, noBreakSpace, []byte{' '}) {
			if c == '\r' || c == '\n' || c == '\f' {
				c = ' '
			}
			if len(line) > 0 || c != ' ' && c != '\t' {
				line = append(line, c)
			}
		}
		return true
	})
	return line
}

var noBreakSpace = []byte("\u00a0")

// htmlWalk calls text with each piece of text that a reader would see, and
// with nil where a new line begins, until it returns false.
func htmlWalk(body []byte, text func([]byte) bool) {
	z := html.NewTokenizer(bytes.NewReader(body))
	z.SetMaxBuf(0)
	hidden := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			if !hidden && !text(z.Text()) {
				return
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			hidden = isHiddenElement(string(name))
			if beginsLine(string(name)) && !text(nil) {
				return
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			hidden = false
			if beginsLine(string(name)) && !text(nil) {
				return
			}
		}
	}
}

func isHiddenElement(name string) bool {
	switch name {
	case "style", "script", "title", "template", "noscript":
		return true
	}
	return false
}

func beginsLine(name string) bool {
	switch name {
	case "br", "p", "div", "li", "ul", "ol", "tr", "table", "pre", "blockquote", "hr",
		"h1", "h2", "h3", "h4", "h5", "h6", "body":
		return true
	}
	return false
}

// cpimCommand returns the command inside a message/cpim body.
func cpimCommand(body []byte, start byte) (line []byte, ok bool) {
	contentType, content := cpimContent(body)
	if len(content) == 0 || isType(contentType, "message/cpim") {
		return nil, false
	}
	return commandLine(&Request{ContentType: contentType, Body: content}, start)
}

func cpimIsNotification(body []byte) bool {
	contentType, _ := cpimContent(body)
	return isType(contentType, "message/imdn+xml")
}

// cpimContent takes a message/cpim body apart: after the headers of the
// message come those of its content, then the content (RFC 3862, section 2).
// Lines may end in LF alone. A content in an encoding is not looked into.
func cpimContent(body []byte) (contentType string, content []byte) {
	_, rest, ok := cpimHeaders(body)
	if !ok {
		return "", nil
	}
	headers, content, ok := cpimHeaders(rest)
	if !ok {
		return "", nil
	}
	switch strings.ToLower(headers["content-transfer-encoding"]) {
	case "", "7bit", "8bit", "binary":
		return headers["content-type"], content
	}
	return headers["content-type"], nil
}

// cpimHeaders reads headers up to an empty line. Of each name, in lower case,
// the first one counts; only the two that matter here are kept.
func cpimHeaders(b []byte) (headers map[string]string, rest []byte, ok bool) {
	headers = make(map[string]string, 2)
	r := bytes.NewBuffer(b)
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return nil, nil, false
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return headers, r.Bytes(), true
		}
		name, value, _ := strings.Cut(string(line), ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "content-type" && name != "content-transfer-encoding" {
			continue
		}
		if _, twice := headers[name]; !twice {
			headers[name] = strings.TrimSpace(value)
		}
	}
}
