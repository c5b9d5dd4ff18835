package engine

import (
	"unicode/utf8"

	"kamailio-imc/engine/sip"
)

// Longest user or host, and longest room URI, in bytes: the columns of the stock tables
// are VARCHAR(64). They count characters; bytes are counted here because that
// holds whatever the character set of the tables is.
const (
	maxName    = 64
	maxRoomURI = 64
)

// storable reports whether an address can be stored as a member.
func storable(a sip.Address) bool {
	return a.Complete() && len(a.User) <= maxName && len(a.Host) <= maxName &&
		utf8.ValidString(a.User) && utf8.ValidString(a.Host)
}

// storableRoom reports whether an address can be stored as a room.
func storableRoom(a sip.Address) bool {
	return storable(a) && len(a.URI()) <= maxRoomURI
}
