package kamailio

import (
	"fmt"
	"maps"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// arguments of kamailio but for -c or -D.
func (s *Server) arguments() ([]string, error) {
	o := s.opts
	dir := o.Case
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(RepoDir(), "tests", "kamailio-config", dir)
	}
	path, err := s.modulePath()
	if err != nil {
		return nil, err
	}
	args := []string{
		"-f", filepath.Join(dir, "kamailio.cfg"), "-E", "-L", path, "-Y", s.Dir,
		"-m", strconv.Itoa(or(o.ShmMB, 64)), "-M", strconv.Itoa(or(o.PkgMB, 8)),
		"-n", strconv.Itoa(or(o.Workers, 2)), "-l", "udp:" + s.Addr,
	}
	if o.NoTCP || o.NoFork {
		args = append(args, "-A", "NO_TCP")
	} else {
		args = append(args, "-N", strconv.Itoa(or(o.Workers, 2)), "-l", "tcp:"+s.Addr)
	}
	if s.TLSAddr != "" {
		args = append(args, "-l", "tls:"+s.TLSAddr)
	}
	defines, err := s.defines()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(defines))
	for n := range defines {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if v := defines[n]; v != "" {
			n += "=" + v
		}
		args = append(args, "-A", n)
	}
	return append(args, o.Args...), nil
}

func (s *Server) defines() (map[string]string, error) {
	o := s.opts
	d := map[string]string{
		"LOG_LEVEL":                        strconv.Itoa(or(o.LogLevel, 2)),
		"CTL_SOCKET":                       Quote("unix:" + s.ctlSocket()),
		"SERVER_ADDR":                      Quote(s.Addr),
		"SERVER_PORT":                      s.Addr[strings.LastIndexByte(s.Addr, ':')+1:],
		strings.ToUpper(o.Module.String()): "",
	}
	if s.TLSAddr != "" {
		d["TLS_ADDR"] = Quote(s.TLSAddr)
	}
	if o.NoFork {
		d["NO_FORK"] = ""
	}
	if o.JSONRPC {
		d["JSONRPC_SOCKET"] = Quote(s.jsonSocket())
	}
	for name, v := range o.Params {
		name = "IMC_" + strings.ToUpper(strings.TrimPrefix(name, "imc_"))
		if str, ok := v.(string); ok {
			d[name] = Quote(str)
		} else {
			d[name] = fmt.Sprint(v)
		}
	}
	if o.TextDB && o.Module == Stock {
		db, err := textTables(s.Dir)
		if err != nil {
			return nil, err
		}
		d["STOCK_TEXT_DB"] = ""
		d["IMC_DB_URL"] = Quote("text://" + db)
	}
	maps.Copy(d, o.Defines)
	return d, nil
}

func or(v, otherwise int) int {
	if v != 0 {
		return v
	}
	return otherwise
}
