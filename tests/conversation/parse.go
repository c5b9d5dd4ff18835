package conversation

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// ParseFile reads a conversation.
func ParseFile(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, string(text))
}

// Parse reads a conversation. Its errors name the line.
func Parse(path, text string) (*File, error) {
	p := &parser{f: &File{Path: path, Config: "conversation", Params: map[string]any{}, Defines: map[string]string{}}}
	for i, line := range strings.Split(text, "\n") {
		p.line = i + 1
		if err := p.take(line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, p.line, err)
		}
	}
	if err := p.finish(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p.f, nil
}

type parser struct {
	f    *File
	line int

	step     *Step
	section  *Outcome  // of stock: or ours:, nil outside
	indent   int       // of the line that opened the section
	delivery *Delivery // the last one, for + lines
	text     *string   // the body that a line with a string alone goes on with
}

func (p *parser) take(line string) error {
	trimmed := strings.TrimSpace(line)
	if trimmed == "" || strings.HasPrefix(trimmed, "# ") || trimmed == "#" {
		return nil
	}
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	if indent > 0 {
		if p.step == nil {
			return errors.New("an indented line before the first step")
		}
		return p.detail(indent, trimmed)
	}
	if err := p.endStep(); err != nil {
		return err
	}
	if p.step == nil {
		if name, value, ok := strings.Cut(trimmed, ": "); ok && !strings.ContainsAny(name, " \"") {
			return p.head(name, strings.TrimSpace(value))
		}
	}
	return p.newStep(trimmed)
}

func (p *parser) head(name, value string) error {
	f := p.f
	switch name {
	case "Summary":
		f.Summary = value
	case "Config":
		f.Config = value
	case "Reason":
		f.Reason = value
	case "Only":
		if value != "ours" {
			return fmt.Errorf("the value of Only is %q, not ours", value)
		}
		f.OnlyOurs = true
	case "Domain":
		if value != "loopback" {
			return fmt.Errorf("the value of Domain is %q, not loopback", value)
		}
		f.Domain = value
	case "Define":
		f.Defines[value] = ""
	case "Database":
		f.Database = value == "yes"
	case "Row":
		f.Rows = append(f.Rows, value)
	case "Header":
		h, err := parseHeader(value)
		if err != nil {
			return err
		}
		f.Headers = append(f.Headers, h)
	case "Param":
		param, v, _ := strings.Cut(value, " ")
		if n, err := strconv.Atoi(v); err == nil {
			f.Params[param] = n
			return nil
		}
		s, err := strconv.Unquote(strings.TrimSpace(v))
		if err != nil {
			return fmt.Errorf("%s is neither a number nor a string", v)
		}
		f.Params[param] = s
	default:
		return fmt.Errorf("unknown head %q", name)
	}
	return nil
}

func (p *parser) newStep(line string) error {
	s := &Step{Line: p.line}
	p.step, p.section, p.delivery, p.text = s, nil, nil, nil
	p.f.Steps = append(p.f.Steps, s)
	if from, rest, ok := strings.Cut(line, " -> "); ok {
		s.Kind, s.From = Send, from
		to, text, _ := strings.Cut(rest, " ")
		s.To = to
		p.text = &s.Body
		if text == "" {
			return nil
		}
		return p.addText(text)
	}
	words := strings.Fields(line)
	switch {
	case len(words) == 3 && words[1] == "answers":
		s.Kind, s.Args = Answers, []string{words[0], words[2]}
		if n, err := strconv.Atoi(words[2]); err != nil || n < 200 || n > 699 {
			return fmt.Errorf("%q is no final response", words[2])
		}
	case len(words) == 3 && words[1] == "is" && words[2] == "silent":
		s.Kind, s.Args = Answers, []string{words[0], "0"}
	case words[0] == "rpc" && len(words) >= 2:
		s.Kind, s.Args = RPC, words[1:]
	case words[0] == "stat" && len(words) == 2:
		s.Kind, s.Args = Statistic, words[1:]
	case words[0] == "active" && len(words) == 2:
		s.Kind, s.Args, s.OnlyOurs, s.Reason = Active, words[1:], true, ReasonScript
	case words[0] == "member" && len(words) == 3:
		s.Kind, s.Args, s.OnlyOurs, s.Reason = Member, words[1:], true, ReasonScript
	case words[0] == "rows" && len(words) == 1:
		s.Kind = Rows
	default:
		return fmt.Errorf("no step begins like %q", line)
	}
	return nil
}

func (p *parser) detail(indent int, line string) error {
	s := p.step
	if p.section != nil && indent <= p.indent {
		p.section, p.delivery = nil, nil
	}
	out := p.section
	if out == nil {
		out = &s.Both
	}
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	if word != "+" && !strings.HasPrefix(word, `"`) {
		p.text = nil
	}
	switch {
	case strings.HasPrefix(word, `"`):
		return p.addText(line)
	case word == "from":
		s.FromHdr = rest
	case word == "call-id":
		p.text = &s.CallID
		return p.addText(rest)
	case word == "header":
		h, err := parseHeader(rest)
		if err != nil {
			return err
		}
		s.Headers = append(s.Headers, h)
	case word == "no" && strings.HasPrefix(rest, "stock from "):
		v, err := kamailio.ParseVersion(rest[len("stock from "):])
		s.NoStockFrom = &v
		return err
	case word == "no":
		s.Without = append(s.Without, rest)
	case word == "rc" || word == "code":
		return out.number(word, rest)
	case word == "nobody":
	case word == "|":
		out.Lines = append(out.Lines, rest)
	case word == "unordered":
		s.Unordered = true
	case word == "stock:" || word == "ours:":
		o := &Outcome{}
		p.section, p.indent, p.delivery = o, indent, nil
		if word == "stock:" {
			s.Stock = o
		} else {
			s.Ours = o
		}
	case word == "stock" && strings.HasPrefix(rest, "from ") && strings.HasSuffix(rest, ":"):
		v, err := kamailio.ParseVersion(rest[len("from ") : len(rest)-1])
		o := &Outcome{}
		p.section, p.indent, p.delivery = o, indent, nil
		s.StockFrom = append(s.StockFrom, Since{v, o})
		return err
	case word == "reason:":
		s.Reason = rest
	case word == "only":
		if rest != "ours" {
			return fmt.Errorf("only %q, not ours", rest)
		}
		s.OnlyOurs = true
	case word == "+":
		if p.delivery == nil {
			return errors.New("a + line without a MESSAGE before it")
		}
		h, err := parseHeader(rest)
		if err != nil {
			return err
		}
		p.delivery.Headers = append(p.delivery.Headers, h)
	case strings.Contains(line, " => "):
		return p.addDelivery(out, line)
	default:
		return fmt.Errorf("cannot read %q", line)
	}
	return nil
}

func (o *Outcome) number(name, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil {
		return fmt.Errorf("%s %q is no number", name, value)
	}
	if name == "rc" {
		o.RC = &n
	} else {
		o.Code = &n
	}
	return nil
}

func (p *parser) addDelivery(out *Outcome, line string) error {
	from, rest, _ := strings.Cut(line, " => ")
	to, text, ok := strings.Cut(rest, " ")
	if !ok {
		return errors.New("a MESSAGE without a body")
	}
	d := &Delivery{From: strings.TrimSpace(from), To: to}
	out.Deliveries = append(out.Deliveries, d)
	p.delivery = d
	if expr, ok := strings.CutPrefix(text, "like "); ok {
		s, err := strconv.Unquote(expr)
		if err != nil {
			return fmt.Errorf("%s is no string", expr)
		}
		d.Pattern, err = regexp.Compile(s)
		return err
	}
	p.text = &d.Body
	return p.addText(text)
}

// addText reads Go strings to the end of the line and adds them to the body
// that is being read.
func (p *parser) addText(line string) error {
	if p.text == nil {
		return errors.New("a string that belongs to nothing")
	}
	for line != "" {
		q, err := strconv.QuotedPrefix(line)
		if err != nil {
			return fmt.Errorf("%s is no string", line)
		}
		s, err := strconv.Unquote(q)
		if err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
		line = strings.TrimSpace(line[len(q):])
		if times, ok := strings.CutPrefix(line, "x"); ok {
			digits := times[:len(times)-len(strings.TrimLeft(times, "0123456789"))]
			n, err := strconv.Atoi(digits)
			if err != nil {
				return fmt.Errorf("%q: how many times?", line)
			}
			s = strings.Repeat(s, n)
			line = strings.TrimSpace(times[len(digits):])
		}
		*p.text += s
	}
	return nil
}

func parseHeader(s string) (sipua.Header, error) {
	name, value, ok := strings.Cut(s, ":")
	if !ok || name == "" {
		return sipua.Header{}, fmt.Errorf("%q is no header", s)
	}
	return sipua.Header{Name: name, Value: strings.TrimSpace(value)}, nil
}

// endStep checks the step that ends here.
func (p *parser) endStep() error {
	s := p.step
	if s == nil {
		return nil
	}
	if (s.Differs() || s.Ours != nil || s.NoStockFrom != nil) && s.Reason == "" {
		return fmt.Errorf("the step of line %d treats the modules differently and says no reason", s.Line)
	}
	if s.Stock == nil != (s.Ours == nil) {
		return fmt.Errorf("the step of line %d says the outcome for one module only", s.Line)
	}
	return nil
}

func (p *parser) finish() error {
	if err := p.endStep(); err != nil {
		return err
	}
	f := p.f
	if f.Summary == "" {
		return errors.New("no Summary")
	}
	if len(f.Steps) == 0 {
		return errors.New("no steps")
	}
	if len(f.Rows) > 0 && !f.Database {
		return errors.New("a Row without Database: yes")
	}
	if f.OnlyOurs && f.Reason == "" {
		return errors.New("an Only without a Reason")
	}
	if i := slices.IndexFunc(f.Steps, func(s *Step) bool { return s.Kind == Rows }); i >= 0 {
		if i != len(f.Steps)-1 || !f.Database {
			return errors.New("rows has to be the last step, and needs Database: yes")
		}
	}
	return nil
}
