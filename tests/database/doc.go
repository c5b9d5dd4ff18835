// Package database tests rooms that are kept in a database, db_mode 1 and 2,
// end to end: real Kamailios on real MariaDB and PostgreSQL servers and on
// SQLite files.
//
// Each file is about one promise: modes_test.go rooms survive a restart,
// stock_test.go tables are shared with the stock module, refused_test.go a
// start that cannot work says why, secret_test.go passwords stay secret,
// workers_test.go workers do not open databases, load_test.go the time to load
// many rooms, crash_test.go confirmed changes survive kill -9, outage_test.go
// a database that is away, nodes_test.go two Kamailios on one database,
// queries_test.go reads are shared. storm_test.go and model_test.go are the
// commands that are known to have worked or not; helpers_test.go starts
// everything.
//
// With IMC_SOAK=1 in the environment the tests named TestSoak... run too, the
// long forms of some of the others:
//
//	IMC_SOAK=1 go test ./tests/database -run Soak -timeout 2h -v
package database
