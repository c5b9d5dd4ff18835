package engine

import "strings"

// field is a header field that a room looks at or passes on.
type field uint8

// The fields, in the order in which they are sent. Those up to mimeVersion
// describe a body and go with it; in a message/cpim or a multipart body each
// content has its own.
const (
	contentEncoding field = iota
	contentDisposition
	transferEncoding
	contentLanguage
	mimeVersion
	subject
	date
	sentFields // how many of them may be sent
)

// Names that count beside those of sentFields.
const (
	nameContentType = "content-type"
	nameSupported   = "supported"
	nameHops        = "x-imc-hops"
)

// fieldNames are written as they are sent; lower and short are what they are
// compared with. short is the compact form of RFC 3261, section 7.3.3.
var fieldNames = [sentFields]struct{ name, lower, short string }{
	contentEncoding:    {"Content-Encoding", "content-encoding", "e"},
	contentDisposition: {"Content-Disposition", "content-disposition", ""},
	transferEncoding:   {"Content-Transfer-Encoding", "content-transfer-encoding", ""},
	contentLanguage:    {"Content-Language", "content-language", ""},
	mimeVersion:        {"MIME-Version", "mime-version", ""},
	subject:            {"Subject", "subject", "s"},
	date:               {"Date", "date", ""},
}

// maxFieldValue bounds the value of a header field in bytes: a longer one is
// as good as none.
const maxFieldValue = 512

// entity is a body and the header fields that describe it, of a MESSAGE or of
// a part inside one. Its strings and its body belong to whoever made it.
type entity struct {
	contentType string
	fields      [sentFields]string // as they came, "" for none; the first of each counts
	body        []byte
}

// take takes a header field, if it is one that counts and the first of its
// name.
func (e *entity) take(name, value string) {
	if len(value) > maxFieldValue {
		return
	}
	for i := range fieldNames {
		f := &fieldNames[i]
		if equalFold(name, f.lower) || f.short != "" && equalFold(name, f.short) {
			if e.fields[i] == "" {
				e.fields[i] = value
			}
			return
		}
	}
}

// partOf reads the header fields of a part of a multipart body or of the
// content of a message/cpim, and the part itself.
func partOf(headers string, body []byte) entity {
	e := entity{body: body}
	for headers != "" {
		var name, value string
		name, value, headers = nextField(headers)
		if equalFold(name, nameContentType) {
			if e.contentType == "" {
				e.contentType = value
			}
			continue
		}
		e.take(name, value)
	}
	return e
}

// isType reports whether the entity is of the type want (in lower case).
func (e *entity) isType(want string) bool { return isType(e.contentType, want) }

// isText reports whether the entity is a text, which is also what has no type.
func (e *entity) isText() bool {
	t := strings.TrimLeft(e.contentType, blanks)
	return hasPrefixFold(t, "text/") || headerValue(t) == ""
}

// isFile reports whether the entity is a file rather than something to read
// (Content-Disposition: attachment, RFC 2183).
func (e *entity) isFile() bool {
	disposition, _, _ := strings.Cut(e.fields[contentDisposition], ";")
	return equalFold(strings.Trim(disposition, blanks), "attachment")
}

const blanks = " \t\r\n"

// nextField splits the first header field off a block of them: a line and
// those that go on with it, which begin with a blank. name is "" for a line
// that is no field. Lines may end in LF alone.
func nextField(block string) (name, value, rest string) {
	end := 0
	for {
		i := strings.IndexByte(block[end:], '\n')
		if i < 0 {
			end = len(block)
			break
		}
		end += i + 1
		if end == len(block) || block[end] != ' ' && block[end] != '\t' {
			break
		}
	}
	line, rest := block[:end], block[end:]
	colon := strings.IndexByte(line, ':')
	if colon < 0 {
		return "", "", rest
	}
	return strings.Trim(line[:colon], blanks), strings.Trim(line[colon+1:], blanks), rest
}

// headerBlock splits a block of header fields and the empty line after it off
// b. ok is false if there is no such line, or if the block holds what could be
// taken for the end of a line by some and not by others.
func headerBlock(b []byte) (block string, rest []byte, ok bool) {
	for at := 0; at < len(b); {
		end := at
		for end < len(b) && b[end] != '\n' {
			end++
		}
		if end == len(b) {
			return "", nil, false
		}
		line := b[at:end]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(line) == 0 {
			return string(b[:at]), b[end+1:], true
		}
		for _, c := range line {
			if c == '\r' || c == 0 {
				return "", nil, false
			}
		}
		at = end + 1
	}
	return "", nil, false
}

// isType reports whether a Content-Type is want (in lower case), whatever its
// parameters.
func isType(contentType, want string) bool {
	if i := strings.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	return equalFold(strings.Trim(contentType, blanks), want)
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

// appendField appends a header field with its CRLF. A control character in
// the value, be it of a folded line, becomes a space: it must not end the
// field.
func appendField(dst []byte, name, value string) []byte {
	dst = append(append(dst, name...), ": "...)
	for i := range len(value) {
		c := value[i]
		if c < ' ' || c == 0x7f {
			c = ' '
		}
		dst = append(dst, c)
	}
	return append(dst, "\r\n"...)
}
