package storage

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
)

func TestFlags(t *testing.T) {
	for flag, want := range map[int64]struct {
		role room.Role
		odd  bool
	}{
		0: {room.RoleMember, false}, 1: {room.RoleOwner, false}, 17: {room.RoleOwner, false}, 3: {room.RoleOwner, true},
		2: {room.RoleAdmin, false}, 18: {room.RoleAdmin, true}, 4: {room.RoleInvited, false}, 6: {room.RoleAdmin, true},
		8: {room.RoleMember, true}, -1: {room.RoleOwner, true},
	} {
		role, odd := RoleOf(flag)
		assert.Equal(t, want.role, role, flag)
		assert.Equal(t, want.odd, odd, flag)
	}
	for flag, want := range map[int64][2]bool{0: {false, false}, 1: {true, false}, 16: {false, false}, 17: {true, false}, 2: {false, true}} {
		private, odd := PrivateOf(flag)
		assert.Equal(t, want, [2]bool{private, odd}, flag)
	}
	assert.Equal(t, int64(1), FlagOf(true))
	assert.Zero(t, FlagOf(false))
}

func TestRows(t *testing.T) {
	var lines []string
	note := func(n log.Note) { lines = append(lines, n.Text) }
	a := sip.Address{User: "a", Host: "h"}
	try := func(r *Rows) {
		_, ok := r.Room(sip.Address{User: "a b", Host: "h"}, 0, "")
		assert.False(t, ok)
		_, ok = r.Room(a, 0, "sip:A@h")
		assert.False(t, ok)
		private, ok := r.Room(a, 3, "")
		assert.True(t, private && ok)
		_, ok = r.Member(a, 0, true, a.URI)
		assert.False(t, ok)
		role, ok := r.Member(a, 8, false, a.URI)
		assert.True(t, ok)
		assert.Equal(t, room.RoleMember, role)
		r.Whole(a.URI, true, true)
	}
	read := NewRows(note)
	try(read)
	try(read)
	assert.Len(t, lines, 5, "each once")
	assert.Equal(t, `room "sip:a b@h" cannot be used: a part is missing, it is too long, or cannot stand in a SIP header; it is ignored`, lines[0])

	lines = nil
	scan := ScanRows(note)
	for i := range 30 {
		scan.Whole(func() string { return fmt.Sprint(i) }, false, false)
	}
	scan.Rest()
	assert.Len(t, lines, maxSameOddities+1)
	assert.Equal(t, "and 10 more rows like this: room ... has no members", lines[maxSameOddities])
}
