package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/kamailio"
)

// output is what a program has written; safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// TestRun: make run says that it is ready when it is, after Kamailio's own
// lines, with an RPC command that works; a TERM ends all of it.
func TestRun(t *testing.T) {
	t.Parallel()
	port, err := freePort(t.Context())
	require.NoError(t, err)
	cmd := exec.Command("scripts/run.sh", kamailio.BuildDir(), "127.0.0.1", strconv.Itoa(port)) //nolint:gosec // ours; ended by TERM
	cmd.Dir = kamailio.RepoDir()
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })

	await.Until(t, startTimeout, func() error {
		if !strings.Contains(out.String(), "\nend  ") {
			return errors.New(out.String())
		}
		return nil
	})
	kamailios, help, _ := strings.Cut(out.String(), "\nReady.\n")
	assert.NotContains(t, kamailios, "SIP server")
	assert.Contains(t, help, fmt.Sprintf("127.0.0.1:%d, UDP and TCP", port))
	assert.True(t, answers(t.Context(), fmt.Sprintf("127.0.0.1:%d", port)), "it is ready when it says so")
	_, question, _ := strings.Cut(help, "\nquestions ")
	question, _, _ = strings.Cut(question, "\n")
	words := strings.Fields(question)
	require.NotEmpty(t, words)
	rooms, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput() //nolint:gosec // ours
	require.NoError(t, err, "%s", rooms)

	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-ended:
		require.NoError(t, err, out.String())
	case <-time.After(10 * time.Second):
		t.Fatal("still runs")
	}
	assert.Equal(t, syscall.ESRCH, syscall.Kill(-cmd.Process.Pid, 0), "no process of it is left")
}
