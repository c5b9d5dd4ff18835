package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"kamailio-imc/engine/storage"
)

// class is what an error of a driver means for the caller.
type class int

const (
	classUnknown   class = iota // refused by the server for another reason
	classGone                   // the connection is lost, or cannot be made
	classReadOnly               // this server takes no changes
	classFull                   // there is no room for a change
	classDenied                 // the account has no right to this
	classLocked                 // another's lock, or a limit on time: rolled back
	classConflict               // a deadlock or another node's change: rolled back, try again
	classDuplicate              // a unique key is there already
	classValue                  // the value cannot be held by its column
	classSchema                 // a table or a column is missing
)

// classes is the one table of what the drivers' errors mean.
var classes = []struct {
	class    class
	kind     error    // what the engine gets to know, if trying again does not help
	mysql    []uint16 // error numbers
	postgres []string // SQLSTATEs, or the first two characters of them
	sqlite   []int    // result codes, primary or extended
}{
	{
		classGone, storage.ErrUnavailable,
		// shutdown, killed, connection lost, no connection or host allowed any
		// more, a node that is out of its Galera cluster
		[]uint16{1053, 1927, 1152, 1158, 1159, 1160, 1161, 4031, 1040, 1203, 1129, 1226, 1047},
		// connection, too many of them, shutdown, a transaction or a session
		// that was ended because it did nothing
		[]string{"08", "53300", "57P01", "57P02", "57P03", "57P05", "25P03"},
		[]int{10, 14, 26}, // SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_NOTADB
	},
	{
		classReadOnly, storage.ErrReadOnly,
		[]uint16{1290, 1792, 1836, 1874, 1036},
		[]string{"25006"},
		[]int{8}, // SQLITE_READONLY
	},
	{
		classFull, storage.ErrFull,
		[]uint16{1114, 1021, 1026},
		[]string{"53100"},
		[]int{13}, // SQLITE_FULL
	},
	{
		classDenied, storage.ErrDenied,
		[]uint16{1142, 1143, 1044, 1045, 1227, 1370, 1698},
		[]string{"42501", "28", "0LP01"},
		[]int{3, 23}, // SQLITE_PERM, SQLITE_AUTH
	},
	{
		classLocked, storage.ErrLocked,
		[]uint16{1205, 3572, 1969, 3024}, // lock wait, NOWAIT, a limit on a statement's time
		[]string{"55P03", "57014"},
		[]int{5, 6, 15}, // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL
	},
	{
		classConflict, storage.ErrConflict,
		[]uint16{1213, 1020}, // deadlock (Galera's too), record changed
		[]string{"40"},       // serialization, deadlock
		[]int{5 | 2<<8},      // SQLITE_BUSY_SNAPSHOT
	},
	{
		classDuplicate, storage.ErrConflict,
		[]uint16{1062, 1586},
		[]string{"23505"},
		[]int{19 | 8<<8, 19 | 6<<8}, // SQLITE_CONSTRAINT_UNIQUE, _PRIMARYKEY
	},
	{
		classValue, storage.ErrValue,
		[]uint16{1406, 1366, 1300, 1264, 1292, 3988, 1267, 1271}, // too long, not in the character set, out of range
		[]string{"22"},
		[]int{18, 20}, // SQLITE_TOOBIG, SQLITE_MISMATCH
	},
	{
		classSchema, storage.ErrSchema,
		[]uint16{1146, 1054, 1049}, // no such table, column, database
		[]string{"42P01", "42703", "3D000", "3F000"},
		[]int{17}, // SQLITE_SCHEMA; see sqliteNoSuch
	},
}

// sqliteError and sqliteNoSuch: SQLite has one code, SQLITE_ERROR, for whatever
// is wrong with a statement. What names the schema is known by its text.
const sqliteError = 1

var sqliteNoSuch = []string{"no such table", "no such column"}

// classOf looks a driver's error up in the table.
func classOf(err error) class {
	var my *mysql.MySQLError
	var pg *pgconn.PgError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &my):
		return lookUp(func(i int) bool { return slices.Contains(classes[i].mysql, my.Number) })
	case errors.As(err, &pg):
		code := pg.Code
		exact := lookUp(func(i int) bool { return slices.Contains(classes[i].postgres, code) })
		if exact != classUnknown || len(code) < 2 {
			return exact
		}
		return lookUp(func(i int) bool { return slices.Contains(classes[i].postgres, code[:2]) })
	case errors.As(err, &lite):
		code := lite.Code()
		if code == sqliteError && slices.ContainsFunc(sqliteNoSuch, func(s string) bool { return strings.Contains(lite.Error(), s) }) {
			return classSchema
		}
		exact := lookUp(func(i int) bool { return slices.Contains(classes[i].sqlite, code) })
		if exact != classUnknown {
			return exact
		}
		return lookUp(func(i int) bool { return slices.Contains(classes[i].sqlite, code&0xff) })
	case err != nil && isLost(err):
		return classGone
	}
	return classUnknown
}

func lookUp(match func(i int) bool) class {
	for i := range classes {
		if match(i) {
			return classes[i].class
		}
	}
	return classUnknown
}

// isLost reports whether an error is that of a connection, not of a server.
func isLost(err error) bool {
	var netErr net.Error
	if strings.Contains(err.Error(), "sql: database is closed") { // an error without a name
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr)
}

// kind is what the engine gets to know of a class.
func (c class) kind() error {
	for i := range classes {
		if classes[i].class == c {
			return classes[i].kind
		}
	}
	return storage.ErrRefused
}
