package storage

import "kamailio-imc/engine/room"

// Bits of the column flag of a room and of a member, as the stock module
// writes them.
const (
	flagPrivate = 1 // room

	flagOwner   = 1 // member
	flagAdmin   = 2
	flagInvited = 4

	// FlagNothing (the stock module's "skip") stands beside an owner's flag in
	// old rows and means nothing. On a Galera cluster it is turned over in a
	// room's flag, so that the nodes see each other's changes of the room.
	FlagNothing = 16
)

// RoleOf reads a member's flag. odd: it is none that this module or the stock
// module means to write.
func RoleOf(flag int64) (role room.Role, odd bool) {
	switch {
	case flag&flagOwner != 0:
		// 17 is what the stock module writes for an owner.
		return room.RoleOwner, flag&^FlagNothing != flagOwner
	case flag&flagAdmin != 0:
		return room.RoleAdmin, flag != flagAdmin
	case flag&flagInvited != 0:
		return room.RoleInvited, flag != flagInvited
	}
	return room.RoleMember, flag != 0
}

// PrivateOf reads a room's flag.
func PrivateOf(flag int64) (private, odd bool) {
	return flag&flagPrivate != 0, flag&^(flagPrivate|FlagNothing) != 0
}

// FlagOf is the flag of a room as it is written.
func FlagOf(private bool) int64 {
	if private {
		return flagPrivate
	}
	return 0
}
