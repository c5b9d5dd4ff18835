package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
)

// mysqlDialect returns how to talk to MySQL and MariaDB.
func mysqlDialect() *dialect {
	return &dialect{
		name:      "MySQL",
		quoteMark: "`",
		begin:     "START TRANSACTION",
		lock:      " FOR UPDATE",
		// With the usual collations (_ci) columns compare without case and the
		// unique keys serve the comparison. inspectMySQL replaces this.
		fold:    func(col string) string { return col },
		retries: 12,
		mark:    "?",
		writers: maxWriters,
		// Rows that are being written are met by a locking read, also those
		// of an INSERT.
		lockMembers: " FOR UPDATE",
		fence: []string{
			"SELECT COUNT(*) FROM %[1]s LOCK IN SHARE MODE",
			"SELECT COUNT(*) FROM %[2]s LOCK IN SHARE MODE",
		},
		inspect: inspectMySQL,
	}
}

// inspectMySQL finds out what the tables and the server are like.
func inspectMySQL(ctx context.Context, s *Store) ([]string, error) {
	collations := map[string]bool{}
	for _, table := range []table{s.rooms, s.members} {
		rows, err := s.db.QueryxContext(ctx, "SHOW FULL COLUMNS FROM "+table.quoted)
		if err != nil {
			return nil, err
		}
		err = eachMap(rows, func(row map[string]string) {
			collations[strings.ToLower(row["Collation"])] = true
			table.columns[strings.ToLower(row["Field"])] = true
		})
		if err != nil {
			return nil, err
		}
	}
	delete(collations, "")
	s.d.collate(collations)
	var missing []string
	rooms, err := mysqlIndexes(ctx, s, s.rooms)
	if err != nil {
		return nil, err
	}
	members, err := mysqlIndexes(ctx, s, s.members)
	if err != nil {
		return nil, err
	}
	if !rooms["name,domain unique"] {
		missing = append(missing, "ALTER TABLE "+s.rooms.quoted+" ADD UNIQUE name_domain_idx (name, domain)")
		s.d.unique = false
	}
	if !members["username,domain,room unique"] {
		missing = append(missing, "ALTER TABLE "+s.members.quoted+
			" ADD UNIQUE account_room_idx (username, domain, room)")
		s.d.unique = false
	}
	indexed := false
	for columns := range members {
		indexed = indexed || strings.HasPrefix(columns, "room ") || strings.HasPrefix(columns, "room,")
	}
	if !indexed {
		missing = append(missing, "ALTER TABLE "+s.members.quoted+" ADD INDEX room_idx (room)")
	}
	s.d.exact = s.d.unique
	return missing, nil
}

// collate sets how columns with these collations are compared with keys.
func (d *dialect) collate(collations map[string]bool) {
	d.unique = true
	charsets := map[string]bool{}
	for collation := range collations {
		charset, _, _ := strings.Cut(collation, "_")
		charsets[charset] = true
		d.unique = d.unique && strings.HasSuffix(collation, "_ci")
	}
	mark, column := "?", "%s"
	switch {
	case len(charsets) > 1:
		column = "CONVERT(%s USING utf8mb4)"
	case !charsets["utf8mb4"]:
		// A key with other characters than the column's is no error, it only
		// is of no row. The index goes on to serve.
		for charset := range charsets {
			mark = "CONVERT(? USING " + charset + ")"
		}
	}
	if !d.unique {
		mark, column = "LOWER("+mark+")", "LOWER("+column+")"
	}
	d.mark = mark
	d.fold = func(col string) string { return fmt.Sprintf(column, col) }
}

// mysqlIndexes returns the indexes of a table as "column,column unique" or
// "column,column ".
func mysqlIndexes(ctx context.Context, s *Store, t table) (map[string]bool, error) {
	rows, err := s.db.QueryxContext(ctx, "SHOW INDEX FROM "+t.quoted)
	if err != nil {
		return nil, err
	}
	columns, kind := map[string][]string{}, map[string]string{}
	err = eachMap(rows, func(row map[string]string) {
		name := row["Key_name"]
		columns[name] = append(columns[name], strings.ToLower(row["Column_name"]))
		if row["Non_unique"] == "0" {
			kind[name] = "unique"
		}
	})
	indexes := map[string]bool{}
	for name, cols := range columns {
		indexes[strings.Join(cols, ",")+" "+kind[name]] = true
	}
	return indexes, err
}

// eachMap hands the rows to f as maps of text and closes them.
func eachMap(rows *sqlx.Rows, f func(map[string]string)) error {
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	for rows.Next() {
		values := map[string]any{}
		if err := rows.MapScan(values); err != nil {
			return err
		}
		texts := make(map[string]string, len(values))
		for name, v := range values {
			switch v := v.(type) {
			case nil:
			case []byte:
				texts[name] = string(v)
			default:
				texts[name] = fmt.Sprint(v)
			}
		}
		f(texts)
	}
	return rows.Err()
}
