// Package host is the process that owns the rooms, the engine's Conference, and
// writes the database. A Host serves each worker in a goroutine of its own and
// raises a room's version before it answers the command that changed the room.
// What its main thread is to do waits in it: lines to log, and in its queue the
// MESSAGEs with many recipients and those that tm had no memory for.
//
// Package host knows all packages below it, the engine and its storage. It
// decides who sends a MESSAGE and when, never what is in it.
package host
