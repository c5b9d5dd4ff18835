package sip

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"
)

// Bounds of what is decoded for one request, in bytes: of one body, and of all
// bodies inside one another.
const (
	maxDecoded    = 64 * 1024
	maxDecodedAll = 4 * maxDecoded
)

// maxCodings bounds how many codings one upon the other are undone.
const maxCodings = 4

var (
	errTooLong = errors.New("longer than a MESSAGE when decoded")
	errUnknown = errors.New("in an encoding that is not known here")
	errCoding  = errors.New("not in the encoding that it says")
)

// decoder undoes the encodings of the bodies of one request.
type decoder struct {
	spent int // bytes decoded so far
}

// encoded reports whether the body of e is not to be read as it stands.
func (e *entity) encoded() bool {
	return !isIdentity(e.fields[transferEncoding]) || !isIdentity(e.fields[contentEncoding])
}

// isIdentity reports whether an encoding is none.
func isIdentity(name string) bool {
	if name == "" {
		return true
	}
	for _, identity := range [...]string{"identity", "7bit", "8bit", "binary"} {
		if EqualFold(strings.Trim(name, blanks), identity) {
			return true
		}
	}
	return false
}

// decode returns the body of e with all its encodings undone. The error is
// errUnknown, errCoding or errTooLong.
func (d *decoder) decode(e *entity) ([]byte, error) {
	if !e.encoded() {
		return e.body, nil
	}
	body := e.body
	var err error
	if name := e.fields[transferEncoding]; !isIdentity(name) {
		if body, err = d.undo(name, body); err != nil {
			return nil, err
		}
	}
	// The coding that was applied last comes last (RFC 9110, section 8.4).
	codings := strings.Split(e.fields[contentEncoding], ",")
	if len(codings) > maxCodings {
		return nil, errUnknown
	}
	for i := len(codings) - 1; i >= 0; i-- {
		if isIdentity(codings[i]) {
			continue
		}
		if body, err = d.undo(codings[i], body); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// undo undoes one encoding.
func (d *decoder) undo(name string, body []byte) ([]byte, error) {
	name = strings.ToLower(strings.Trim(name, blanks))
	in := bytes.NewReader(body)
	switch name {
	case "gzip", "x-gzip":
		r, err := gzip.NewReader(in)
		if err != nil {
			return nil, errCoding
		}
		return d.read(r)
	case "deflate":
		// It means zlib, and some send bare deflate.
		if r, err := zlib.NewReader(in); err == nil {
			out, err := d.read(r)
			if !errors.Is(err, errCoding) {
				return out, err
			}
		}
		return d.read(flate.NewReader(bytes.NewReader(body)))
	case "base64":
		return d.read(base64.NewDecoder(base64.StdEncoding, in))
	case "quoted-printable":
		return d.read(quotedprintable.NewReader(in))
	}
	return nil, errUnknown
}

// read reads what r decodes, to its end or to the bound.
func (d *decoder) read(r io.Reader) ([]byte, error) {
	most := min(maxDecoded, maxDecodedAll-d.spent)
	out, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	d.spent += len(out)
	switch {
	case len(out) > most:
		return nil, errTooLong
	case err != nil:
		return nil, errCoding
	}
	return out, nil
}
