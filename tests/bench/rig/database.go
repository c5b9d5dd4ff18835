package rig

import (
	"fmt"

	"kamailio-imc/tests/bench/load"
	"kamailio-imc/tests/testdb"
)

// Database is a private MariaDB that holds the rooms of servers whose rooms
// are too many, or too big, to be made by commands.
type Database struct {
	db    *testdb.MariaDB
	count int
}

// NewDatabase starts a MariaDB. It keeps nothing safe: it only has to be fast
// at taking rows.
func NewDatabase() (*Database, error) {
	db, err := testdb.NewMariaDB("--innodb-buffer-pool-size=512M", "--innodb-flush-log-at-trx-commit=0",
		"--innodb-doublewrite=0", "--innodb-log-file-size=256M")
	if err != nil {
		return nil, err
	}
	return &Database{db: db}, nil
}

// Close ends the server and removes its data.
func (d *Database) Close() error { return d.db.Close() }

// Fill makes a new database with rooms of the load generator and gives its
// db_url. The tables are the stock ones, with an index on imc_members.room:
// without it the stock module reads the whole table once for each room.
func (d *Database) Fill(rooms, size int) (url string, err error) {
	d.count++
	name := fmt.Sprintf("bench%d", d.count)
	if err := d.db.CreateDatabase(name, "CHARACTER SET latin1", testdb.StockFiles()...); err != nil {
		return "", err
	}
	user := func(letter, number string) string {
		return fmt.Sprintf("CONCAT('%s', LPAD(%s, 7, '0'))", letter, number)
	}
	err = d.db.Exec(name,
		"SET unique_checks = 0",
		"ALTER TABLE imc_rooms DROP INDEX IF EXISTS name_domain_idx",
		"ALTER TABLE imc_members DROP INDEX IF EXISTS account_room_idx",
		fmt.Sprintf("INSERT INTO imc_rooms (name, domain, flag) SELECT %s, '%s', 0 FROM seq_0_to_%d",
			user("r", "seq"), load.Host, rooms-1),
		fmt.Sprintf("INSERT INTO imc_members (username, domain, room, flag) "+
			"SELECT %s, '%s', CONCAT('sip:', %s, '@%s'), IF(seq MOD %d = 0, 1, 0) FROM seq_0_to_%d",
			user("m", "seq"), load.Host, user("r", fmt.Sprintf("seq DIV %d", size)), load.Host, size, rooms*size-1),
		"ALTER TABLE imc_rooms ADD UNIQUE INDEX name_domain_idx (name, domain)",
		"ALTER TABLE imc_members ADD UNIQUE INDEX account_room_idx (username, domain, room), "+
			"ADD INDEX room_idx (room)",
		"ANALYZE TABLE imc_rooms, imc_members")
	if err != nil {
		return "", err
	}
	return d.db.URL(name), nil
}
