// Package enginetest is storagetest by the name that module's tests know.
package enginetest

import (
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/storage/storagetest"
)

// Store is storagetest.Store.
type Store = storagetest.Store

// NewStore is storagetest.NewStore.
func NewStore(rooms ...*room.Record) *Store { return storagetest.NewStore(rooms...) }
