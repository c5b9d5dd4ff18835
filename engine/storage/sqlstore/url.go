package sqlstore

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// Schemes of db_url.
const (
	schemeMySQL    = "mysql"
	schemePostgres = "postgres"
	schemeSQLite   = "sqlite"
)

// Source is where a database is and who may use it, as db_url says it.
// However it is printed, the password and the parameters (which may hold
// secrets) are left out.
type Source struct {
	Scheme   string // "mysql", "postgres" or "sqlite"
	User     string
	Host     string // without the brackets of IPv6; "" if the URL has none
	Port     int    // 0 if the URL has none
	Group    string // group of the MySQL option files (my.cnf) to read, or ""
	Database string // for sqlite the absolute path of the file
	Params   string // what follows "?"

	password string
}

// String returns the source as a URL without password and parameters.
func (s *Source) String() string {
	if s.Scheme == schemeSQLite {
		return s.Scheme + "://" + s.Database
	}
	var b strings.Builder
	b.WriteString(s.Scheme + "://")
	if s.User != "" {
		b.WriteString(s.User + "@")
	}
	if s.Group != "" {
		b.WriteString("[" + s.Group + "]")
	}
	if strings.Contains(s.Host, ":") {
		b.WriteString("[" + s.Host + "]")
	} else {
		b.WriteString(s.Host)
	}
	if s.Port != 0 {
		b.WriteString(":" + strconv.Itoa(s.Port))
	}
	b.WriteString("/" + s.Database)
	return b.String()
}

// Format prints the source as String does, whatever the verb, so that no %v,
// %+v or %#v shows the password.
func (s Source) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// ParseURL takes a db_url apart:
//
//	mysql://[user[:password]@][host][:port]/database[?parameters]
//	mysql://[user[:password]@][[group]][host][:port]/database[?parameters]
//	postgres://[user[:password]@][host][:port]/database[?parameters]
//	sqlite:///path/of/the/file
//
// Nothing is percent-decoded, and the last "@" of the whole URL ends the
// password, which therefore may hold any other character; an "@" in the
// parameters is written %40, they are decoded. An IPv6 host stands in
// brackets. Errors say what is wrong and what to use; they never repeat a part
// of the URL that could be a piece of a password.
func ParseURL(url string) (*Source, error) {
	scheme, rest, found := strings.Cut(url, ":")
	scheme = strings.ToLower(scheme)
	switch scheme {
	case "text":
		return nil, errors.New("db_url: text files (db_text) cannot be used, they have no transactions;" +
			" use sqlite:///path/of/a/file for a database without a server")
	case "cluster":
		return nil, errors.New("db_url: db_cluster cannot be used; use the mysql:// or postgres:// URL of one server" +
			" or of a proxy before the cluster")
	case "unixodbc":
		return nil, errors.New("db_url: ODBC cannot be used; use the mysql:// or postgres:// URL of the server itself")
	case "postgresql":
		scheme = schemePostgres
	}
	if found {
		rest, found = strings.CutPrefix(rest, "//")
	}
	known := scheme == schemeMySQL || scheme == schemePostgres || scheme == schemeSQLite
	switch {
	case !known && found && plainScheme(scheme):
		return nil, fmt.Errorf("db_url: no database %q is known; use mysql://, postgres:// or sqlite://", scheme)
	case !known || !found:
		return nil, errors.New("db_url: it has to start with mysql://, postgres:// or sqlite://")
	case strings.ContainsFunc(url, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return nil, errors.New("db_url: it holds a control character")
	case scheme == schemeSQLite:
		return parseSQLite(rest)
	}
	return parseServer(scheme, rest)
}

// plainScheme tells a mistyped scheme, which may be repeated in an error, from
// what may be a piece of a password.
func plainScheme(s string) bool {
	return s != "" && len(s) <= 12 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_+.-") == ""
}

func parseSQLite(path string) (*Source, error) {
	if !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") {
		return nil, errors.New("db_url: sqlite needs the absolute path of a file:" +
			" sqlite:///var/lib/kamailio/imc.db (for rooms in memory only, db_mode 0 needs no database)")
	}
	if strings.Contains(path, "?") {
		return nil, errors.New("db_url: sqlite takes no parameters, and no \"?\" in its path")
	}
	return &Source{Scheme: schemeSQLite, Database: filepath.Clean(path)}, nil
}

func parseServer(scheme, rest string) (*Source, error) {
	s := &Source{Scheme: scheme}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		s.User, s.password, _ = strings.Cut(rest[:at], ":")
		rest = rest[at+1:]
	}
	var err error
	if rest, err = s.takeBrackets(rest); err != nil {
		return nil, err
	}
	server, database, found := strings.Cut(rest, "/")
	if !found {
		return nil, fmt.Errorf("db_url: the name of the database is missing: %s://user:password@host/database", scheme)
	}
	s.Database, s.Params, _ = strings.Cut(database, "?")
	if s.Database == "" {
		return nil, fmt.Errorf("db_url: the name of the database is missing: %s://user:password@host/database", scheme)
	}
	host, port, hasPort := strings.Cut(server, ":")
	if strings.Contains(port, ":") {
		return nil, errors.New("db_url: more than one \":\" after the host; an IPv6 address stands in brackets")
	}
	if strings.ContainsAny(host, " ?#[]") || (host != "" && s.Host != "") {
		return nil, errors.New("db_url: the host is not a name or an address")
	}
	if host != "" {
		s.Host = host
	}
	if hasPort {
		if s.Port, err = strconv.Atoi(port); err != nil || s.Port < 1 || s.Port > 65535 {
			return nil, errors.New("db_url: the port is not a number from 1 to 65535")
		}
	}
	return s, nil
}

// takeBrackets takes "[address]" or "[group]" from the start of rest.
func (s *Source) takeBrackets(rest string) (string, error) {
	inner, found := strings.CutPrefix(rest, "[")
	if !found {
		return rest, nil
	}
	inner, rest, found = strings.Cut(inner, "]")
	if !found {
		return "", errors.New("db_url: a \"]\" is missing")
	}
	if addr, err := netip.ParseAddr(inner); err == nil && addr.Is6() {
		s.Host = inner
		return rest, nil
	}
	switch {
	case strings.Contains(inner, ":"):
		return "", errors.New("db_url: what stands in brackets is not an IPv6 address")
	case s.Scheme != schemeMySQL:
		return "", errors.New("db_url: a group of an option file works for mysql:// only")
	case inner == "" || strings.ContainsAny(inner, "/[ "):
		return "", errors.New("db_url: what stands in brackets is neither an IPv6 address nor a group of my.cnf")
	}
	s.Group = inner
	return rest, nil
}
