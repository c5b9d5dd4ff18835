package kamailio

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

func (s *Server) jsonSocket() string { return filepath.Join(s.Dir, "jsonrpc") }

// JSONRPC calls a method through the module jsonrpcs and gives the "result" of
// the answer; a refusal is a *FaultError. Options.JSONRPC has to be set.
func (s *Server) JSONRPC(method string, params ...any) (json.RawMessage, error) {
	if params == nil {
		params = []any{}
	}
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	local := &net.UnixAddr{Name: filepath.Join(s.Dir, "jsonrpc-client"), Net: "unixgram"}
	conn, err := net.DialUnix("unixgram", local, &net.UnixAddr{Name: s.jsonSocket(), Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = conn.Close()
		_ = os.Remove(local.Name)
	}()
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(rpcTimeout)); err != nil {
		return nil, err
	}
	buf := make([]byte, 1<<20)
	n, err := conn.Read(buf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	var answer struct {
		Result json.RawMessage
		Error  *struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal(buf[:n], &answer); err != nil {
		return nil, fmt.Errorf("%s: %w in %q", method, err, buf[:n])
	}
	if answer.Error != nil {
		return nil, &FaultError{Code: answer.Error.Code, Text: answer.Error.Message}
	}
	return answer.Result, nil
}
