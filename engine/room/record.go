// Package room is one room: who is in it, and what changes that.
//
// It knows package sip and the standard library. It knows nothing of other
// rooms, of databases, or of Kamailio.
package room

import "kamailio-imc/engine/sip"

// Role is what a member may do, in the bits of the column flag of the
// members' table.
type Role uint8

// Roles of a member. The stock module's bits 8 and 16 are never written.
const (
	RoleMember  Role = 0
	RoleOwner   Role = 1
	RoleAdmin   Role = 2
	RoleInvited Role = 4
)

// Member is one row of the members' table: a user in a room, or invited to it.
type Member struct {
	sip.Address
	Role Role
}

// Record is a room as it is stored. Members are in joining order.
type Record struct {
	sip.Address
	Private bool
	Members []Member
}

// Info is a line of a list of rooms.
type Info struct {
	sip.Address
	Private bool
	Members int    // all rows, the invited ones too, as the stock module counts
	Owner   string // URI of the first member in the list, "" if there is none
}

// Change is what one command does to one room. It is applied as a whole or
// not at all.
type Change struct {
	Room    sip.Address
	Create  bool          // insert the room's row; Private counts
	Private bool          // of the created room
	Destroy bool          // delete the room's row and all its members
	Put     []Member      // insert, or set the role of the row with the same key
	Delete  []sip.Address // delete the members' rows
}

// Empty reports whether the change changes nothing.
func (c *Change) Empty() bool {
	return !c.Create && !c.Destroy && len(c.Put) == 0 && len(c.Delete) == 0
}
