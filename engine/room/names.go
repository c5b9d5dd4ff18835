package room

import (
	"unicode/utf8"

	"kamailio-imc/engine/sip"
)

// Longest user or host, and longest room URI, in bytes: the columns of the stock tables
// are VARCHAR(64). They count characters; bytes are counted here because that
// holds whatever the character set of the tables is.
const (
	MaxName = 64
	MaxURI  = 64
)

// Storable reports whether an address can be stored as a member.
func Storable(a sip.Address) bool {
	return a.Complete() && len(a.User) <= MaxName && len(a.Host) <= MaxName &&
		utf8.ValidString(a.User) && utf8.ValidString(a.Host)
}

// StorableRoom reports whether an address can be stored as a room.
func StorableRoom(a sip.Address) bool {
	return Storable(a) && len(a.URI()) <= MaxURI
}
