package conversation

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// recorder takes the place of a test and keeps its errors.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// arrived is a MESSAGE as the one that step expects.
func arrived(to, body string) *sipua.Message {
	return &sipua.Message{
		Line: "MESSAGE sip:" + to + "@chat.test SIP/2.0", Method: "MESSAGE", URI: "sip:" + to + "@chat.test",
		Headers: []sipua.Header{
			{Name: "Via", Value: "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1"}, {Name: "To", Value: "<sip:" + to + "@chat.test>"},
			{Name: "From", Value: "<sip:room@chat.test>;tag=1-2"}, {Name: "CSeq", Value: "10 MESSAGE"}, {Name: "Call-ID", Value: "x"},
			{Name: "Content-Length", Value: "3"}, {Name: "Content-Type", Value: "text/plain"},
			{Name: "Supported", Value: "kamailio/imc"}, {Name: "X-A", Value: "b"}, {Name: "In-Reply-To", Value: "call-1"},
		},
		Body: []byte(body), Copies: 1,
	}
}

// set replaces or, with an empty value, removes a header.
func set(m *sipua.Message, name, value string) *sipua.Message {
	i := slices.IndexFunc(m.Headers, func(h sipua.Header) bool { return h.Name == name })
	if value == "" {
		m.Headers = slices.Delete(m.Headers, i, i+1)
	} else {
		m.Headers[i].Value = value
	}
	return m
}

// TestCompareNotices sees that the runner notices each thing that can be wrong
// with what arrived.
func TestCompareNotices(t *testing.T) {
	t.Parallel()
	f, err := Parse("x.txt", `Summary: x
Header: X-A: b

alice -> room "x"
  room => bob "one"
  room => bob "two"
  room => carol "one"
`)
	require.NoError(t, err)
	right := func() []*sipua.Message {
		return []*sipua.Message{arrived("bob", "one"), arrived("carol", "one"), arrived("bob", "two")}
	}
	change := func(fn func(*sipua.Message)) []*sipua.Message {
		all := right()
		fn(all[0])
		return all
	}
	header := func(name, value string) []*sipua.Message {
		return change(func(m *sipua.Message) { set(m, name, value) })
	}
	swapped := right()
	swapped[0], swapped[2] = swapped[2], swapped[0]
	for name, got := range map[string][]*sipua.Message{
		"":                      right(),
		"request line":          change(func(m *sipua.Message) { m.Line = "MESSAGE sip:bob@chat.test:5060 SIP/2.0" }),
		"another From":          header("From", "<sip:hall@chat.test>;tag=1"),
		"From without a tag":    header("From", "<sip:room@chat.test>"),
		"another To":            header("To", "<sip:bob@other.test>"),
		"another type":          header("Content-Type", "text/html"),
		"no type":               header("Content-Type", ""),
		"no Supported":          header("Supported", ""),
		"another In-Reply-To":   header("In-Reply-To", "call-2"),
		"another extra header":  header("X-A", "c"),
		"an unexpected header":  change(func(m *sipua.Message) { m.Headers = append(m.Headers, sipua.Header{Name: "X-B", Value: "c"}) }),
		"a header twice":        change(func(m *sipua.Message) { m.Headers = append(m.Headers, sipua.Header{Name: "X-A", Value: "b"}) }),
		"another body":          change(func(m *sipua.Message) { m.Body = []byte("one ") }),
		"wrong order":           swapped,
		"one missing":           right()[:2],
		"one too many":          append(right(), arrived("bob", "three")),
		"somebody else's":       append(right(), arrived("dave", "one")),
		"nothing where is some": nil,
	} {
		r := &recorder{TB: t}
		p := &player{t: r, f: f, module: kamailio.Ours, domain: "chat.test", step: f.Steps[0], out: Transcript{}}
		p.compare(f.Steps[0].Both.Deliveries, got, "call-1")
		if name == "" {
			assert.Empty(t, r.errors)
		} else {
			assert.NotEmpty(t, r.errors, name)
		}
	}
}

func TestTidy(t *testing.T) {
	t.Parallel()
	got := tidy([]string{"{", "\troom: b", "\tmembers: {", "\t\tx", "\t}", "}", "", "{", "room: a", "}"}, true)
	assert.Equal(t, []string{"{", "room: a", "}", "{", "room: b", "members: {", "x", "}", "}"}, got)
}
