package sip

import (
	"bytes"
	"mime"
	"strings"
)

// eachPart calls part with the parts of a multipart body (RFC 2046, section
// 5.1), until it returns false. A body whose boundary cannot be read has none.
func eachPart(contentType string, body []byte, part func(entity) bool) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return
	}
	delimiter := []byte("--" + params["boundary"])
	start := -1 // of the part that is being read
	for at := 0; at < len(body); {
		end := len(body)
		if i := bytes.IndexByte(body[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		after, found := bytes.CutPrefix(body[at:end], delimiter)
		after = bytes.TrimRight(after, blanks)
		last := string(after) == "--"
		if found && (len(after) == 0 || last) {
			if start >= 0 && !part(readPart(body[start:at])) || last {
				return
			}
			start = end
		}
		at = end
	}
	if start >= 0 {
		part(readPart(body[start:])) // its end is missing
	}
}

// readPart reads one part. One without header fields begins with the empty
// Line that ends them.
func readPart(b []byte) entity {
	if headers, body, ok := headerBlock(b); ok {
		return partOf(headers, body)
	}
	return partOf(string(b), nil)
}

// isMultipart reports whether the entity is a multipart body.
func (e *entity) isMultipart() bool {
	return hasPrefixFold(strings.TrimLeft(e.contentType, blanks), "multipart/")
}
