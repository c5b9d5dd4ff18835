package sip

import (
	"errors"
	"strings"
)

// Key identifies a room or a user: "user@host" in lower case (ASCII only, as
// strncasecmp does). Port, parameters and scheme do not count.
type Key string

// Address is the user and the host of a SIP URI in the case in which they
// were first seen.
type Address struct {
	User string
	Host string
}

// ErrInvalidURI says that a string is no URI of a user or a room.
var ErrInvalidURI = errors.New("invalid URI")

// Scheme begins the URIs that are stored and sent.
const Scheme = "sip:"

// MaxURI is the length in bytes of the longest URI of a room or a member. Only
// rows that others wrote come near it.
const MaxURI = 256

// ParseURI takes user and host out of a URI as Kamailio's parse_uri does with
// phone2tel at its default: sip, sips and tel, IPv6 hosts, ports, parameters
// (also inside the user), headers and passwords. The user of a tel URI is its
// number, its host is empty. A SIP URI without a user gives an empty User.
//
// What a SIP header could not hold without breaking out of its angle brackets
// (control bytes, blanks, '<' and '>') is ErrInvalidURI, anywhere in the URI,
// and so is '@' in a user and the scheme urn.
func ParseURI(uri string) (Address, error) {
	user, host, ok := splitURI(uri)
	if !ok {
		return Address{}, ErrInvalidURI
	}
	return Address{User: user, Host: host}, nil
}

// AppendKey appends the key of a URI to dst without allocating anything else.
// The error is ErrInvalidURI.
func AppendKey(dst []byte, uri string) ([]byte, error) {
	user, host, ok := splitURI(uri)
	if !ok {
		return dst, ErrInvalidURI
	}
	dst = AppendLower(dst, user)
	dst = append(dst, '@')
	return AppendLower(dst, host), nil
}

// Key returns what identifies the user or the room.
func (a Address) Key() Key { return Key(Lower(a.User + "@" + a.Host)) }

// URI returns the address as it is stored and sent: sip:user@host.
func (a Address) URI() string { return Scheme + a.User + "@" + a.Host }

// IsURI reports whether uri is what URI returns. It allocates nothing.
func (a *Address) IsURI(uri string) bool {
	at := len(Scheme) + len(a.User)
	return len(uri) == at+1+len(a.Host) && uri[:len(Scheme)] == Scheme &&
		uri[len(Scheme):at] == a.User && uri[at] == '@' && uri[at+1:] == a.Host
}

// HasKey reports whether key is that of a stored URI, sip:user@host.
func HasKey[U, K ~string | ~[]byte](uri U, key K) bool {
	return len(uri) == len(Scheme)+len(key) && EqualFold(uri[len(Scheme):], key)
}

// Complete reports whether the address has a user and a host: only such ones
// can be rooms or members.
func (a Address) Complete() bool { return a.User != "" && a.Host != "" }

// Usable reports whether a stored address can be a room or a member: it has a
// user and a host, can be put into a SIP header, and is not too long for what
// carries it. Rows of a database may hold anything.
func (a Address) Usable() bool {
	if !a.Complete() || len(Scheme)+len(a.User)+1+len(a.Host) > MaxURI {
		return false
	}
	for _, part := range [...]string{a.User, a.Host} {
		for i := range len(part) {
			if breaksHeader(part[i]) || part[i] == '@' {
				return false
			}
		}
	}
	return true
}

// AddressOf takes a stored URI sip:user@host apart. A host holds no '@'.
func AddressOf(uri string) Address {
	at := strings.LastIndexByte(uri, '@')
	return Address{User: uri[len(Scheme):at], Host: uri[at+1:]}
}

// UserOf returns the user of a stored URI.
func UserOf(uri string) string { return AddressOf(uri).User }

// KeyOf returns the key of a stored URI.
func KeyOf(uri string) string { return Lower(uri[len(Scheme):]) }
