package faults

import (
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// signals sends each process of the server signals, all through the fault.
func signals(every time.Duration, signals ...syscall.Signal) func(r *run) func() {
	return func(r *run) func() {
		s := r.scenes[0]
		if strings.Contains(strings.Join(r.o.Args, " "), "json") {
			// what USR1 logs then is long: a line for each piece of memory
			for _, setting := range []string{"memlog", "mem_summary"} {
				value := map[string]string{"memlog": "1", "mem_summary": "15"}[setting]
				_, err := s.RPC("cfg.seti", "core", setting, value)
				require.NoError(r.t, err)
			}
		}
		pids := s.Pids()
		stop := make(chan struct{})
		done := make(chan int)
		go func() {
			sent := 0
			for {
				for _, sig := range signals {
					for _, pid := range pids {
						if syscall.Kill(pid, sig) == nil {
							sent++
						}
					}
				}
				select {
				case <-stop:
					done <- sent
					return
				case <-time.After(every):
				}
			}
		}()
		return func() {
			close(stop)
			r.t.Logf("%d signals", <-done)
		}
	}
}

// loses kills one process of each server, named by its description.
func loses(description string) func(r *run) func() {
	return func(r *run) func() {
		for _, s := range r.scenes {
			p, err := s.Process(description)
			require.NoError(r.t, err)
			require.NoError(r.t, syscall.Kill(p.Pid, syscall.SIGKILL))
		}
		return nil
	}
}
