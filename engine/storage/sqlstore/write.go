package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// writeChunk is how many rows one INSERT or DELETE has.
const writeChunk = 500

// errNothing ends a transaction in which there is nothing to write.
var errNothing = errors.New("nothing to write")

// Commit implements storage.Store. It takes the caller's word for what is in
// the room: it is for the one owner of the tables (mode 1).
func (s *Store) Commit(ctx context.Context, c *room.Change) error {
	if c.Empty() {
		return nil
	}
	doing := "write room " + c.Room.URI()
	done, inDoubt, err := s.commitOne(ctx, c)
	if done || err != nil {
		if err != nil {
			err = fail(ctx, doing, err, classUnknown)
		}
		return err
	}
	return s.transact(ctx, doing, inDoubt, func(t *tx, inDoubt bool) error { return t.apply(c, inDoubt) })
}

// commitOne writes a change of one row, the most frequent one, as a single
// statement, which is a transaction of its own. Not done: transact has to do
// it, from the beginning, which is right even if the row was written.
func (s *Store) commitOne(ctx context.Context, c *room.Change) (done, inDoubt bool, err error) {
	if s.d.writers == 1 || !s.d.exact || !s.d.unique || c.Create || c.Destroy || len(c.Put)+len(c.Delete) != 1 {
		return false, false, nil
	}
	leave, err := enter(ctx, s.writers)
	if err != nil {
		return false, false, err
	}
	defer leave()
	conn, err := s.db.Connx(ctx)
	if err != nil {
		return false, false, err
	}
	defer func() { _ = conn.Close() }() // it is the pool's again, or was bad
	err = during(ctx, conn, func(ctx context.Context) (err error) {
		t := &tx{s: s, ctx: ctx, conn: conn}
		if len(c.Delete) == 1 {
			err = t.deleteMember(c.Room.Key(), c.Delete[0])
			done = err == nil
		} else {
			done, err = t.insertMember(c.Room.URI(), &c.Put[0])
		}
		return err
	})
	if err == nil {
		return done, false, nil
	}
	switch classOf(err) {
	case classGone:
		return false, true, nil
	case classConflict, classLocked, classDuplicate, classReadOnly:
		return false, false, nil
	}
	return false, false, err
}

// apply writes a change without having read the room. inDoubt: it may have
// been written already.
func (t *tx) apply(c *room.Change, inDoubt bool) error {
	k := c.Room.Key()
	if c.Destroy {
		if err := t.deleteRoom(k); err != nil {
			return err
		}
	}
	if c.Create {
		created, err := t.create(c, inDoubt)
		if err != nil || created {
			return err
		}
	}
	for i := range c.Put {
		if err := t.put(k, c.Room.URI(), &c.Put[i]); err != nil {
			return err
		}
	}
	for _, a := range c.Delete {
		if err := t.deleteMember(k, a); err != nil {
			return err
		}
	}
	return nil
}

// create inserts a new room and its members. created is false if a run in
// doubt had written the room before.
func (t *tx) create(c *room.Change, inDoubt bool) (created bool, err error) {
	k := c.Room.Key()
	t.s.mu.Lock()
	orphans := t.s.orphans[k]
	t.s.mu.Unlock()
	if orphans && !c.Destroy {
		if err := t.deleteMembers(k); err != nil {
			return false, err
		}
	}
	rows, err := t.lockRoom(k)
	if err != nil {
		return false, err
	}
	if len(rows) > 0 {
		if inDoubt {
			return false, nil
		}
		return false, &storeError{storage.ErrConflict, fmt.Sprintf("%v: room %s is in the database already", storage.ErrConflict, c.Room.URI())}
	}
	return true, t.insertRoom(c)
}

// insertRoom inserts a room, of which there are no rows, and its members.
func (t *tx) insertRoom(c *room.Change) error {
	_, err := t.exec("INSERT INTO "+t.s.rooms.quoted+" (name, domain, flag) VALUES (?, ?, ?)",
		c.Room.User, c.Room.Host, storage.FlagOf(c.Private))
	if err != nil {
		return err
	}
	return t.insertMembers(c.Room.URI(), c.Put)
}

func (t *tx) insertMembers(name string, members []room.Member) error {
	for len(members) > 0 {
		n := min(len(members), writeChunk)
		args := make([]any, 0, 4*n)
		for i := range members[:n] {
			m := &members[i]
			args = append(args, m.User, m.Host, name, int64(m.Role))
		}
		_, err := t.exec("INSERT INTO "+t.s.members.quoted+" (username, domain, room, flag) VALUES (?, ?, ?, ?)"+
			strings.Repeat(", (?, ?, ?, ?)", n-1), args...)
		if err != nil {
			return err
		}
		members = members[n:]
	}
	return nil
}

// insertMember inserts one member unless a row with its unique key is there.
func (t *tx) insertMember(name string, m *room.Member) (inserted bool, err error) {
	res, err := t.exec("INSERT INTO "+t.s.members.quoted+" (username, domain, room, flag) VALUES (?, ?, ?, ?)"+
		t.s.d.ignore, m.User, m.Host, name, int64(m.Role))
	if err != nil {
		if t.s.d.ignore == "" && classOf(err) == classDuplicate {
			return false, nil
		}
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// put inserts a member or sets the role of the rows it has.
func (t *tx) put(k sip.Key, name string, m *room.Member) error {
	if t.s.d.unique {
		if inserted, err := t.insertMember(name, m); err != nil || inserted {
			return err
		}
	}
	ids, err := t.memberIDs(k, m.Address)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		return t.setRole(ids, m.Role)
	}
	if t.s.d.unique {
		return &storeError{storage.ErrValue, fmt.Sprintf("%v: the database takes %s for another member of %s",
			storage.ErrValue, m.URI(), name)}
	}
	_, err = t.insertMember(name, m)
	return err
}

func (t *tx) setRole(ids []int64, role room.Role) error {
	return t.inChunks("UPDATE "+t.s.members.quoted+" SET flag = ? WHERE id IN ", ids, int64(role))
}

// memberIDs returns the rows of a member, compared by key.
func (t *tx) memberIDs(k sip.Key, a sip.Address) ([]int64, error) {
	want := a.Key()
	user, host := split(want)
	rows := memberRows{of: map[sip.Key][]memberRow{}}
	err := t.query(rows.scan, "SELECT id, username, domain, flag, room FROM "+t.s.members.quoted+" WHERE "+t.s.d.isMember(),
		user, host, roomColumn(k))
	var ids []int64
	for _, m := range rows.sorted(k) {
		if m.key == want {
			ids = append(ids, m.id)
		}
	}
	return ids, err
}

// deleteMember deletes the rows of a member.
func (t *tx) deleteMember(k sip.Key, a sip.Address) error {
	if !t.s.d.exact {
		ids, err := t.memberIDs(k, a)
		if err != nil {
			return err
		}
		return t.delete(t.s.members, ids)
	}
	user, host := split(a.Key())
	_, err := t.exec("DELETE FROM "+t.s.members.quoted+" WHERE "+t.s.d.isMember(), user, host, roomColumn(k))
	return err
}

// deleteMembers deletes the rows of all members of a room.
func (t *tx) deleteMembers(k sip.Key) error {
	if !t.s.d.exact {
		members, err := t.membersOf(k, "")
		if err != nil {
			return err
		}
		return t.delete(t.s.members, idsOf(members))
	}
	_, err := t.exec("DELETE FROM "+t.s.members.quoted+" WHERE "+t.s.d.equals("room"), roomColumn(k))
	return err
}

// deleteRoom deletes the rows of a room and of its members.
func (t *tx) deleteRoom(k sip.Key) error {
	rooms, err := t.lockRoom(k)
	if err != nil {
		return err
	}
	if err := t.deleteMembers(k); err != nil {
		return err
	}
	return t.deleteRooms(rooms)
}

func (t *tx) deleteRooms(rooms []roomRow) error {
	ids := make([]int64, len(rooms))
	for i := range rooms {
		ids[i] = rooms[i].id
	}
	return t.delete(t.s.rooms, ids)
}

func (t *tx) delete(from table, ids []int64) error {
	return t.inChunks("DELETE FROM "+from.quoted+" WHERE id IN ", ids)
}

// inChunks runs a statement that ends in a list of ids, some ids at a time.
func (t *tx) inChunks(statement string, ids []int64, before ...any) error {
	for len(ids) > 0 {
		n := min(len(ids), writeChunk)
		args := append(make([]any, 0, len(before)+n), before...)
		for _, id := range ids[:n] {
			args = append(args, id)
		}
		if _, err := t.exec(statement+"(?"+strings.Repeat(", ?", n-1)+")", args...); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
