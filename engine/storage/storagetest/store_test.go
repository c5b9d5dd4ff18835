package storagetest_test

import (
	"testing"

	"kamailio-imc/engine/storage"
	"kamailio-imc/engine/storage/storagetest"
)

func TestContract(t *testing.T) {
	storagetest.Contract(t, func(*testing.T, bool) storage.Store { return storagetest.NewStore() })
}
