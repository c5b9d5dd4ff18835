// Package snapshot is what workers know of rooms. A Snapshot is one state of a
// room, as much as a text needs, in one piece of memory that never changes. It
// holds while the room's version stands, a number in memory that all processes
// share; the host raises it before it answers the command that changed the
// room. A Cache keeps snapshots in a ring.
//
// Package snapshot knows the wire, as the form in which the host sends a
// snapshot and in which a text goes out of it, the view of a room, and keys. It
// does not know who asks, nor where a snapshot comes from.
package snapshot
