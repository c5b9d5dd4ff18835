package load

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"strconv"
)

// The token that names a request: it is its Call-ID, and In-Reply-To of all
// MESSAGEs it causes. "t", then hexadecimal: 2 digits stream, 4 nonce of the
// stream, 6 index.
const tokenLen = 13

type token struct {
	stream, nonce, index int
}

var (
	crlf      = []byte("\r\n")
	replyTo   = []byte("\r\nIn-Reply-To: t")
	callIDHdr = []byte("\r\nCall-ID: t")
	seed      = maphash.MakeSeed()
)

// MemberURI is the URI of a member at Host.
func MemberURI(i int) string { return fmt.Sprintf("sip:m%07d@%s", i, Host) }

// RoomURI is the URI of a room at Host.
func RoomURI(i int) string { return fmt.Sprintf("sip:r%07d@%s", i, Host) }

func appendToken(b []byte, t token) []byte {
	b = append(b, 't')
	b = appendHex(b, t.stream, 2)
	b = appendHex(b, t.nonce, 4)
	return appendHex(b, t.index, 6)
}

func appendHex(b []byte, v, digits int) []byte {
	const hex = "0123456789abcdef"
	for d := digits - 1; d >= 0; d-- {
		b = append(b, hex[v>>(4*d)&15])
	}
	return b
}

// appendNumber appends v with 7 digits.
func appendNumber(b []byte, v int) []byte {
	for d := 1000000; d > 0; d /= 10 {
		b = append(b, byte('0'+v/d%10))
	}
	return b
}

// parseToken reads what follows the "t".
func parseToken(b []byte) (token, bool) {
	if len(b) < tokenLen-1 {
		return token{}, false
	}
	v, err := strconv.ParseUint(string(b[:tokenLen-1]), 16, 64)
	if err != nil {
		return token{}, false
	}
	return token{stream: int(v >> 40), nonce: int(v >> 24 & 0xffff), index: int(v & 0xffffff)}, true
}

// filler brings the body of a text to a length that people type.
const filler = " the quick brown fox jumps over the lazy dog"

// appendRequest builds a MESSAGE.
func (g *Generator) appendRequest(b []byte, t token, r Request) []byte {
	host := r.Host
	if host == "" {
		host = Host
	}
	b = append(b, "MESSAGE sip:r"...)
	b = appendNumber(b, r.Room)
	b = append(append(b, '@'), Host...)
	b = append(b, " SIP/2.0\r\nVia: SIP/2.0/UDP "...)
	b = append(b, g.sourceAddr...)
	b = append(b, ";branch=z9hG4bK"...)
	b = appendToken(b, t)
	b = append(b, "\r\nMax-Forwards: 70\r\nFrom: <sip:m"...)
	b = appendNumber(b, r.From)
	b = append(append(b, '@'), host...)
	b = append(b, ">;tag="...)
	b = appendToken(b, t)
	b = append(b, "\r\nTo: <sip:r"...)
	b = appendNumber(b, r.Room)
	b = append(append(b, '@'), Host...)
	b = append(b, ">\r\nCall-ID: "...)
	b = appendToken(b, t)
	b = append(b, "\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: "...)
	body := r.Body
	if body == "" {
		b = strconv.AppendInt(b, tokenLen+int64(len(filler)), 10)
		b = append(b, "\r\n\r\n"...)
		b = appendToken(b, t)
		return append(b, filler...)
	}
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}

// delivery is a MESSAGE that arrived for a member. The slices are those of the
// packet.
type delivery struct {
	packet []byte
	member int // -1: the user part is none of ours
	token  token
	known  bool   // token is set
	callID uint32 // hash, never 0
}

// parseDelivery reads "MESSAGE sip:m0000012@host SIP/2.0".
func parseDelivery(p []byte) (delivery, bool) {
	const start = "MESSAGE sip:m"
	d := delivery{packet: p, member: -1}
	if !bytes.HasPrefix(p, []byte("MESSAGE ")) {
		return d, false
	}
	if len(p) > len(start)+7 && string(p[:len(start)]) == start {
		if n, err := strconv.Atoi(string(p[len(start) : len(start)+7])); err == nil {
			d.member = n
		}
	}
	if i := bytes.Index(p, replyTo); i >= 0 {
		d.token, d.known = parseToken(p[i+len(replyTo):])
	}
	if v := header(p, "Call-ID: "); v != nil {
		d.callID = uint32(maphash.Bytes(seed, v)) | 1
	}
	return d, true
}

// header gives the value of the first header with this name as it is written,
// colon and blank included.
func header(p []byte, name string) []byte {
	for off := 0; ; {
		i := bytes.Index(p[off:], crlf)
		if i < 0 {
			return nil
		}
		off += i + 2
		if bytes.HasPrefix(p[off:], []byte(name)) {
			v := p[off+len(name):]
			if end := bytes.Index(v, crlf); end >= 0 {
				return v[:end]
			}
			return v
		}
		if bytes.HasPrefix(p[off:], crlf) {
			return nil
		}
	}
}

// appendOK builds the 200 to a delivery.
func appendOK(b []byte, d delivery) []byte {
	b = append(b, "SIP/2.0 200 OK\r\n"...)
	p := d.packet
	for {
		i := bytes.Index(p, crlf)
		if i < 0 {
			break
		}
		p = p[i+2:]
		end := bytes.Index(p, crlf)
		if end <= 0 {
			break
		}
		line := p[:end]
		switch {
		case hasName(line, "Via:"), hasName(line, "From:"), hasName(line, "Call-ID:"), hasName(line, "CSeq:"):
			b = append(append(b, line...), "\r\n"...)
		case hasName(line, "To:"):
			b = append(append(b, line...), ";tag=m\r\n"...)
		}
	}
	return append(b, "Content-Length: 0\r\n\r\n"...)
}

func hasName(line []byte, name string) bool {
	return len(line) >= len(name) && string(line[:len(name)]) == name
}

// parseResponse reads "SIP/2.0 200 OK" and the Call-ID.
func parseResponse(p []byte) (code int, t token, ok bool) {
	if len(p) < 12 || string(p[:8]) != "SIP/2.0 " {
		return 0, t, false
	}
	code, err := strconv.Atoi(string(p[8:11]))
	if err != nil {
		return 0, t, false
	}
	i := bytes.Index(p, callIDHdr)
	if i < 0 {
		return 0, t, false
	}
	t, ok = parseToken(p[i+len(callIDHdr):])
	return code, t, ok
}
