package database

import (
	"syscall"

	"kamailio-imc/tests/testdb"
)

// stall stops a MariaDB's process, or lets it go on.
func stall(m *testdb.MariaDB, stopped bool) error {
	signal := syscall.SIGCONT
	if stopped {
		signal = syscall.SIGSTOP
	}
	return syscall.Kill(m.Pid(), signal)
}
