// Package faults is a table of what can go wrong around the module, and of
// what users must see then: table_test.go, a line for each fault. A new fault
// is one line there, and an injector if none of those that exist will do.
//
// Every line runs on a real Kamailio with real SIP and, where a database is
// meant, with real servers, one Kamailio in db_mode 1 and one in db_mode 2.
// Beside the fault runs what probe_test.go does: a healthy room whose members
// talk at a steady rate, and commands on another room. The line says in which
// time texts and commands are answered and whether commands work. When the
// fault is over, everything has to work again in the time that the line allows,
// nothing that was confirmed may be missing, nothing that was refused may be
// there, and no process may have been lost.
//
// The files: table_test.go the lines, run_test.go how one is run, probe_test.go
// the traffic beside the fault, database_test.go, memory_test.go,
// network_test.go, process_test.go and users_test.go the injectors.
//
// With IMC_SOAK=1 each fault lasts ten times as long.
package faults
