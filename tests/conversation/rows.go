package conversation

import (
	"fmt"
	"strings"
)

// tables gives the rows that the server left, as the step rows writes them.
func (p *player) tables() ([]string, error) {
	rooms, err := p.server.TextRows("imc_rooms")
	if err != nil {
		return nil, err
	}
	members, err := p.server.TextRows("imc_members")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range rooms {
		out = append(out, "room: "+columns(r))
	}
	for _, m := range members {
		out = append(out, "member: "+columns(m))
	}
	return out, nil
}

// columns writes a row of a text table, in which a colon inside a value has a
// backslash before it.
func columns(row string) string {
	const escaped = "\x00"
	row = strings.ReplaceAll(row, `\:`, escaped)
	return strings.ReplaceAll(strings.Join(strings.Split(row, ":"), ", "), escaped, ":")
}

var _ = fmt.Sprint
