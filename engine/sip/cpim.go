package sip

import "strings"

// cpimParts takes a message/cpim body apart: the header fields of the message,
// then its content with header fields of its own (RFC 3862, section 2). ok is
// false for what is none.
func cpimParts(body []byte) (headers string, content entity, ok bool) {
	headers, rest, ok := headerBlock(body)
	if !ok {
		return "", entity{}, false
	}
	inner, rest, ok := headerBlock(rest)
	if !ok {
		return "", entity{}, false
	}
	return headers, partOf(inner, rest), true
}

// appendCPIM appends a message/cpim body that cpimParts has read, with one
// From in its header: the sender, whatever it said before. The field is the
// first one, where no namespace declaration can give it another meaning. What
// is no field is left out, and so are lines that go on with one, of which
// RFC 3862 knows nothing: some would read fields in them.
func appendCPIM(dst []byte, sender string, body []byte) []byte {
	dst = append(dst, "From: <"...)
	dst = append(dst, sender...)
	dst = append(dst, ">\r\n"...)
	headers, _, _ := headerBlock(body)
	rest := body[len(headers):]
	for headers != "" {
		name, _, after := nextField(headers)
		if name != "" && !isCPIMFrom(name) {
			dst = append(dst, headers[:strings.IndexByte(headers, '\n')+1]...)
		}
		headers = after
	}
	return append(dst, rest...)
}

// isCPIMFrom reports whether a field of a message/cpim names a sender, in
// whatever namespace: "From", "ns.From".
func isCPIMFrom(name string) bool {
	return EqualFold(name[strings.LastIndexByte(name, '.')+1:], "from")
}
