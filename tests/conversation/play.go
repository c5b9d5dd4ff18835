package conversation

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// stepTimeout bounds every step, the MESSAGEs that come late included.
const stepTimeout = 10 * time.Second

// Transcript is what happened at each step of a conversation, written so that
// the transcripts of two modules can be compared: what differs from run to run
// by nature (tags, Call-IDs, branches, ports) is left out. Steps that a module
// took no part in are not in it.
type Transcript map[*Step][]string

// Play plays a conversation against one module and reports to t whatever is
// not as the conversation says. dbMode is our db_mode; what people see of rooms
// is the same in all three.
func Play(tb testing.TB, f *File, m kamailio.Module, dbMode int) Transcript {
	tb.Helper()
	p := &player{t: tb, f: f, module: m, dbMode: dbMode, domain: "chat.test", out: Transcript{}}
	p.start()
	for _, s := range f.Steps {
		if m == kamailio.Stock && s.NoStockFrom != nil && p.version.AtLeast(*s.NoStockFrom) {
			break
		}
		if s.OnlyOurs && m == kamailio.Stock {
			continue
		}
		p.step = s
		p.out[s] = []string{}
		p.play(s)
		if tb.Failed() {
			return p.out
		}
	}
	p.checkLog()
	return p.out
}

type player struct {
	t       testing.TB
	f       *File
	module  kamailio.Module
	dbMode  int
	farm    *sipua.Farm
	server  *kamailio.Server
	version kamailio.Version
	domain  string
	// database is nil unless the conversation has one
	database *database
	step     *Step
	seen     int // requests of the farm that are accounted for
	out      Transcript
}

func (p *player) start() {
	p.t.Helper()
	var err error
	if p.version, err = kamailio.Installed(); err != nil {
		p.t.Fatal(err)
	}
	params := map[string]any{}
	maps.Copy(params, p.f.Params)
	if p.f.Domain == "loopback" {
		p.farm = p.loopbackFarm()
	} else {
		p.farm = sipua.NewFarm(p.t, "")
		params["outbound_proxy"] = "sip:" + p.farm.Addr()
	}
	withDB := p.f.Database || p.dbMode > 0
	if withDB {
		p.database = newDatabase(p.t, p.f.Rows, p.dbMode == 2)
		params["db_url"], params["db_mode"] = p.database.url, p.dbMode
	}
	p.server = kamailio.Start(p.t, kamailio.Options{
		Case: p.f.Config, Module: p.module, NoTCP: true, TextDB: !withDB, Params: params, Defines: p.f.Defines,
	})
	if err := p.farm.Connect(p.server.Addr); err != nil {
		p.t.Fatal(err)
	}
}

// loopbackFarm opens a farm at port 5060 of an address nobody else has, which
// is where Kamailio sends to sip:NAME@ADDRESS.
func (p *player) loopbackFarm() *sipua.Farm {
	for range 20 {
		p.domain = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 2+rand.IntN(250))
		if farm, err := sipua.NewFarmAt(p.t, p.domain+":5060"); err == nil {
			return farm
		}
	}
	p.t.Fatal("no free address for a farm on port 5060")
	return nil
}

func (p *player) errorf(format string, args ...any) {
	p.t.Helper()
	p.t.Errorf("%s:%d, %s: %s", p.f.Path, p.step.Line, p.module, fmt.Sprintf(format, args...))
}

// uri makes a URI of a name.
func (p *player) uri(name string) string {
	if strings.Contains(name, ":") {
		return p.expand(name)
	}
	return "sip:" + name + "@" + p.domain
}

func (p *player) expand(s string) string { return strings.ReplaceAll(s, "@DOMAIN", "@"+p.domain) }

func (p *player) play(s *Step) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), stepTimeout)
	defer cancel()
	want := s.For(p.module == kamailio.Stock, p.version)
	switch s.Kind {
	case Send:
		p.send(ctx, s, want)
	case Answers:
		code, _ := strconv.Atoi(s.Args[1])
		p.farm.Answer(p.uri(s.Args[0]), code)
	case RPC:
		p.rpc(s, want)
	case Statistic:
		p.statistic(s, want)
	case Active, Member:
		p.ask(ctx, s, want)
	case Rows:
		p.rows(want)
	}
}

func (p *player) send(ctx context.Context, s *Step, want Outcome) {
	p.t.Helper()
	r := sipua.Request{URI: p.uri(s.To), From: p.expand(s.FromHdr), Body: []byte(p.expand(s.Body)), CallID: s.CallID}
	if r.CallID == "" {
		r.CallID = p.farm.NewCallID()
	}
	if r.From == "" {
		r.From = "<" + p.uri(s.From) + ">"
	}
	r.Headers = slices.Clone(s.Headers)
	r.NoLength = slices.Contains(s.Without, "Content-Length")
	has := func(name string) bool {
		return slices.ContainsFunc(s.Headers, func(h sipua.Header) bool { return strings.EqualFold(h.Name, name) }) ||
			slices.Contains(s.Without, name)
	}
	if !has("Content-Type") {
		r.Headers = append(r.Headers, sipua.Header{Name: "Content-Type", Value: "text/plain"})
	}
	final, err := p.farm.Send(ctx, r)
	if err != nil {
		p.errorf("%v", err)
		return
	}
	rc := 1
	if want.RC != nil {
		rc = *want.RC
	}
	code := 200
	if rc < 0 {
		code = 403
	}
	if want.Code != nil {
		code = *want.Code
	}
	if got := final.Get("X-RC"); got != strconv.Itoa(rc) {
		p.errorf("imc_manager() returned %s, not %d", got, rc)
	}
	if final.Code != code {
		p.errorf("final response %d %s, not %d", final.Code, final.Reason, code)
	}
	p.record("rc %s, %s", final.Get("X-RC"), final.Line)

	got, err := p.farm.Await(ctx, p.seen, len(want.Deliveries))
	if err != nil {
		p.errorf("%v", err)
	}
	p.seen += len(got)
	p.compare(want.Deliveries, got, r.CallID)
}

// compare holds what arrived against what was to arrive, recipient by
// recipient.
func (p *player) compare(want []*Delivery, got []*sipua.Message, callID string) {
	p.t.Helper()
	expected, received := map[string][]*Delivery{}, map[string][]*sipua.Message{}
	users := map[string]bool{}
	for _, d := range want {
		u := p.uri(d.To)
		expected[u] = append(expected[u], d)
		users[u] = true
	}
	for _, m := range got {
		received[m.URI] = append(received[m.URI], m)
		users[m.URI] = true
	}
	for _, u := range sorted(users) {
		for i := range max(len(expected[u]), len(received[u])) {
			switch {
			case i >= len(expected[u]):
				p.errorf("%s was to receive nothing (more), but received %s", u, received[u][i])
			case i >= len(received[u]):
				p.errorf("%s did not receive %q", u, expected[u][i].Body)
			default:
				p.compareOne(expected[u][i], received[u][i], callID)
			}
		}
		for _, m := range received[u] {
			p.record("%s", p.neutral(m, callID))
		}
	}
}

// tag is a From's tag, which Kamailio makes up.
var tag = regexp.MustCompile(`;tag=[^;]+$`)

func (p *player) compareOne(d *Delivery, m *sipua.Message, callID string) {
	p.t.Helper()
	to, from := p.uri(d.To), p.uri(d.From)
	want := map[string]string{"Content-Type": "text/plain", "Supported": "kamailio/imc", "In-Reply-To": callID}
	for _, h := range p.f.Headers {
		want[h.Name] = h.Value
	}
	for _, h := range d.Headers {
		want[h.Name] = h.Value
	}
	want["From"], want["To"] = "<"+from+">", "<"+to+">"

	if line := "MESSAGE " + to + " SIP/2.0"; m.Line != line {
		p.errorf("request line %q, not %q", m.Line, line)
	}
	if !tag.MatchString(m.Get("From")) {
		p.errorf("a From without a tag: %q", m.Get("From"))
	}
	for name, v := range want {
		got := m.All(name)
		switch {
		case v == "(none)" && len(got) > 0:
			p.errorf("to %s: %s: %s, where it is to have none", to, name, got)
		case v == "(none)":
		case len(got) != 1 || tag.ReplaceAllString(got[0], "") != v:
			p.errorf("to %s: %s: %q, not %q", to, name, got, v)
		}
	}
	usual := []string{"Via", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "User-Agent"}
	for _, h := range m.Headers {
		if _, ok := want[h.Name]; !ok && !slices.Contains(usual, h.Name) {
			p.errorf("to %s: an unexpected header %s: %s", to, h.Name, h.Value)
		}
	}
	body := p.expand(d.Body)
	switch {
	case d.Pattern != nil && !d.Pattern.Match(m.Body):
		p.errorf("to %s: body %q is not like %s", to, m.Body, d.Pattern)
	case d.Pattern == nil && string(m.Body) != body:
		p.errorf("to %s: body %q, not %q", to, m.Body, body)
	}
}

// neutral writes a MESSAGE without what differs from run to run.
func (p *player) neutral(m *sipua.Message, callID string) string {
	var lines []string
	for _, h := range m.Headers {
		v := tag.ReplaceAllString(h.Value, "")
		switch h.Name {
		case "Via", "Call-ID":
			v = ""
		case "In-Reply-To":
			v = strings.Replace(v, callID, "the request", 1)
		}
		lines = append(lines, h.Name+": "+v)
	}
	sort.Strings(lines)
	text := fmt.Sprintf("%s\n%s\n%q", m.Line, strings.Join(lines, "\n"), m.Body)
	return strings.ReplaceAll(text, p.domain, "DOMAIN")
}

func (p *player) record(format string, args ...any) {
	p.out[p.step] = append(p.out[p.step], fmt.Sprintf(format, args...))
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
