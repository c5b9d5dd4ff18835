package sip_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/engine/sip"
)

// The expectations of TestParseURI are those of Kamailio's parse_uri, but for
// what it says of each otherwise.
var uriTests = []struct {
	uri        string
	user, host string // both empty: not a valid URI
}{
	{"sip:alice@example.org", "alice", "example.org"},
	{"SIP:Alice@Example.ORG", "Alice", "Example.ORG"},
	{"sips:alice@example.org:5061;transport=tls", "alice", "example.org"},
	{"sip:alice:secret@example.org", "alice", "example.org"},
	{"sip:alice:5060@example.org", "alice", "example.org"},
	{"sip:alice:99999@example.org", "", ""}, // might have been a port
	{"sip:alice@example.org;user=ip?subject=a;b", "", ""},
	{"sip:alice@example.org?subject=a", "alice", "example.org"},
	{"sip:alice;day=monday@example.org", "alice;day=monday", "example.org"},
	{"sip:alice?x=y@example.org", "alice?x=y", "example.org"},
	{"sip:+4930;phone-context=x@example.org;user=phone", "+4930", "example.org"},
	{"sip:+4930;phone-context=x@example.org;USER=phone;lr", "+4930", "example.org"},
	{"sip:+4930;phone-context=x@example.org;user=Phone", "+4930;phone-context=x", "example.org"},
	{"sip:+4930;a@example.org;user=phone;user=ip", "+4930;a", "example.org"},
	{"sip:;a@example.org;user=phone", "", ""},
	{"sip:alice@[2001:db8::1]:5060", "alice", "[2001:db8::1]"},
	{"sip:alice@[2001:db8::1", "", ""},
	{"sip:alice@[::1]x", "", ""},
	{"sip:alice@", "", ""},
	{"sip:@example.org", "", ""},
	{"sip:@a@example.org", "", ""}, // parse_uri takes "@a" for the user
	{"sip:a@b@example.org", "", ""},
	{"sip:alice@-example.org", "", ""},
	{"sip:alice@exa_mple.org", "", ""},
	{"sip:alice@example.org:65536", "", ""},
	{"sip:alice@example.org:000001", "", ""},
	{"sip:alice@example.org:", "alice", "example.org"},
	{"sip:alice@example.org:50a", "", ""},
	{"sip:]@example.org", "", ""},
	{"sip::@example.org", "", ""},
	{"sip:a[b@example.org", "", ""},
	{"sip:a&b@example.org", "a&b", "example.org"},
	{"sip:a%40b@example.org", "a%40b", "example.org"},
	{"sip:\"a\"@example.org", "\"a\"", "example.org"},
	{"sip:zimmer-ü@example.org", "zimmer-ü", "example.org"},
	{"sip:a\xff@example.org", "a\xff", "example.org"},
	{"sip:", "", ""},
	{"sip", "", ""},
	{"", "", ""},
	{"example.org", "", ""},
	{"http://example.org", "", ""},
	{"urn:service:sos", "", ""}, // parse_uri knows urn, but no user can be one
	// What could end the URI or the header is refused here only.
	{"sip:a b@example.org", "", ""},
	{"sip:a<b@example.org", "", ""},
	{"sip:a@example.org>", "", ""},
	{"sip:a@example.org;x=\r\nVia: y", "", ""},
	{"sip:a\x00@example.org", "", ""},
	{"sip:a\x7f@example.org", "", ""},
	{"sip:a\tb@example.org", "", ""},
}

func TestParseURI(t *testing.T) {
	for _, test := range uriTests {
		a, err := sip.ParseURI(test.uri)
		key, keyErr := sip.AppendKey([]byte("x"), test.uri)
		if test.user == "" {
			assert.ErrorIs(t, err, sip.ErrInvalidURI, test.uri)
			assert.ErrorIs(t, keyErr, sip.ErrInvalidURI, test.uri)
			assert.Equal(t, "x", string(key))
			continue
		}
		require.NoError(t, err, test.uri)
		require.NoError(t, keyErr, test.uri)
		assert.Equal(t, sip.Address{User: test.user, Host: test.host}, a, test.uri)
		assert.Equal(t, "sip:"+test.user+"@"+test.host, a.URI())
		assert.Equal(t, "x"+string(a.Key()), string(key))
	}
}

func TestParseURIWithoutUserOrHost(t *testing.T) {
	for uri, want := range map[string]sip.Address{
		"sip:example.org":           {Host: "example.org"},
		"sip:example.org:5060;lr":   {Host: "example.org"},
		"sip:[::1]":                 {Host: "[::1]"},
		"tel:+4930123":              {User: "+4930123"},
		"TEL:+4930;phone-context=x": {User: "+4930"},
	} {
		a, err := sip.ParseURI(uri)
		require.NoError(t, err, uri)
		assert.Equal(t, want, a, uri)
	}
}

func TestKeyFoldsASCIIOnly(t *testing.T) {
	a := sip.Address{User: "ÄLice[Z", Host: "EXAMPLE.org"}
	assert.Equal(t, sip.Key("Älice[z@example.org"), a.Key())
}

func TestAppendKeyDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 128)
	uri := "sip:Alice;x=y:secret@Example.org:5060;transport=tcp?a=b"
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = sip.AppendKey(buf, uri)
	}))
}

func FuzzParseURI(f *testing.F) {
	for _, test := range uriTests {
		f.Add(test.uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		a, err := sip.ParseURI(uri)
		if err != nil {
			return
		}
		if strings.ContainsAny(a.URI(), "\r\n\t\x00 <>\x7f") || strings.Count(a.URI(), "@") != 1 {
			t.Fatalf("%q is not safe in a header", a.URI())
		}
		if a.User == "" || a.Host == "" {
			return
		}
		// What is stored and sent is read as the same again.
		again, err := sip.ParseURI(a.URI())
		if err != nil || again != a {
			t.Fatalf("%q gives %+v, and that %+v, %v", uri, a, again, err)
		}
	})
}
