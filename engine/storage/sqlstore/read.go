package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// fetchChunk is how many rooms one query asks for. SQLite takes a thousand
// conditions in one statement at most.
const fetchChunk = 400

// roomRow is a row of the rooms' table.
type roomRow struct {
	id   int64
	addr sip.Address
	flag int64
}

// memberRow is a row of the members' table.
type memberRow struct {
	id   int64
	addr sip.Address
	key  sip.Key
	flag int64
}

// split takes a key apart. A host has no "@".
func split(k sip.Key) (user, host string) {
	at := strings.LastIndexByte(string(k), '@')
	if at < 0 {
		return string(k), ""
	}
	return string(k[:at]), string(k[at+1:])
}

// roomColumn is the folded content of the column room for a room.
func roomColumn(k sip.Key) string { return sip.Scheme + string(k) }

// roomKey is the key of the room that a column room means.
func roomKey(column string) (sip.Key, bool) {
	if len(column) < len(sip.Scheme) || !strings.EqualFold(column[:len(sip.Scheme)], sip.Scheme) {
		return "", false
	}
	user, host := split(sip.Key(column[len(sip.Scheme):]))
	return sip.Address{User: user, Host: host}.Key(), true
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
func (d *dialect) areRooms(keys map[sip.Key]bool) (condition string, args []any) {
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

// Fetch implements storage.Store.
func (s *Store) Fetch(ctx context.Context, keys []sip.Key) (map[sip.Key]*room.Record, error) {
	found := make(map[sip.Key]*room.Record, len(keys))
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

// fetch reads rooms with one query for both tables: it is answered in one
// round trip, and from one state of the database. Columns of the two tables
// are not mixed, because they may have different collations.
func (s *Store) fetch(ctx context.Context, keys []sip.Key) (map[sip.Key]*room.Record, error) {
	found := make(map[sip.Key]*room.Record, len(keys))
	asked := make(map[sip.Key]bool, len(keys))
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
	f := fetched{members: memberRows{of: make(map[sip.Key][]memberRow, len(asked))}}
	err := s.query(ctx, "SELECT id, flag, name, domain, NULL, NULL, NULL FROM "+s.rooms.quoted+" WHERE "+condition+
		" UNION ALL SELECT id, flag, NULL, NULL, username, domain, room FROM "+s.members.quoted+" WHERE "+
		s.d.in("room", len(columns)), append(args, columns...), f.scan)
	if err != nil {
		return nil, err
	}
	for _, r := range f.rooms.sorted() {
		if k := r.addr.Key(); asked[k] {
			s.addRoom(found, k, &r)
		}
	}
	for k, r := range found {
		s.addMembers(r, f.members.sorted(k))
	}
	return found, nil
}

// fetched is what one query of fetch reads.
type fetched struct {
	rooms   roomRows
	members memberRows
	raw     struct {
		id, flag                       int64
		name, domain, user, host, room sql.RawBytes
	}
}

func (f *fetched) scan(rows *sqlx.Rows) error {
	r := &f.raw
	if err := rows.Scan(&r.id, &r.flag, &r.name, &r.domain, &r.user, &r.host, &r.room); err != nil {
		return err
	}
	if r.name != nil {
		f.rooms = append(f.rooms, roomRow{r.id, sip.Address{User: string(r.name), Host: string(r.domain)}, r.flag})
		return nil
	}
	f.members.add(r.id, r.flag, r.user, r.host, r.room)
	return nil
}

// maxKey is longer in bytes than what the columns of a server can hold.
const maxKey = 600

// holds reports whether the tables may have a room with this key. One that
// they cannot have must not fail the query for others.
func (s *Store) holds(k sip.Key) bool {
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
	of map[sip.Key][]memberRow

	column []byte // the last room met, and its key
	key    sip.Key
	known  bool
	raw    struct{ user, host, room sql.RawBytes }
	buf    []byte
}

func (r *memberRows) scan(rows *sqlx.Rows) error {
	var id, flag int64
	if err := rows.Scan(&id, &r.raw.user, &r.raw.host, &flag, &r.raw.room); err != nil {
		return err
	}
	r.add(id, flag, r.raw.user, r.raw.host, r.raw.room)
	return nil
}

// add takes a row over. Its texts become one string, since a room may have
// very many.
func (r *memberRows) add(id, flag int64, user, host, room []byte) {
	if r.column == nil || !bytes.Equal(r.column, room) {
		r.column = append(r.column[:0], room...)
		r.key, r.known = roomKey(string(room))
	}
	if !r.known {
		return
	}
	r.buf = append(append(append(r.buf[:0], user...), '@'), host...)
	text := string(r.buf)
	r.of[r.key] = append(r.of[r.key], memberRow{
		id: id, flag: flag, key: foldKey(text),
		addr: sip.Address{User: text[:len(user)], Host: text[len(user)+1:]},
	})
}

// foldKey is the key of "user@host".
func foldKey(text string) sip.Key {
	for i := range len(text) {
		if c := text[i]; 'A' <= c && c <= 'Z' {
			return sip.Key(sip.AppendLower(nil, []byte(text)))
		}
	}
	return sip.Key(text)
}

// sorted returns the rows of a room in the order of their ids.
func (r *memberRows) sorted(room sip.Key) []memberRow {
	rows := r.of[room]
	slices.SortFunc(rows, func(a, b memberRow) int { return cmp.Compare(a.id, b.id) })
	return rows
}

// query hands each row of a SELECT to f.
func (s *Store) query(ctx context.Context, query string, args []any, f func(*sqlx.Rows) error) error {
	conn, err := s.db.Connx(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it is the pool's again, or was bad
	return during(ctx, conn, func(ctx context.Context) error { return eachRow(ctx, conn, f, s.db.Rebind(query), args...) })
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
func (s *Store) addRoom(found map[sip.Key]*room.Record, k sip.Key, r *roomRow) {
	twice := ""
	if found[k] != nil {
		twice = found[k].URI()
	}
	if private, ok := s.rows.Room(r.addr, r.flag, twice); ok {
		found[k] = &room.Record{Address: r.addr, Private: private}
	}
}

// addMembers adds members' rows to their room. Who is there already or cannot
// be used is left out.
func (s *Store) addMembers(record *room.Record, rows []memberRow) {
	seen := make(map[sip.Key]bool, len(rows))
	record.Members = make([]room.Member, 0, len(rows)+1) // a member is often added
	hasOwner := false
	for i := range rows {
		m := &rows[i]
		role, ok := s.rows.Member(m.addr, m.flag, seen[m.key], record.URI)
		if !ok {
			continue
		}
		seen[m.key] = true
		hasOwner = hasOwner || role == room.RoleOwner
		record.Members = append(record.Members, room.Member{Address: m.addr, Role: role})
	}
	s.rows.Whole(record.URI, len(record.Members) > 0, hasOwner)
}

// List implements storage.Store.
func (s *Store) List(ctx context.Context) (list []room.Info, err error) {
	err = s.read(ctx, "list rooms", func() error {
		list, err = s.list(ctx)
		return err
	})
	return list, err
}

func (s *Store) list(ctx context.Context) ([]room.Info, error) {
	var list []room.Info
	seen := map[sip.Key]bool{}
	err := s.query(ctx, "SELECT id, name, domain, flag FROM "+s.rooms.quoted+" ORDER BY id", nil,
		func(rows *sqlx.Rows) error {
			var r roomRow
			if err := rows.Scan(&r.id, &r.addr.User, &r.addr.Host, &r.flag); err != nil {
				return err
			}
			k := r.addr.Key()
			if seen[k] || !r.addr.Usable() {
				return nil // reported when the room is read
			}
			seen[k] = true
			private, _ := storage.PrivateOf(r.flag)
			list = append(list, room.Info{Address: r.addr, Private: private})
			return nil
		})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// RoomsOf implements storage.Store.
func (s *Store) RoomsOf(ctx context.Context, user sip.Key) (rooms []sip.Key, err error) {
	name, host := split(user)
	if !s.holds(user) {
		return nil, nil
	}
	err = s.read(ctx, "read the rooms of a user", func() error {
		rooms = nil
		return s.query(ctx, "SELECT username, domain, room, flag FROM "+s.members.quoted+" WHERE "+
			s.d.equals("username")+" AND "+s.d.equals("domain"), []any{name, host}, func(rows *sqlx.Rows) error {
			var a sip.Address
			var column string
			var flag int64
			if err := rows.Scan(&a.User, &a.Host, &column, &flag); err != nil {
				return err
			}
			role, _ := storage.RoleOf(flag)
			if k, ok := roomKey(column); ok && a.Key() == user && role != room.RoleInvited {
				rooms = append(rooms, k)
			}
			return nil
		})
	})
	return rooms, err
}
