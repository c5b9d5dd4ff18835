package conversation

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

func TestParse(t *testing.T) {
	t.Parallel()
	f, err := Parse("x.txt", `Summary: all there is
# a comment
Param: create_on_join 0
Param: imc_cmd_start_char "!"
Header: X-A: b: c
Database: yes
Row: room: r, chat.test, 0

alice -> room "#create" " \x00"
	"more"x3
  from "A" <sip:alice@chat.test>
  header Content-Type: text/html
  no Content-Length
  rc -30
  code 403
  room => alice "one"
  + Content-Type: (none)
  room => bob like "^x"
  stock:
    nobody
  stock from 5.8:
    room => bob "three"
  stock from 6.1:
    rc -31
  ours:
    rc 1
    room => carol "two "
      "and three"
  reason: because

bob answers 480
  no stock from 6.0
  reason: because
bob is silent
rpc imc.list_rooms
  unordered
  | {
  | }
member room bob
  rc -1
rows
  | room: r, chat.test, 0
`)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"create_on_join": 0, "imc_cmd_start_char": "!"}, f.Params)
	assert.Equal(t, []sipua.Header{{Name: "X-A", Value: "b: c"}}, f.Headers)
	assert.Equal(t, []string{"room: r, chat.test, 0"}, f.Rows)
	require.Len(t, f.Steps, 6)
	s := f.Steps[0]
	assert.Equal(t, "#create \x00moremoremore", s.Body)
	assert.Equal(t, `"A" <sip:alice@chat.test>`, s.FromHdr)
	assert.Equal(t, []string{"Content-Length"}, s.Without)
	v56, v60 := kamailio.Version{Major: 5, Minor: 6}, kamailio.Version{Major: 6, Minor: 0}
	stock, ours := s.For(true, v56), s.For(false, v56)
	assert.Equal(t, -30, *stock.RC)
	assert.Equal(t, 1, *ours.RC)
	assert.Len(t, stock.Deliveries, 2)
	require.Len(t, ours.Deliveries, 3)
	assert.Equal(t, "two and three", ours.Deliveries[2].Body)
	assert.Equal(t, "(none)", ours.Deliveries[0].Headers[0].Value)
	assert.NotNil(t, ours.Deliveries[1].Pattern)
	assert.Len(t, s.For(true, v60).Deliveries, 3)
	assert.Equal(t, -31, *s.For(true, kamailio.Version{Major: 6, Minor: 1}).RC)
	assert.Equal(t, &v60, f.Steps[1].NoStockFrom)
	assert.Equal(t, []string{"bob", "0"}, f.Steps[2].Args)
	assert.Equal(t, []string{"{", "}"}, f.Steps[3].Both.Lines)
	assert.True(t, f.Steps[4].OnlyOurs)
	assert.Equal(t, Rows, f.Steps[5].Kind)
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"no summary":          {"alice -> room \"x\"\n", "x.txt: no Summary"},
		"no steps":            {"Summary: x\n", "x.txt: no steps"},
		"unknown head":        {"Summary: x\nColour: red\n", "x.txt:2: unknown head"},
		"unknown step":        {"Summary: x\nalice dances\n", "x.txt:2: no step begins like"},
		"detail before step":  {"Summary: x\n  rc 1\n", "x.txt:2: an indented line before the first step"},
		"body is no string":   {"Summary: x\nalice -> room hello\n", "x.txt:2: hello is no string"},
		"open string":         {"Summary: x\nalice -> room \"hello\n", "x.txt:2:"},
		"rc no number":        {"Summary: x\nalice -> room \"\"\n  rc one\n", "x.txt:3: rc \"one\" is no number"},
		"unknown detail":      {"Summary: x\nalice -> room \"\"\n  hears nothing\n", "x.txt:3: cannot read"},
		"message, no body":    {"Summary: x\nalice -> room \"\"\n  room => bob\n", "x.txt:3: a MESSAGE without a body"},
		"header of nothing":   {"Summary: x\nalice -> room \"\"\n  + X: y\n", "x.txt:3: a + line without a MESSAGE"},
		"header of no colon":  {"Summary: x\nalice -> room \"\"\n  header X\n", "x.txt:3: \"X\" is no header"},
		"bad pattern":         {"Summary: x\nalice -> room \"\"\n  room => bob like \"(\"\n", "x.txt:3:"},
		"no version":          {"Summary: x\nalice -> room \"\"\n  stock from now on:\n", "x.txt:3: \"now on\" is no version"},
		"no reason for one":   {"Summary: x\nalice -> room \"\"\n  no stock from 6.0\n", "says no reason"},
		"no reason":           {"Summary: x\nalice -> room \"\"\n  stock:\n    rc 1\n  ours:\n    rc 2\n", "says no reason"},
		"one module only":     {"Summary: x\nalice -> room \"\"\n  stock:\n    rc 1\n  reason: y\n", "for one module only"},
		"only for the other":  {"Summary: x\nalice -> room \"\"\n  only stock\n", "x.txt:3: only \"stock\""},
		"no final response":   {"Summary: x\nbob answers 100\n", "x.txt:2: \"100\" is no final response"},
		"rows not last":       {"Summary: x\nDatabase: yes\nrows\nbob is silent\n", "rows has to be the last step"},
		"rows without tables": {"Summary: x\nrows\n", "needs Database: yes"},
		"row without tables":  {"Summary: x\nRow: room: a, b, 0\nbob is silent\n", "a Row without Database"},
		"only, no reason":     {"Summary: x\nOnly: ours\nbob is silent\n", "an Only without a Reason"},
		"param of no value":   {"Summary: x\nParam: hash_size many\n", "x.txt:2: many is neither"},
	} {
		_, err := Parse("x.txt", tc.text)
		if assert.Error(t, err, name) {
			assert.Contains(t, err.Error(), tc.want, name)
		}
	}
}
