package host

import (
	"context"
	"time"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/storage"
	"kamailio-imc/engine/storage/sqlstore"
	"kamailio-imc/module/snapshot"
	"kamailio-imc/module/worker"
)

// Settings are what a host is started with.
type Settings struct {
	worker.Intake
	Version       string // of the library, for the log
	Mode          storage.Mode
	CreateOnJoin  bool
	CheckOnCreate bool
	FanoutInline  int           // recipients that a worker sends to by itself at most
	QueueSize     int           // MESSAGEs that the queue holds at most
	QueueBytes    int           // bytes that it holds at most
	CacheTTL      time.Duration // db_mode 2: age that a room's rows may have
	Timeout       time.Duration // how long a worker waits
	Storage       Storage       // of db_mode 1 and 2
	Versions      snapshot.Versions
	FDs           []int // the host's ends of all socket pairs; New takes them over

	// Open opens the storage; nil: the database of its URL.
	Open Opener
}

// Storage says which database and tables to use.
type Storage struct {
	URL          string // db_url, with its password
	RoomsTable   string
	MembersTable string
}

// Opener opens the storage of db_mode 1 and 2. The notes that it returns are
// for the log, as are those that it hands to note later. No text of theirs,
// nor of the error, holds the password of the URL.
type Opener func(ctx context.Context, s *Storage, mode storage.Mode, note func(log.Note)) (storage.Store, []log.Note, error)

// openSQL opens a database.
func openSQL(ctx context.Context, s *Storage, mode storage.Mode, note func(log.Note)) (storage.Store, []log.Note, error) {
	store, notes, err := sqlstore.Open(ctx, sqlstore.Config{
		URL:          s.URL,
		RoomsTable:   s.RoomsTable,
		MembersTable: s.MembersTable,
		Mode:         mode,
		Note:         note,
	})
	if err != nil {
		return nil, notes, err
	}
	return store, notes, nil
}
