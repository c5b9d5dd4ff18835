// Package environments has users talk in rooms of Kamailios that are set up as
// operators set them up: other transports, other modules beside ours, other
// memory managers, a chroot.
//
// Each environment is a row of the table in environments_test.go with a folder
// in tests/kamailio-config/environments; all of them have the same
// conversation, in which workers send, the engine process sends, and an
// invitation fails.
package environments
