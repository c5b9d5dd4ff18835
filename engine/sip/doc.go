// Package sip says what a MESSAGE means to a room: whom its URIs name, what its
// body is, and what goes on of it to others.
//
// It knows the standard library and golang.org/x/net/html. It knows nothing of
// rooms, of what is decided, or of Kamailio.
package sip
