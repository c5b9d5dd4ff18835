package sip

// hasPrefixFold compares without case; prefix is in lower case.
func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && EqualFold(s[:len(prefix)], prefix)
}

// EqualFold compares without case, ASCII only; lower is in lower case.
func EqualFold[S, L ~string | ~[]byte](s S, lower L) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		if toLower(s[i]) != lower[i] {
			return false
		}
	}
	return true
}

// Lower returns s itself if it holds no capital letters.
func Lower(s string) string {
	for i := range len(s) {
		if toLower(s[i]) != s[i] {
			return string(AppendLower(make([]byte, 0, len(s)), s))
		}
	}
	return s
}

// AppendLower appends s in lower case as keys are: ASCII letters only.
func AppendLower[S ~string | ~[]byte](dst []byte, s S) []byte {
	for i := range len(s) {
		dst = append(dst, toLower(s[i]))
	}
	return dst
}

func toLower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool {
	c = toLower(c)
	return isDigit(c) || 'a' <= c && c <= 'z'
}
