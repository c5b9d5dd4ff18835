package command

import "bytes"

// maxArgs is how many arguments of a command are read, as in the stock module.
const maxArgs = 5

// parsed is a line with a command, taken apart.
type parsed struct {
	*Command
	name string // as written, without the start character
	args []string
}

// parse reads the first line of a command whose first byte is the start
// character.
func parse(line []byte) parsed {
	if len(line) > 0 {
		line = line[1:]
	}
	if i := bytes.IndexAny(line, "\r\n\x00"); i >= 0 {
		line = line[:i]
	}
	word, rest := cutWord(line)
	if len(word) == 0 {
		return parsed{Command: nameless}
	}
	p := parsed{Command: named(word), name: string(word)}
	if p.Command == nil {
		p.Command = unknown
	}
	if p.Args == "" {
		return p
	}
	for len(p.args) < maxArgs {
		word, rest = cutWord(bytes.TrimLeft(rest, " \t"))
		if len(word) == 0 {
			break
		}
		p.args = append(p.args, string(word))
	}
	return p
}

// cutWord returns what comes before the first blank, and the rest.
func cutWord(line []byte) (word, rest []byte) {
	if i := bytes.IndexAny(line, " \t"); i >= 0 {
		return line[:i], line[i:]
	}
	return line, nil
}

// In returns the command in a line that begins with the start character,
// without a look at its arguments: for its code, if it is refused whatever it
// asks for. It is never nil.
func In(line []byte) *Command { return parse(line).Command }
