package sip

import "strings"

// breaksHeader reports whether a byte inside a URI could end the URI or the
// header it stands in.
func breaksHeader(c byte) bool { return c <= ' ' || c == 0x7f || c == '<' || c == '>' }

// The states of splitURI, as parse_uri names them; all its states for single
// parameters are one here.
type uriState uint8

const (
	uriInit uriState = iota
	uriUser
	uriPassword // digits only so far: also a port
	uriPasswordAlpha
	uriHost
	uriHostName
	uriHost6
	uriHost6End
	uriPort
	uriParam
	uriHeaders
)

// uriScan is the state of one parse.
type uriScan struct {
	uri        string
	state      uriState
	start      int    // of the part that is being read
	pass       int    // position of a ':' that may begin a password, or 0
	port       int    // value of the port so far
	userFound  bool   // the user is known, or it is known that there is none
	badHeaders bool   // right only if this is still the user
	user       string // valid when userFound
	host       string
	hostStart  int
	portLen    int
	params     string
}

// splitURI returns the user and the host inside uri, without copying.
func splitURI(uri string) (user, host string, ok bool) {
	if user, host, ok = splitSimple(uri); ok {
		return user, host, true
	}
	return splitAny(uri)
}

// splitSimple does at a fraction of the cost what splitAny does, for the URIs
// that nearly all are: sip:user@host and no byte that means anything else.
func splitSimple(uri string) (user, host string, ok bool) {
	if len(uri) < len(Scheme) || uri[:len(Scheme)] != Scheme {
		return "", "", false
	}
	at := len(Scheme)
	for at < len(uri) && isNameByte(uri[at]) {
		at++
	}
	if at == len(Scheme) || at == len(uri) || uri[at] != '@' {
		return "", "", false
	}
	for i := at + 1; i < len(uri); i++ {
		if !isNameByte(uri[i]) || uri[i] == '_' {
			return "", "", false
		}
	}
	// What a host begins with decides between a name and other things.
	if at+1 == len(uri) || !isAlnum(uri[at+1]) {
		return "", "", false
	}
	return uri[len(Scheme):at], uri[at+1:], true
}

// isNameByte reports whether a byte is part of a user, wherever it stands.
func isNameByte(c byte) bool { return isAlnum(c) || c == '-' || c == '.' || c == '_' }

// splitAny returns the user and the host inside any uri.
func splitAny(uri string) (user, host string, ok bool) {
	s := uriScan{uri: uri}
	tel := false
	switch {
	case len(uri) < 5:
		return "", "", false
	case hasPrefixFold(uri, "sip:"):
		s.start = 4
	case hasPrefixFold(uri, "sips:"):
		s.start = 5
	case hasPrefixFold(uri, "tel:"):
		s.start = 4
		tel = true
	default:
		return "", "", false
	}
	for p := s.start; p < len(uri); p++ {
		if breaksHeader(uri[p]) || !s.step(p) {
			return "", "", false
		}
	}
	if !s.end() {
		return "", "", false
	}
	if tel {
		return s.host, "", !strings.Contains(s.host, "@")
	}
	if hasPhoneParam(s.params) {
		s.user, _, _ = strings.Cut(s.user, ";")
	}
	if s.user == "" && s.host != "" && (s.host[0] == '@' || uri[s.hostStart-1] == '@') {
		return "", "", false
	}
	return s.user, s.host, !strings.Contains(s.user, "@")
}

func (s *uriScan) step(p int) bool {
	c := s.uri[p]
	switch s.state {
	case uriInit:
		switch c {
		case '[':
			s.state = uriHost6
		case ']', ':':
			return false
		default:
			s.state = uriUser
		}
	case uriUser:
		return s.inUser(p, c)
	case uriPassword, uriPasswordAlpha:
		return s.inPassword(p, c)
	case uriHost:
		switch {
		case c == '[':
			s.state = uriHost6
		case isAlnum(c):
			s.state = uriHostName
		default:
			return false
		}
	case uriHostName, uriHost6End:
		return s.inHost(p, c)
	case uriHost6:
		switch c {
		case ']':
			s.state = uriHost6End
		case '[', '&', '@', ';', '?':
			return false
		}
	case uriPort:
		return s.inPort(p, c)
	case uriParam:
		return s.inParam(p, c)
	case uriHeaders:
		return s.inHeaders(p, c)
	}
	return true
}

func (s *uriScan) inUser(p int, c byte) bool {
	switch c {
	case '@':
		s.user, s.userFound = s.uri[s.start:p], true
		s.next(uriHost, p)
	case ':':
		s.user = s.uri[s.start:p]
		s.hostStart = s.start
		s.next(uriPassword, p)
	case ';', '?':
		s.setHost(p)
		s.afterHost(p, c)
	case '[', ']':
		return false
	}
	return true
}

// inPassword reads what follows "sip:name:", a password or the port of a URI
// without a user.
func (s *uriScan) inPassword(p int, c byte) bool {
	switch {
	case c == '@':
		s.port = 0
		s.userFound = true
		s.next(uriHost, p)
	case c == '[' || c == ']' || c == ':':
		return false
	case s.state == uriPasswordAlpha:
		return c != ';' && c != '?'
	case c == ';' || c == '?':
		s.portLen = p - s.start
		s.host, s.user, s.userFound = s.user, "", true
		s.afterHost(p, c)
	case isDigit(c):
		return s.addDigit(c)
	default:
		s.port = 0
		s.state = uriPasswordAlpha
	}
	return true
}

func (s *uriScan) inHost(p int, c byte) bool {
	switch {
	case c == ':':
		s.setHost(p)
		s.next(uriPort, p)
	case c == ';' || c == '?':
		s.setHost(p)
		s.afterHost(p, c)
	case s.state == uriHost6End:
		return false
	default:
		return isAlnum(c) || c == '.' || c == '-'
	}
	return true
}

func (s *uriScan) inPort(p int, c byte) bool {
	switch {
	case c == ';' || c == '?':
		s.portLen = p - s.start
		s.afterHost(p, c)
	case isDigit(c):
		return s.addDigit(c)
	default:
		return false
	}
	return true
}

func (s *uriScan) inParam(p int, c byte) bool {
	switch c {
	case '@':
		return s.stillUser(p)
	case ';':
		s.noPassword()
	case '?':
		s.params = s.uri[s.start:p]
		s.next(uriHeaders, p)
		s.noPassword()
	case ':':
		s.maybePassword(p)
	}
	return true
}

func (s *uriScan) inHeaders(p int, c byte) bool {
	switch c {
	case '@':
		return s.stillUser(p)
	case ';':
		if s.userFound || s.pass != 0 {
			return false
		}
		s.badHeaders = true
	case '?':
		s.noPassword()
	case ':':
		s.maybePassword(p)
	}
	return true
}

// stillUser is called at an '@' after what looked like parameters or headers:
// all so far was the user, and perhaps a password.
func (s *uriScan) stillUser(p int) bool {
	if s.userFound {
		return false
	}
	end := p
	if s.pass != 0 {
		end = s.pass
	}
	s.user, s.userFound = s.uri[s.hostStart:end], true
	s.host, s.params, s.portLen, s.badHeaders = "", "", 0, false
	s.next(uriHost, p)
	return true
}

// noPassword: a password cannot hold the byte just read, so there is no user.
func (s *uriScan) noPassword() {
	if s.pass != 0 {
		s.userFound = true
		s.pass = 0
	}
}

func (s *uriScan) maybePassword(p int) {
	switch {
	case s.userFound:
	case s.pass != 0:
		s.noPassword()
	default:
		s.pass = p
	}
}

func (s *uriScan) setHost(p int) { s.host, s.hostStart = s.uri[s.start:p], s.start }

func (s *uriScan) next(state uriState, p int) { s.state, s.start = state, p+1 }

// afterHost goes on at the ';' or '?' that ends a host or a port.
func (s *uriScan) afterHost(p int, c byte) {
	if c == ';' {
		s.next(uriParam, p)
	} else {
		s.next(uriHeaders, p)
	}
}

func (s *uriScan) addDigit(c byte) bool {
	s.port = s.port*10 + int(c-'0')
	return s.port <= 65535
}

func (s *uriScan) end() bool {
	n := len(s.uri)
	switch s.state {
	case uriUser, uriHostName, uriHost6End:
		s.setHost(n)
	case uriPassword:
		s.portLen = n - s.start
		s.host, s.user = s.user, ""
	case uriPort:
		s.portLen = n - s.start
	case uriParam:
		s.params = s.uri[s.start:]
	case uriHeaders:
		if s.badHeaders {
			return false
		}
	default:
		return false
	}
	return s.portLen <= 5
}

// hasPhoneParam reports whether the last parameter "user" is "phone": then the
// user is a telephone number, and what follows a ';' in it is no part of it.
func hasPhoneParam(params string) bool {
	phone := false
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		if hasPrefixFold(param, "user=") && len(param) > len("user=") {
			phone = param[len("user="):] == "phone"
		}
	}
	return phone
}
