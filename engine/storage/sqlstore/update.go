package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"kamailio-imc/engine/room"
	"kamailio-imc/engine/sip"
	"kamailio-imc/engine/storage"
)

// roomState is a locked room as the tables hold it.
type roomState struct {
	rooms   []roomRow   // more than one if the table has it twice
	members []memberRow // in the order of their ids; of no room if rooms is empty
	record  *room.Record
}

// Update implements storage.Store.
func (s *Store) Update(ctx context.Context, k sip.Key, decide func(*room.Record) *room.Change) error {
	return s.update(ctx, k, false, decide)
}

// Settle implements storage.Store.
func (s *Store) Settle(ctx context.Context, k sip.Key, decide func(*room.Record) *room.Change) error {
	return s.update(ctx, k, true, decide)
}

func (s *Store) update(ctx context.Context, k sip.Key, settle bool, decide func(*room.Record) *room.Change) error {
	var last *room.Change
	return s.transact(ctx, "change room "+sip.Scheme+string(k), false, func(t *tx, inDoubt bool) error {
		state, err := t.lock(k, settle)
		if err != nil {
			return err
		}
		if inDoubt && last != nil && inForce(last, state.record) {
			return errNothing // the commit whose answer was lost did succeed
		}
		last = decide(state.record)
		if last == nil || last.Empty() {
			return errNothing
		}
		return t.write(state, last)
	})
}

// lock locks a room and reads it. Whoever changes a room does so under this
// lock; if there is no row to lock, the unique key decides who creates it.
// settle: it also waits for changes that are still being committed, which need
// not have locked the room (commitOne).
func (t *tx) lock(k sip.Key, settle bool) (*roomState, error) {
	state := &roomState{}
	var err error
	lockMembers := ""
	if settle {
		lockMembers = t.s.d.lockMembers
		if t.s.d.settle != "" {
			if _, err := t.exec(t.s.named(t.s.d.settle)); err != nil {
				return nil, err
			}
		}
	}
	if state.rooms, err = t.lockRoom(k); err != nil {
		return nil, err
	}
	if state.members, err = t.membersOf(k, lockMembers); err != nil {
		return nil, err
	}
	found := map[sip.Key]*room.Record{}
	for i := range state.rooms {
		t.s.addRoom(found, k, &state.rooms[i])
	}
	if state.record = found[k]; state.record == nil {
		return state, nil
	}
	t.s.addMembers(state.record, state.members)
	return state, nil
}

// lockRoom locks the rows of a room, compared by key, and returns them.
func (t *tx) lockRoom(k sip.Key) ([]roomRow, error) {
	if t.s.d.lockKey != "" {
		if _, err := t.exec(t.s.d.lockKey, string(k)); err != nil {
			return nil, err
		}
	}
	user, host := split(k)
	var rows roomRows
	err := t.query(rows.scan, "SELECT id, name, domain, flag FROM "+t.s.rooms.quoted+" WHERE "+t.s.d.isRoom()+t.s.d.lock, user, host)
	return slices.DeleteFunc(rows.sorted(), func(r roomRow) bool { return r.addr.Key() != k }), err
}

// membersOf returns the rows of a room's members. lock ends the statement.
func (t *tx) membersOf(k sip.Key, lock string) ([]memberRow, error) {
	rows := memberRows{of: map[sip.Key][]memberRow{}}
	err := t.query(rows.scan, "SELECT id, username, domain, flag, room FROM "+t.s.members.quoted+" WHERE "+
		t.s.d.equals("room")+lock, roomColumn(k))
	return rows.sorted(k), err
}

// write writes a change of a room that is locked.
func (t *tx) write(state *roomState, c *room.Change) error {
	if c.Destroy {
		if err := t.clear(state); err != nil {
			return err
		}
		state = &roomState{}
	}
	if c.Create {
		if state.record != nil {
			return &storeError{storage.ErrConflict, fmt.Sprintf("%v: room %s exists", storage.ErrConflict, c.Room.URI())}
		}
		// Rows of members that an older room of this name left behind, or a
		// room's row that cannot be used, must not come to life.
		if err := t.clear(state); err != nil {
			return err
		}
		return t.insertRoom(c)
	}
	if len(c.Put)+len(c.Delete) == 0 {
		return nil
	}
	if state.record == nil {
		return &storeError{storage.ErrConflict, fmt.Sprintf("%v: room %s does not exist", storage.ErrConflict, c.Room.URI())}
	}
	if err := t.touch(state); err != nil {
		return err
	}
	byKey := make(map[sip.Key][]int64, len(state.members))
	for i := range state.members {
		m := &state.members[i]
		byKey[m.key] = append(byKey[m.key], m.id)
	}
	var added []room.Member
	for _, m := range c.Put {
		ids := byKey[m.Key()]
		if len(ids) == 0 {
			added = append(added, m)
		} else if err := t.setRole(ids, m.Role); err != nil {
			return err
		}
	}
	if err := t.insertMembers(state.record.URI(), added); err != nil {
		return err
	}
	var gone []int64
	for _, a := range c.Delete {
		gone = append(gone, byKey[a.Key()]...)
	}
	return t.delete(t.s.members, gone)
}

// clear deletes all rows of a locked room.
func (t *tx) clear(state *roomState) error {
	if err := t.delete(t.s.members, idsOf(state.members)); err != nil {
		return err
	}
	return t.deleteRooms(state.rooms)
}

// touch makes a change of the members a change of the room's row, too, where
// other nodes see changed rows only: of two such changes at once the cluster
// then refuses one, as the lock does on a single server.
func (t *tx) touch(state *roomState) error {
	if !t.s.d.galera {
		return nil
	}
	r := &state.rooms[0]
	_, err := t.exec("UPDATE "+t.s.rooms.quoted+" SET flag = ? WHERE id = ?", r.flag^storage.FlagNothing, r.id)
	return err
}

func idsOf(members []memberRow) []int64 {
	ids := make([]int64, len(members))
	for i := range members {
		ids[i] = members[i].id
	}
	return ids
}

// inForce reports whether a room is as a change would leave it.
func inForce(c *room.Change, r *room.Record) bool {
	if r == nil {
		return c.Destroy && !c.Create
	}
	if c.Destroy && !c.Create {
		return false
	}
	roles := make(map[sip.Key]room.Role, len(r.Members))
	for i := range r.Members {
		roles[r.Members[i].Key()] = r.Members[i].Role
	}
	for i := range c.Put {
		if role, found := roles[c.Put[i].Key()]; !found || role != c.Put[i].Role {
			return false
		}
	}
	for _, a := range c.Delete {
		if _, found := roles[a.Key()]; found {
			return false
		}
	}
	return true
}
