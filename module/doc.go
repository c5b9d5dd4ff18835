// Package module is the library in one process of a Kamailio: it starts what
// the process is for, and ends it. A process is a worker, which handles MESSAGE
// requests, the host, the one "imc engine" process that owns the rooms and
// writes the database, or both (fork=no). It knows the packages below, each of
// which knows only those before it:
//
//   - package wire: the bytes between processes and to C;
//   - package snapshot: what a worker knows of rooms, and whether it still holds;
//   - package worker: what a process does with a request, by itself or by asking
//     the host;
//   - package host: the rooms of package engine in one process, and the queue of
//     what its main thread sends.
//
// Nothing here calls C. All methods of Process are for the main thread of its
// process; the goroutines are the host's.
package module
