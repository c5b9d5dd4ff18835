package sqlstore

import (
	"testing"

	"kamailio-imc/engine/storage"
	"kamailio-imc/engine/storage/storagetest"
)

func TestContract(t *testing.T) {
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			storagetest.Contract(t, func(t *testing.T, shared bool) storage.Store {
				mode := storage.ModeDurable
				if shared {
					mode = storage.ModeDatabase
				}
				return b.fresh(t).open(t, mode)
			})
		})
	}
}
