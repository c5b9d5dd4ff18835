package sip

import "strings"

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
	return EqualFold(strings.Trim(contentType, blanks), want)
}

// HeaderValue returns the value of a header in one line, "" if it holds what
// no header can: it is written into the MESSAGEs that are sent.
func HeaderValue(v string) string {
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

// hasToken reports whether a list with commas holds token (in lower case).
func hasToken(list, token string) bool {
	for list != "" {
		var one string
		one, list, _ = strings.Cut(list, ",")
		if EqualFold(strings.Trim(one, blanks), token) {
			return true
		}
	}
	return false
}
