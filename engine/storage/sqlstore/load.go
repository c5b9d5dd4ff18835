package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"hash/maphash"

	"github.com/jmoiron/sqlx"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// loader is one run of Load. What it keeps of a room is small, and of a member
// nothing, or 16 bytes where no unique key excludes duplicates.
type loader struct {
	s      *Store
	room   func(sip.Address, bool)
	member func(sip.Key, room.Member)
	rows   *storage.Rows

	index   map[sip.Key]int32
	keys    []sip.Key
	members []bool // of each room: it has a member
	owner   []bool // of each room: it has an owner
	orphans map[sip.Key]bool

	domains map[string]string  // each domain is held once
	seen    map[[2]uint64]bool // hashes of room and member; nil if they are unique
	seeds   [2]maphash.Seed    // of the two halves of a hash
	buf     []byte             // a key being made
	scan    struct{ a, b, c sql.RawBytes }
}

// Load implements storage.Store.
func (s *Store) Load(ctx context.Context, addRoom func(a sip.Address, private bool),
	addMember func(k sip.Key, m room.Member), note func(log.Note),
) error {
	l := &loader{
		s: s, room: addRoom, member: addMember, rows: storage.ScanRows(note),
		index: map[sip.Key]int32{}, orphans: map[sip.Key]bool{}, domains: map[string]string{},
	}
	if !s.d.unique {
		l.seen = map[[2]uint64]bool{}
		l.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	}
	if err := s.fence(ctx, note); err != nil {
		return err
	}
	err := s.query(ctx, "SELECT id, name, domain, flag FROM "+s.rooms.quoted+" ORDER BY id", nil, l.roomRow)
	if err == nil {
		err = s.query(ctx, "SELECT id, username, domain, room, flag FROM "+s.members.quoted+" ORDER BY id", nil, l.memberRow)
	}
	if err != nil {
		return fail(ctx, "load the rooms", err, classUnknown)
	}
	for i, k := range l.keys {
		l.rows.Whole(func() string { return roomColumn(k) }, l.members[i], l.owner[i])
	}
	l.rows.Rest()
	s.mu.Lock()
	s.orphans = l.orphans
	s.mu.Unlock()
	return nil
}

func (l *loader) roomRow(rows *sqlx.Rows) error {
	var id, flag int64
	name, domain := &l.scan.a, &l.scan.b
	if err := rows.Scan(&id, name, domain, &flag); err != nil {
		return err
	}
	a := sip.Address{User: string(*name), Host: l.domain(*domain)}
	k := a.Key()
	twice := ""
	if _, found := l.index[k]; found {
		twice = a.URI()
	}
	private, ok := l.rows.Room(a, flag, twice)
	if !ok {
		return nil
	}
	l.index[k] = int32(len(l.keys))
	l.keys = append(l.keys, k)
	l.members = append(l.members, false)
	l.owner = append(l.owner, false)
	l.room(a, private)
	return nil
}

func (l *loader) memberRow(rows *sqlx.Rows) error {
	var id, flag int64
	user, domain, name := &l.scan.a, &l.scan.b, &l.scan.c
	if err := rows.Scan(&id, user, domain, name, &flag); err != nil {
		return err
	}
	i, found := l.find(*name)
	if !found {
		if k, ok := roomKey(string(*name)); ok {
			l.orphans[k] = true
		}
		l.rows.Orphan(string(*user)+"@"+string(*domain), string(*name))
		return nil
	}
	m := room.Member{Address: sip.Address{User: string(*user), Host: l.domain(*domain)}}
	var ok bool
	m.Role, ok = l.rows.Member(m.Address, flag, l.twice(i, *user, *domain), func() string { return roomColumn(l.keys[i]) })
	if !ok {
		return nil
	}
	l.members[i] = true
	l.owner[i] = l.owner[i] || m.Role == room.RoleOwner
	l.member(l.keys[i], m)
	return nil
}

// find returns the index of the room that a column room means.
func (l *loader) find(column []byte) (int32, bool) {
	if len(column) < len(sip.Scheme) || !bytes.EqualFold(column[:len(sip.Scheme)], []byte(sip.Scheme)) {
		return 0, false
	}
	l.buf = sip.AppendLower(l.buf[:0], column[len(sip.Scheme):])
	i, found := l.index[sip.Key(l.buf)]
	return i, found
}

// twice reports whether the member was in the room before.
func (l *loader) twice(room int32, user, domain []byte) bool {
	if l.seen == nil {
		return false
	}
	l.buf = binary.BigEndian.AppendUint32(l.buf[:0], uint32(room))
	l.buf = sip.AppendLower(l.buf, user)
	l.buf = append(l.buf, '@')
	l.buf = sip.AppendLower(l.buf, domain)
	hash := [2]uint64{maphash.Bytes(l.seeds[0], l.buf), maphash.Bytes(l.seeds[1], l.buf)}
	if l.seen[hash] {
		return true
	}
	l.seen[hash] = true
	return false
}

func (l *loader) domain(d []byte) string {
	if known, found := l.domains[string(d)]; found {
		return known
	}
	domain := string(d)
	l.domains[domain] = domain
	return domain
}
