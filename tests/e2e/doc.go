// Package e2e tests the module end to end: user agents talk to a real Kamailio
// that has loaded the imc.so of build/modules (or of the folder that IMC_BUILD
// names).
//
// Each file is about one thing an operator or a user relies on: helpers_test.go has
// the helpers, talk_test.go people in rooms, crowd_test.go many of them,
// storm_test.go races on one room, bad_test.go what nobody should send,
// content_test.go what texts and names may hold, life_test.go the processes
// from start to end, kemi_test.go scripts.
//
// To add a case: start a server with kamailio.Start (a folder in
// tests/kamailio-config), open a sipua.Farm or sipua.Agents, and wait for what
// is to happen with a bound; never sleep for a fixed time.
package e2e
