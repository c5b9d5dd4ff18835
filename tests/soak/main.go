// Command soak runs mixed traffic through the module for a long time and looks
// for what only time shows: memory, file descriptors or threads that grow, and
// MESSAGEs that are neither delivered nor counted as failed.
//
//	make build
//	go run ./tests/soak -duration 1h
//
// It starts one private Kamailio on loopback. Among the members are some that
// never answer and some behind a name that does not resolve; run as root, it
// gives Kamailio a name server that never answers at all. It ends with a
// verdict and, if that is bad, with exit status 1.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"kamailio-imc/tests/bench/load"
	"kamailio-imc/tests/bench/rig"
	"kamailio-imc/tests/kamailio"
)

// options are the flags.
type options struct {
	duration time.Duration
	every    time.Duration
	rate     int
	workers  int
	shm      int
	sink     string
	out      string
}

func main() {
	var o options
	flag.DurationVar(&o.duration, "duration", time.Hour, "how long traffic runs")
	flag.DurationVar(&o.every, "sample", 10*time.Second, "time between two samples")
	flag.IntVar(&o.rate, "rate", 50, "texts a second to the ordinary rooms; the other traffic is in proportion")
	flag.IntVar(&o.workers, "workers", 2, "Kamailio's UDP workers")
	flag.IntVar(&o.shm, "shm", 64, "shared memory, MB")
	flag.StringVar(&o.sink, "sink", "127.77.0.2:5060", "where the members are: an address of loopback, the port of SIP")
	flag.StringVar(&o.out, "out", "build/soak/soak.json", "samples and account")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if err := os.Chdir(kamailio.RepoDir()); err != nil {
		return err
	}
	dns, err := deadResolver()
	if err != nil {
		return err
	}
	defer dns.close()
	gen, err := load.New(o.sink)
	if err != nil {
		return fmt.Errorf("%w (-sink takes another address of 127.0.0.0/8)", err)
	}
	r := rig.New()
	s, err := r.Start(rig.Spec{
		Kind: rig.Ours, Case: "soak", Allocator: "tlsf", ShmMB: o.shm, Workers: o.workers, Log: -2,
	})
	if err == nil {
		err = soak(ctx, o, gen, s)
	}
	r.Close()
	return errors.Join(err, gen.Close())
}

func soak(ctx context.Context, o options, gen *load.Generator, s *rig.Server) error {
	t, err := newTraffic(gen, s, o.rate)
	if err != nil {
		return err
	}
	if err := t.makeRooms(ctx); err != nil {
		return err
	}
	fmt.Println("rooms are made; waiting until all who shall hear of it have heard")
	if err := drain(ctx, s); err != nil {
		return err
	}
	rep := &Report{Duration: o.duration.String(), Began: time.Now().UTC()}
	if rep.Before, err = take(s); err != nil {
		return err
	}
	traffic := make(chan error, 1)
	go func() { traffic <- t.run(ctx, o.duration) }()
	ticker := time.NewTicker(o.every)
	defer ticker.Stop()
	for running := true; running; {
		select {
		case err = <-traffic:
			running = false
		case <-ticker.C:
			sample, takeErr := take(s)
			if takeErr != nil {
				return takeErr
			}
			rep.Samples = append(rep.Samples, sample)
			sample.print()
		}
	}
	if err != nil {
		return err
	}
	fmt.Println("traffic has ended; waiting for tm's last timers")
	if err := drain(ctx, s); err != nil {
		return err
	}
	if rep.After, err = take(s); err != nil {
		return err
	}
	rep.Account = t.account()
	return rep.finish(o.out)
}

// drain waits until the queue is empty, tm has given up on everyone who does
// not answer, and has forgotten the transactions.
func drain(ctx context.Context, s *rig.Server) error {
	const longest = 10 * time.Minute // of a queue; then the account tells
	for deadline := time.Now().Add(longest); time.Now().Before(deadline); {
		st, err := s.Statistics("imc")
		if err != nil {
			return err
		}
		if st["queued"] == 0 {
			break
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	return pause(ctx, 45*time.Second)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (r *Report) finish(out string) error {
	r.judge()
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, append(text, '\n'), 0o600); err != nil {
		return err
	}
	r.print()
	if len(r.Bad) > 0 {
		return fmt.Errorf("%d of the conditions do not hold", len(r.Bad))
	}
	return nil
}
