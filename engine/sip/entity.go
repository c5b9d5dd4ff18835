package sip

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
		if EqualFold(name, f.lower) || f.short != "" && EqualFold(name, f.short) {
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
		if EqualFold(name, nameContentType) {
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
	return hasPrefixFold(t, "text/") || HeaderValue(t) == ""
}

// isFile reports whether the entity is a file rather than something to read
// (Content-Disposition: attachment, RFC 2183).
func (e *entity) isFile() bool {
	disposition, _, _ := strings.Cut(e.fields[contentDisposition], ";")
	return EqualFold(strings.Trim(disposition, blanks), "attachment")
}
