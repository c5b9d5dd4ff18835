package kamailio

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Log is everything the server has logged.
func (s *Server) Log() string {
	text, err := os.ReadFile(filepath.Join(s.Dir, "kamailio.log"))
	if err != nil {
		return ""
	}
	return string(text)
}

// LogTail is the end of the log.
func (s *Server) LogTail(lines int) string { return string(tail([]byte(s.Log()), lines)) }

// LogLines are the lines of the log that match.
func (s *Server) LogLines(pattern string) []string {
	re := regexp.MustCompile(pattern)
	var out []string
	for l := range strings.SplitSeq(s.Log(), "\n") {
		if re.MatchString(l) {
			out = append(out, l)
		}
	}
	return out
}

// AwaitLog waits until a line of the log matches and gives it.
func (s *Server) AwaitLog(pattern string, timeout time.Duration) (string, error) {
	deadline := time.Now().Add(timeout)
	for {
		if lines := s.LogLines(pattern); len(lines) > 0 {
			return lines[0], nil
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("no line of the log matches %s", pattern)
		}
		time.Sleep(pollInterval)
	}
}

func tail(text []byte, lines int) []byte {
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return []byte(strings.Join(all, "\n"))
}
