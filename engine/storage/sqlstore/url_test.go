package sqlstore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	for _, test := range []struct {
		url  string
		want Source
	}{
		{"mysql://kamailio:kamailiorw@localhost/kamailio",
			Source{Scheme: "mysql", User: "kamailio", password: "kamailiorw", Host: "localhost", Database: "kamailio"}},
		{"MySQL://u:p@db.example.com:3307/k",
			Source{Scheme: "mysql", User: "u", password: "p", Host: "db.example.com", Port: 3307, Database: "k"}},
		{"mysql://host/k", Source{Scheme: "mysql", Host: "host", Database: "k"}},
		{"mysql://host:3306/k", Source{Scheme: "mysql", Host: "host", Port: 3306, Database: "k"}},
		{"mysql://u@host/k", Source{Scheme: "mysql", User: "u", Host: "host", Database: "k"}},
		{"mysql://u:@host/k", Source{Scheme: "mysql", User: "u", Host: "host", Database: "k"}},
		{"mysql:///k", Source{Scheme: "mysql", Database: "k"}},
		{"mysql://u:p@/k", Source{Scheme: "mysql", User: "u", password: "p", Database: "k"}},
		// The last @ ends the password, which is taken as it is.
		{"mysql://u:a@b@c@host/k", Source{Scheme: "mysql", User: "u", password: "a@b@c", Host: "host", Database: "k"}},
		{"mysql://u:a:b@host/k", Source{Scheme: "mysql", User: "u", password: "a:b", Host: "host", Database: "k"}},
		{"mysql://u:a/b@host/k", Source{Scheme: "mysql", User: "u", password: "a/b", Host: "host", Database: "k"}},
		{"mysql://u:a?b=c@host/k", Source{Scheme: "mysql", User: "u", password: "a?b=c", Host: "host", Database: "k"}},
		{"mysql://u:a%40b%@host/k", Source{Scheme: "mysql", User: "u", password: "a%40b%", Host: "host", Database: "k"}},
		{"mysql://u:[#& ]@host/k", Source{Scheme: "mysql", User: "u", password: "[#& ]", Host: "host", Database: "k"}},
		{"mysql://u:://x@host/k", Source{Scheme: "mysql", User: "u", password: "://x", Host: "host", Database: "k"}},
		{"mysql://u:pässwört@host/k", Source{Scheme: "mysql", User: "u", password: "pässwört", Host: "host", Database: "k"}},
		{"mysql://u:p@[::1]/k", Source{Scheme: "mysql", User: "u", password: "p", Host: "::1", Database: "k"}},
		{"mysql://[2001:db8::1]:3307/k", Source{Scheme: "mysql", Host: "2001:db8::1", Port: 3307, Database: "k"}},
		{"mysql://[kamailio]/k", Source{Scheme: "mysql", Group: "kamailio", Database: "k"}},
		{"mysql://u:p@[kamailio]/k", Source{Scheme: "mysql", User: "u", password: "p", Group: "kamailio", Database: "k"}},
		{"mysql://[kamailio]db1:3307/k", Source{Scheme: "mysql", Group: "kamailio", Host: "db1", Port: 3307, Database: "k"}},
		{"mysql://u:p@host/k?tls=true&timeout=3s",
			Source{Scheme: "mysql", User: "u", password: "p", Host: "host", Database: "k", Params: "tls=true&timeout=3s"}},
		{"postgres://u:p@localhost/k", Source{Scheme: "postgres", User: "u", password: "p", Host: "localhost", Database: "k"}},
		{"postgresql://u:p@h:5433/k?sslmode=disable",
			Source{Scheme: "postgres", User: "u", password: "p", Host: "h", Port: 5433, Database: "k", Params: "sslmode=disable"}},
		{"postgres://u:p@[::1]:5433/k", Source{Scheme: "postgres", User: "u", password: "p", Host: "::1", Port: 5433, Database: "k"}},
		{"sqlite:///var/lib/kamailio/imc.db", Source{Scheme: "sqlite", Database: "/var/lib/kamailio/imc.db"}},
		{"sqlite:////var/lib/imc.db", Source{Scheme: "sqlite", Database: "/var/lib/imc.db"}},
		{"sqlite:///a b%20c@d:e/f.db", Source{Scheme: "sqlite", Database: "/a b%20c@d:e/f.db"}},
	} {
		src, err := ParseURL(test.url)
		if assert.NoError(t, err, test.url) {
			assert.Equal(t, test.want, *src, test.url)
		}
	}
}

// What cannot be used is refused with what to use instead, and without a word
// of what may be a password.
func TestParseURLRefused(t *testing.T) {
	for url, want := range map[string]string{
		"text:///etc/kamailio/dbtext":       "sqlite:///",
		"cluster://c1":                      "mysql://",
		"unixodbc://u:sEcret@h/k":           "mysql://",
		"oracle://u:sEcret@h/k":             `"oracle"`,
		"mongodb://u:sEcret@h/k":            `"mongodb"`,
		"":                                  "start with mysql://",
		"mysql":                             "start with mysql://",
		"mysql:u:sEcret@h/k":                "start with mysql://",
		"kamailio:sEcret@localhost/k":       "start with mysql://",
		"u@sEcret://h/k":                    "start with mysql://",
		"mysql://u:sEcret@h":                "database is missing",
		"mysql://u:sEcret@h/":               "database is missing",
		"mysql://u:sEcret@h/?tls=true":      "database is missing",
		"mysql://u:sEcret@h:port/k":         "the port",
		"mysql://u:sEcret/k":                "the port",
		"mysql://u:sEcret@h:0/k":            "the port",
		"mysql://u:sEcret@h:65536/k":        "the port",
		"mysql://u:sEcret@h:/k":             "the port",
		"mysql://u:sEcret@::1/k":            "brackets",
		"mysql://u:sEcret@[::1/k":           `"]"`,
		"mysql://u:sEcret@[:::1]/k":         "IPv6",
		"mysql://u:sEcret@[]/k":             "brackets",
		"mysql://u:sEcret@[::1]x/k":         "the host",
		"mysql://u:sEcret@a b/k":            "the host",
		"mysql://u:sEcret@h\x00/k":          "control character",
		"mysql://u:sEcret\n@h/k":            "control character",
		"postgres://u:sEcret@[group]/k":     "mysql:// only",
		"sqlite://imc.db":                   "absolute path",
		"sqlite://:memory:":                 "absolute path",
		"sqlite://":                         "absolute path",
		"sqlite:///":                        "absolute path",
		"sqlite:///var/imc.db?_pragma=sync": "no parameters",
	} {
		_, err := ParseURL(url)
		if assert.Error(t, err, url) {
			assert.Contains(t, err.Error(), want, url)
			assert.NotContains(t, err.Error(), "sEcret", url)
		}
	}
}

func TestSourceHidesPassword(t *testing.T) {
	src, err := ParseURL("mysql://user:sEcret@[::1]:3307/k?serverPubKey=sEcret")
	require.NoError(t, err)
	assert.Equal(t, "mysql://user@[::1]:3307/k", src.String())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		assert.NotContains(t, fmt.Sprintf(verb, src), "sEcret", verb)
		assert.NotContains(t, fmt.Sprintf(verb, *src), "sEcret", verb)
	}
	src, err = ParseURL("mysql://u:p@[group]/k")
	require.NoError(t, err)
	assert.Equal(t, "mysql://u@[group]/k", src.String())
}

func TestMySQLConfig(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("conf.d/a.cnf", "[imc]\nport=3399\n[other]\nuser=nobody\n")
	write("conf.d/ignored.txt", "[imc]\nport=1\n")
	write("more.cnf", "[imc]\npassword = 'p#w \"d' # not this\nconnect_timeout=7\n")
	files := []string{
		filepath.Join(folder, "missing.cnf"),
		write("my.cnf", "# comment\n; comment\n[client]\nuser=everyone\nsocket=/run/my.sock\npassword=generic\nssl-mode=REQUIRED\n"+
			"!include "+folder+"/more.cnf\n!includedir "+folder+"/conf.d\n[imc]\nuser = chat # who\nhost=db.example.com\n"),
	}
	public := write("public.cnf", "[imc]\nuser=mallory\n")
	require.NoError(t, os.Chmod(public, 0o666))
	files = append(files, public)

	for _, test := range []struct{ url, user, password, addr string }{
		{"mysql://[imc]/k", "chat", `p#w "d`, "db.example.com:3399"},
		{"mysql://u:p@[imc]h2:1234/k", "u", "p", "h2:1234"},
		{"mysql://[other]/k", "nobody", "generic", "localhost:3306"},
		{"mysql://u:p%@h/k", "u", "p%", "h:3306"},
		{"mysql://u:p@[::1]/k", "u", "p", "[::1]:3306"},
		{"mysql://u:p@LocalHost/k", "u", "p", "localhost:3306"},
		{"mysql:///k", "", "", "localhost:3306"},
	} {
		src, err := ParseURL(test.url)
		require.NoError(t, err)
		cfg, err := mysqlConfig(src, files)
		require.NoError(t, err, test.url)
		assert.Equal(t, test.user, cfg.User, test.url)
		assert.Equal(t, test.password, cfg.Passwd, test.url)
		assert.Equal(t, test.addr, cfg.Addr, test.url)
		assert.Equal(t, strings.HasPrefix(test.addr, "localhost:"), cfg.DialFunc != nil, test.url)
		assert.Equal(t, src.Group != "", cfg.TLS != nil, test.url)
	}

	src, err := ParseURL("mysql://[missing]/k")
	require.NoError(t, err)
	_, err = mysqlConfig(src, files)
	assert.ErrorContains(t, err, "no group [missing]")

	src, err = ParseURL("mysql://u:p@h/k?timeout=soon")
	require.NoError(t, err)
	_, err = mysqlConfig(src, nil)
	assert.ErrorContains(t, err, "parameters")

	loop := write("loop.cnf", "!include "+folder+"/loop.cnf\n")
	_, err = readOptions("imc", []string{loop})
	assert.ErrorContains(t, err, "include each other")
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{
		"mysql://kamailio:kamailiorw@localhost/kamailio",
		"mysql://u:a@b:c/d%?e@[::1]:3306/k?tls=true",
		"mysql://[group]host:1/k", "postgres://u:p@h:5432/k?sslmode=disable",
		"sqlite:///var/lib/kamailio/imc.db", "text:///x", "cluster://c", "unixodbc://x", "mysql://@:/?", "://", "mysql://[",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		src, err := ParseURL(url)
		if err != nil {
			if len(err.Error()) > 200 {
				t.Errorf("error repeats the URL: %v", err)
			}
			return
		}
		if src.Database == "" || src.Port < 0 || src.Port > 65535 {
			t.Errorf("%q: %+v", url, src)
		}
		// The URL without its password means the same database.
		again, err := ParseURL(src.String())
		if err != nil || again.String() != src.String() {
			t.Errorf("%q: printed as %q, read as %v, %v", url, src, again, err)
		}
	})
}
