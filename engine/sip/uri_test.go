package sip

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzSplitPlain: the short cut takes no URI otherwise than the whole parser.
func FuzzSplitSimple(f *testing.F) {
	for _, uri := range []string{
		"sip:alice@example.org", "sip:a_b-c.1@127.0.0.1", "sip:a@b_c", "sip:@b", "sip:a@", "sip:a@.b", "sip:a@-b",
		"sip:a", "sip:", "sip:a@b@c", "SIP:a@b", "sip:a@b:5060", "sip:a@b;lr", "sip:a@9", "sip:a@b.", "sip:a:b@c",
	} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		user, host, ok := splitSimple(uri)
		if !ok {
			return
		}
		wantUser, wantHost, wantOK := splitAny(uri)
		require.True(t, wantOK, "%q", uri)
		require.Equal(t, wantUser, user, "%q", uri)
		require.Equal(t, wantHost, host, "%q", uri)
	})
}
