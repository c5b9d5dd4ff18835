// Package worker is a process that handles requests and owns no rooms. A Worker
// answers texts to small rooms by itself, from snapshots. With everything else
// it asks the host, over its end of a socket pair, and waits for a bounded
// time. Intake is what each process does with a request before that, a host
// with the requests of its own process too.
//
// Package worker knows the wire, snapshots and what the engine decides without
// a room at hand. It does not know the host but by its frames.
package worker
