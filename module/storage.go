package module

import (
	"context"

	"kamailio-imc/engine"
	"kamailio-imc/engine/storage/sqlstore"
)

// Opener opens the storage of db_mode 1 and 2. The notes that it returns are
// for the log, as are those that it hands to note later. No text of theirs,
// nor of the error, holds the password of the URL.
type Opener func(ctx context.Context, s *Settings, note func(engine.Note)) (engine.Store, []engine.Note, error)

// openSQL opens the database of db_url.
func openSQL(ctx context.Context, s *Settings, note func(engine.Note)) (engine.Store, []engine.Note, error) {
	store, notes, err := sqlstore.Open(ctx, sqlstore.Config{
		URL:          s.URL,
		RoomsTable:   s.RoomsTable,
		MembersTable: s.MembersTable,
		Mode:         s.Mode,
		Note:         note,
	})
	if err != nil {
		return nil, notes, err
	}
	return store, notes, nil
}
