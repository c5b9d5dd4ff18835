package conversation

import (
	"context"
	"errors"
	"slices"
	"sort"
	"strconv"
	"strings"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// rpc calls an RPC and compares kamcmd's output line by line, indentation left
// out.
func (p *player) rpc(s *Step, want Outcome) {
	p.t.Helper()
	args := make([]string, 0, len(s.Args))
	for _, a := range s.Args {
		if u, err := strconv.Unquote(a); err == nil {
			a = u
		}
		args = append(args, p.expand(a))
	}
	text, err := p.server.RPCText(args[0], args[1:]...)
	var fault *kamailio.FaultError
	switch {
	case errors.As(err, &fault):
		text = fault.Error()
	case err != nil:
		p.errorf("%v", err)
		return
	}
	p.compareLines(s, p.lines(want.Lines), strings.Split(text, "\n"))
}

// lines expands the lines that a conversation expects.
func (p *player) lines(in []string) []string {
	out := make([]string, 0, len(in))
	for _, l := range in {
		out = append(out, p.expand(l))
	}
	return out
}

func (p *player) compareLines(s *Step, want, got []string) {
	p.t.Helper()
	want, got = tidy(want, s.Unordered), tidy(got, s.Unordered)
	if !slices.Equal(want, got) {
		p.errorf("got\n\t%s\nnot\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	p.record("%s", strings.ReplaceAll(strings.Join(got, "\n"), p.domain, "DOMAIN"))
}

// tidy takes indentation and empty lines away and, if asked to, sorts the
// structures at the top, or the lines if there are none.
func tidy(lines []string, sortThem bool) []string {
	var groups []string
	depth := 0
	for _, l := range lines {
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		if depth > 0 {
			groups[len(groups)-1] += "\n" + l
		} else {
			groups = append(groups, l)
		}
		switch {
		case strings.HasSuffix(l, "{"):
			depth++
		case l == "}":
			depth--
		}
	}
	if sortThem {
		sort.Strings(groups)
	}
	var out []string
	for _, g := range groups {
		out = append(out, strings.Split(g, "\n")...)
	}
	return out
}

func (p *player) statistic(s *Step, want Outcome) {
	p.t.Helper()
	n, err := p.server.Statistic("imc:" + s.Args[0])
	if err != nil {
		p.errorf("%v", err)
		return
	}
	p.compareLines(s, want.Lines, []string{strconv.FormatInt(n, 10)})
}

// ask has the script call imc_room_active() or imc_room_member().
func (p *player) ask(ctx context.Context, s *Step, want Outcome) {
	p.t.Helper()
	headers := []sipua.Header{{Name: "X-Room", Value: p.uri(s.Args[0])}}
	if s.Kind == Member {
		headers = append(headers, sipua.Header{Name: "X-User", Value: p.uri(s.Args[1])})
	}
	final, err := p.farm.Send(ctx, sipua.Request{Method: "INFO", URI: "sip:script@chat.test",
		From: "<sip:script@chat.test>", Headers: headers})
	if err != nil {
		p.errorf("%v", err)
		return
	}
	if want.RC == nil {
		p.errorf("the conversation does not say which rc is right")
	} else if got := final.Get("X-RC"); got != strconv.Itoa(*want.RC) {
		p.errorf("returned %s, not %d", got, *want.RC)
	}
}

// rows stops the server and reads its tables.
func (p *player) rows(want Outcome) {
	p.t.Helper()
	p.server.Stop()
	got, err := p.database.rows(p.t.Context())
	if err != nil {
		p.errorf("%v", err)
		return
	}
	p.compareLines(&Step{Unordered: true}, p.lines(want.Lines), got)
}

// checkLog fails a conversation in which ours logged an error, or either
// logged a bug: nothing that users do is one.
func (p *player) checkLog() {
	p.t.Helper()
	pattern := `CRITICAL:|BUG:`
	if p.module == kamailio.Ours {
		pattern = `(ERROR|CRITICAL|WARNING): (\{[^}]*\} )?(imc|tm) |BUG:`
	}
	for _, l := range p.server.LogLines(pattern) {
		p.errorf("logged: %s", l)
	}
}
