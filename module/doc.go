// Package module says which process of a Kamailio does what for the chat
// rooms: the workers, which handle MESSAGE requests, and the host, the one
// "imc engine" process that owns the rooms (package engine) and writes the
// database.
//
//   - A [Process] is the library inside one process: a [Worker], a [Host], or
//     both (fork=no).
//   - A worker answers texts to small rooms by itself from snapshots
//     (snapshot.go). A snapshot is valid while the room's version, a number in
//     memory that all processes share (versions.go), stands. Everything else
//     is a request to the host over a socket pair (frame.go).
//   - The host bumps a room's version before it answers the command that
//     changed the room. Large fan-outs and MESSAGEs that tm had no memory for
//     wait in its queue (queue.go) for its main thread.
//   - What is for the C side to do (send a MESSAGE, log a line, list a room)
//     is a record (record.go) in a reply buffer that belongs to C (reply.go).
//
// Nothing here calls C. All methods of Process are for the main thread of its
// process; the goroutines are the host's.
package module
