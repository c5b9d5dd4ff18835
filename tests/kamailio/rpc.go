package kamailio

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const rpcTimeout = 10 * time.Second

// FaultError is the answer to an RPC that was refused.
type FaultError struct {
	Code int
	Text string
}

// Error gives the fault as kamcmd prints it.
func (f *FaultError) Error() string { return fmt.Sprintf("error: %d - %s", f.Code, f.Text) }

// Value is one value of an RPC's answer: a scalar (Fields and Items nil), a
// structure or a list.
type Value struct {
	Scalar string
	Fields []Field // of a structure, in the order they came
	Items  []Value // of a list, or the top values of an answer
}

// Field is a named value of a structure.
type Field struct {
	Name  string
	Value Value
}

// Structs are the structures among the items.
func (v Value) Structs() []Value {
	var out []Value
	for _, it := range v.Items {
		if it.Fields != nil {
			out = append(out, it)
		}
	}
	return out
}

// Field gives a field of a structure; ok is false if there is none.
func (v Value) Field(name string) (Value, bool) {
	for _, f := range v.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return Value{}, false
}

// Get gives a scalar field, "" if there is none.
func (v Value) Get(name string) string {
	f, _ := v.Field(name)
	return f.Scalar
}

// Strings are the scalars among the items of a list.
func (v Value) Strings() []string {
	var out []string
	for _, it := range v.Items {
		if it.Fields == nil && it.Items == nil {
			out = append(out, it.Scalar)
		}
	}
	return out
}

// RPC calls a method with kamcmd and gives its answer, a list of the values at
// the top. A refusal is a *FaultError.
func (s *Server) RPC(method string, args ...string) (Value, error) {
	out, err := s.RPCText(method, args...)
	if err != nil {
		return Value{}, err
	}
	return parseAnswer(out)
}

// RPCText is RPC with the answer as kamcmd prints it.
func (s *Server) RPCText(method string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), rpcTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "kamcmd", append([]string{"-s", "unix:" + s.ctlSocket(), method}, args...)...)
	raw, err := cmd.CombinedOutput()
	out := string(raw)
	if f := parseFault(out); f != nil {
		return "", f
	}
	if err != nil {
		return "", fmt.Errorf("kamcmd %s: %w: %s", method, err, strings.TrimSpace(out))
	}
	return out, nil
}

// parseFault reads "error: 500 - Room not found".
func parseFault(out string) *FaultError {
	var f FaultError
	out = strings.TrimSpace(out)
	if n, _ := fmt.Sscanf(out, "error: %d - ", &f.Code); n != 1 {
		return nil
	}
	_, f.Text, _ = strings.Cut(out, " - ")
	return &f
}

// parseAnswer reads kamcmd's output: scalars one a line, structures between
// '{' and '}' with "name: value" lines, lists between '{' or '[' and their
// closing. kamcmd prints lists in structures with braces too; their items have
// no names.
func parseAnswer(out string) (Value, error) {
	var lines []string
	for l := range strings.SplitSeq(out, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	items, rest, err := parseItems(lines)
	if err != nil {
		return Value{}, err
	}
	if len(rest) > 0 {
		return Value{}, fmt.Errorf("kamcmd: unexpected %q", rest[0])
	}
	return Value{Items: items}, nil
}

func opens(l string) bool  { return strings.HasSuffix(l, "{") || strings.HasSuffix(l, "[") }
func closes(l string) bool { return l == "}" || l == "]" }

// parseItems reads values up to a closing line or the end.
func parseItems(lines []string) (items []Value, rest []string, err error) {
	for len(lines) > 0 && !closes(lines[0]) {
		l := lines[0]
		lines = lines[1:]
		if !opens(l) {
			items = append(items, Value{Scalar: l})
			continue
		}
		var v Value
		if v, lines, err = parseGroup(lines); err != nil {
			return nil, nil, err
		}
		items = append(items, v)
	}
	return items, lines, nil
}

// parseGroup reads what stands between an opening line, already taken, and its
// closing line.
func parseGroup(lines []string) (v Value, rest []string, err error) {
	for len(lines) > 0 {
		l := lines[0]
		lines = lines[1:]
		switch {
		case closes(l):
			return v, lines, nil
		case opens(l):
			var sub Value
			if sub, lines, err = parseGroup(lines); err != nil {
				return v, nil, err
			}
			if name, _, named := strings.Cut(l, ":"); named {
				v.Fields = append(v.Fields, Field{Name: name, Value: sub})
			} else {
				v.Items = append(v.Items, sub)
			}
		default:
			name, value, named := strings.Cut(l, ": ")
			if !named {
				name, named = strings.CutSuffix(l, ":")
			}
			if named {
				v.Fields = append(v.Fields, Field{Name: name, Value: Value{Scalar: value}})
			} else {
				v.Items = append(v.Items, Value{Scalar: l})
			}
		}
	}
	return v, nil, errors.New("kamcmd: a group does not end")
}

// Statistic gives a statistic, for example "imc:active_rooms".
func (s *Server) Statistic(name string) (int64, error) {
	v, err := s.RPC("stats.fetch", name)
	if err != nil {
		return 0, err
	}
	key := strings.Replace(name, ":", ".", 1)
	for _, st := range v.Structs() {
		for _, f := range st.Fields {
			if f.Name == key || f.Name == name {
				return strconv.ParseInt(f.Value.Scalar, 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("no statistic %s in %v", name, v)
}

// Memory is the state of shared memory, in bytes.
type Memory struct {
	Total, Free, Used, RealUsed, MaxUsed, Fragments int64
}

// SharedMemory gives the state of shared memory (RPC core.shmmem).
func (s *Server) SharedMemory() (Memory, error) {
	v, err := s.RPC("core.shmmem")
	if err != nil {
		return Memory{}, err
	}
	var m Memory
	for _, st := range v.Structs() {
		for name, p := range map[string]*int64{"total": &m.Total, "free": &m.Free, "used": &m.Used,
			"real_used": &m.RealUsed, "max_used": &m.MaxUsed, "fragments": &m.Fragments} {
			if *p, err = strconv.ParseInt(st.Get(name), 10, 64); err != nil {
				return Memory{}, fmt.Errorf("core.shmmem: %s: %w", name, err)
			}
		}
	}
	return m, nil
}
