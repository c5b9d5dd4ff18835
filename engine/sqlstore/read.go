package sqlstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"kamailio-imc/engine"
)

// fetchChunk is how many rooms one query asks for. SQLite takes a thousand
// conditions in one statement at most.
const fetchChunk = 400

// scheme starts the column room of each member: sip:name@domain.
const scheme = "sip:"

// roomRow is a row of the rooms' table.
type roomRow struct {
	id   int64
	addr engine.Address
	flag int64
}

// memberRow is a row of the members' table.
type memberRow struct {
	id   int64
	addr engine.Address
	key  engine.Key
	flag int64
}

// split takes a key apart. A host has no "@".
func split(k engine.Key) (user, host string) {
	at := strings.LastIndexByte(string(k), '@')
	if at < 0 {
		return string(k), ""
	}
	return string(k[:at]), string(k[at+1:])
}

// roomColumn is the folded content of the column room for a room.
func roomColumn(k engine.Key) string { return scheme + string(k) }

// roomKey is the key of the room that a column room means.
func roomKey(column string) (engine.Key, bool) {
	if len(column) < len(scheme) || !strings.EqualFold(column[:len(scheme)], scheme) {
		return "", false
	}
	user, host := split(engine.Key(column[len(scheme):]))
	return engine.Address{User: user, Host: host}.Key(), true
}

// equals is the condition that a column is what a parameter in lower case
// says, or may be.
func (d *dialect) equals(column string) string { return d.fold(column) + " = " + d.mark }

// in is the condition that a column is one of n parameters, as in equals.
func (d *dialect) in(column string, n int) string {
	return d.fold(column) + " IN (" + d.mark + strings.Repeat(", "+d.mark, n-1) + ")"
}

// areRooms is the condition that a row of the rooms' table is one of some
// rooms', with its parameters. Rooms of one host share a list of names: the
// databases are slow with hundreds of alternatives, and few hosts are usual.
func (d *dialect) areRooms(keys map[engine.Key]bool) (condition string, args []any) {
	names := map[string][]any{}
	for k := range keys {
		user, host := split(k)
		names[host] = append(names[host], user)
	}
	var hosts []string
	for host, users := range names {
		hosts = append(hosts, "("+d.equals("domain")+" AND "+d.in("name", len(users))+")")
		args = append(append(args, host), users...)
	}
	return strings.Join(hosts, " OR "), args
}

// isRoom is the condition that a row of the rooms' table is a room's.
func (d *dialect) isRoom() string { return d.equals("name") + " AND " + d.equals("domain") }

// isMember is the condition that a row of the members' table is a member's.
func (d *dialect) isMember() string {
	return d.equals("username") + " AND " + d.equals("domain") + " AND " + d.equals("room")
}

// Fetch implements engine.Store.
func (s *Store) Fetch(ctx context.Context, keys []engine.Key) (map[engine.Key]*engine.RoomRecord, error) {
	found := make(map[engine.Key]*engine.RoomRecord, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), fetchChunk)
		err := s.read(ctx, "read rooms", func() error {
			some, err := s.fetch(ctx, keys[:n])
			maps.Copy(found, some)
			return err
		})
		if err != nil {
			return nil, err
		}
		keys = keys[n:]
	}
	return found, nil
}

// fetch reads rooms with one query per table.
func (s *Store) fetch(ctx context.Context, keys []engine.Key) (map[engine.Key]*engine.RoomRecord, error) {
	found := make(map[engine.Key]*engine.RoomRecord, len(keys))
	asked := make(map[engine.Key]bool, len(keys))
	columns := make([]any, 0, len(keys))
	for _, k := range keys {
		if !asked[k] && s.holds(k) {
			asked[k] = true
			columns = append(columns, roomColumn(k))
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	condition, args := s.d.areRooms(asked)
	// Rows are sorted here: with ORDER BY id MariaDB walks the whole table in
	// that order to save itself the sorting.
	var rooms roomRows
	if err := s.query(ctx, "SELECT id, name, domain, flag FROM "+s.rooms.quoted+" WHERE "+condition, args, rooms.scan); err != nil {
		return nil, err
	}
	for _, r := range rooms.sorted() {
		if k := r.addr.Key(); asked[k] {
			s.addRoom(found, k, &r)
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	members := memberRows{of: map[engine.Key][]memberRow{}}
	if err := s.query(ctx, "SELECT id, username, domain, flag, room FROM "+s.members.quoted+" WHERE "+
		s.d.in("room", len(columns)), columns, members.scan); err != nil {
		return nil, err
	}
	for k, r := range found {
		s.addMembers(r, members.sorted(k))
	}
	return found, nil
}

// maxKey is longer in bytes than what the columns of a server can hold.
const maxKey = 600

// holds reports whether the tables may have a room with this key. One that
// they cannot have must not fail the query for others.
func (s *Store) holds(k engine.Key) bool {
	return len(k) <= maxKey && utf8.ValidString(string(k)) && strings.IndexByte(string(k), 0) < 0
}

// roomRows are rows of the rooms' table.
type roomRows []roomRow

func (r *roomRows) scan(rows *sqlx.Rows) error {
	var row roomRow
	err := rows.Scan(&row.id, &row.addr.User, &row.addr.Host, &row.flag)
	*r = append(*r, row)
	return err
}

// sorted returns the rows in the order of their ids.
func (r *roomRows) sorted() []roomRow {
	slices.SortFunc(*r, func(a, b roomRow) int { return cmp.Compare(a.id, b.id) })
	return *r
}

// memberRows are rows of the members' table, by room.
type memberRows struct {
	of map[engine.Key][]memberRow
}

func (r *memberRows) scan(rows *sqlx.Rows) error {
	var row memberRow
	var column string
	if err := rows.Scan(&row.id, &row.addr.User, &row.addr.Host, &row.flag, &column); err != nil {
		return err
	}
	row.key = row.addr.Key()
	if k, ok := roomKey(column); ok {
		r.of[k] = append(r.of[k], row)
	}
	return nil
}

// sorted returns the rows of a room in the order of their ids.
func (r *memberRows) sorted(room engine.Key) []memberRow {
	rows := r.of[room]
	slices.SortFunc(rows, func(a, b memberRow) int { return cmp.Compare(a.id, b.id) })
	return rows
}

// query hands each row of a SELECT to f.
func (s *Store) query(ctx context.Context, query string, args []any, f func(*sqlx.Rows) error) error {
	conn, release, err := s.conn(ctx)
	if err != nil {
		return err
	}
	defer release()
	return eachRow(ctx, conn, f, s.db.Rebind(query), args...)
}

// eachRow hands each row of a SELECT to f.
func eachRow(ctx context.Context, conn *sqlx.Conn, f func(*sqlx.Rows) error, query string, args ...any) error {
	rows, err := conn.QueryxContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// addRoom adds a room's row to the records, unless its room is there already
// or it cannot be used.
func (s *Store) addRoom(found map[engine.Key]*engine.RoomRecord, k engine.Key, r *roomRow) {
	switch {
	case !usable(r.addr.User) || !usable(r.addr.Host):
		s.met.first(s.note, oddRoomName, r.addr.URI(), "")
	case found[k] != nil:
		s.met.first(s.note, oddRoomTwice, found[k].URI(), "")
	default:
		private, odd := privateOf(r.flag)
		if odd {
			s.met.first(s.note, oddRoomFlag, r.addr.URI(), strconv.FormatInt(r.flag, 10))
		}
		found[k] = &engine.RoomRecord{Address: r.addr, Private: private}
	}
}

// addMembers adds members' rows to their room. Who is there already or cannot
// be used is left out.
func (s *Store) addMembers(record *engine.RoomRecord, rows []memberRow) {
	seen := make(map[engine.Key]bool, len(rows))
	record.Members = make([]engine.Member, 0, len(rows)+1) // a member is often added
	hasOwner := false
	for i := range rows {
		m := &rows[i]
		switch {
		case !usable(m.addr.User) || !usable(m.addr.Host):
			s.met.first(s.note, oddMemberName, m.addr.URI(), "")
			continue
		case seen[m.key]:
			s.met.first(s.note, oddMemberTwice, m.addr.URI(), record.URI())
			continue
		}
		seen[m.key] = true
		role, odd := roleOf(m.flag)
		if odd {
			s.met.first(s.note, oddMemberFlag, m.addr.URI()+" of "+record.URI(), strconv.FormatInt(m.flag, 10))
		}
		hasOwner = hasOwner || role == engine.RoleOwner
		record.Members = append(record.Members, engine.Member{Address: m.addr, Role: role})
	}
	switch {
	case len(record.Members) == 0:
		s.met.first(s.note, oddNoMembers, record.URI(), "")
	case !hasOwner:
		s.met.first(s.note, oddNoOwner, record.URI(), "")
	}
}

// List implements engine.Store.
func (s *Store) List(ctx context.Context) (list []engine.RoomInfo, err error) {
	err = s.read(ctx, "list rooms", func() error {
		list, err = s.list(ctx)
		return err
	})
	return list, err
}

func (s *Store) list(ctx context.Context) ([]engine.RoomInfo, error) {
	var list []engine.RoomInfo
	index := map[engine.Key]int{}
	err := s.query(ctx, "SELECT id, name, domain, flag FROM "+s.rooms.quoted+" ORDER BY id", nil,
		func(rows *sqlx.Rows) error {
			var r roomRow
			if err := rows.Scan(&r.id, &r.addr.User, &r.addr.Host, &r.flag); err != nil {
				return err
			}
			k := r.addr.Key()
			if _, twice := index[k]; twice || !usable(r.addr.User) || !usable(r.addr.Host) {
				return nil // reported when the room is read
			}
			private, _ := privateOf(r.flag)
			index[k] = len(list)
			list = append(list, engine.RoomInfo{Address: r.addr, Private: private})
			return nil
		})
	if err != nil {
		return nil, err
	}
	// The members of one room may be in several groups, by the case of their
	// column room; the one with the smallest id is the first member.
	first := make(map[int]int64, len(list))
	err = s.query(ctx, "SELECT g.room, g.n, m.id, m.username, m.domain FROM"+
		" (SELECT room, COUNT(*) AS n, MIN(id) AS id FROM "+s.members.quoted+" GROUP BY room) g"+
		" JOIN "+s.members.quoted+" m ON m.id = g.id", nil,
		func(rows *sqlx.Rows) error {
			var room string
			var n int
			var m memberRow
			if err := rows.Scan(&room, &n, &m.id, &m.addr.User, &m.addr.Host); err != nil {
				return err
			}
			k, _ := roomKey(room)
			i, known := index[k]
			if !known {
				return nil
			}
			list[i].Members += n
			if id, has := first[i]; !has || m.id < id {
				first[i] = m.id
				list[i].Owner = m.addr.URI()
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	return list, nil
}
