// Command bench measures the module against the stock one of the Linux
// distribution, in the same Kamailio, with the same load.
//
//	make build
//	go run ./tests/bench -h
//
// It starts private Kamailios on loopback, plays all users itself (package
// load) and reads the processor time of every Kamailio process from /proc.
// Servers of one workload run side by side and are loaded in turns, a short
// run each, so that what else happens on the machine hits all of them alike.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"kamailio-imc/tests/bench/load"
	"kamailio-imc/tests/bench/rig"
	"kamailio-imc/tests/kamailio"
)

// options are the flags.
type options struct {
	pairs      int
	length     time.Duration
	allocators []string
	suites     []string
	works      []Workload
	workers    int
	window     int
	byCommand  int
	maxRooms   int
	stockRooms int
	maxSize    int
	repeats    int
	docs       string
	out        string
	render     bool
}

// suites in the order in which they run.
var suites = []struct {
	name, about string
	run         func(context.Context, *bench) error
}{
	{"headline", "processor time per text and per delivery, throughput, reply times, memory", headline},
	{"big", "a room of 10,000: reply to the sender, texts in small rooms meanwhile", bigRoom},
	{"burst", "five texts at once to a room of 10,000 with 64 MB of shared memory", bursts},
	{"members", "join, leave, invite and reject in a room of 10,000 and in one of 10", membership},
	{"memory", "engine process with 1,000,000 memberships, workers idle and after load", memory},
	{"growth", "cost of a text over the number of rooms", growth},
	{"fanout", "time to the last recipient over the size of the room", fanout},
	{"database", "joins and texts a second with rooms in a database, and the time to load 100,000 rooms", database},
}

// bench is what the suites share.
type bench struct {
	options
	gen     *load.Generator
	db      *rig.Database
	results *Results
}

func main() {
	var o options
	list := func(s string) []string { return strings.Split(s, ",") }
	flag.Usage = usage
	flag.IntVar(&o.pairs, "pairs", 10, "headline: runs of each server, in turns")
	flag.DurationVar(&o.length, "time", time.Second, "length of one run")
	allocators := flag.String("allocators", "default,tlsf", "Kamailio's memory managers (-x, -X)")
	which := flag.String("only", "", "comma-separated suites; \"\" is all")
	works := flag.String("work", "10x2,10x10,10x100,1000x2,100000x2", "headline: rooms x size")
	flag.IntVar(&o.workers, "workers", 2, "Kamailio's UDP workers")
	flag.IntVar(&o.window, "window", 4, "texts under way at any time")
	flag.IntVar(&o.byCommand, "by-command", 100000,
		"headline: up to so many rooms are made by #create and #join, more are read from a database")
	flag.IntVar(&o.maxRooms, "max-rooms", 1000000, "growth: the most rooms")
	flag.IntVar(&o.stockRooms, "max-stock-rooms", 100000, "growth: the most rooms of the stock module")
	flag.IntVar(&o.maxSize, "max-size", 100000, "fanout: the largest room")
	flag.IntVar(&o.repeats, "repeats", 3, "runs of the suites other than headline")
	flag.StringVar(&o.docs, "docs", "", "write the tables between the markers of this file, and the plots beside it")
	flag.StringVar(&o.out, "out", "build/bench/results.json", "results; suites that do not run now keep their earlier ones")
	flag.BoolVar(&o.render, "render", false, "measure nothing, only write -docs from -out")
	flag.Parse()
	o.allocators = list(*allocators)
	o.suites = list(*which)
	for _, w := range list(*works) {
		var v Workload
		if _, err := fmt.Sscanf(w, "%dx%d", &v.Rooms, &v.Size); err != nil || v.Rooms < 1 || v.Size < 2 {
			fmt.Fprintf(os.Stderr, "bench: -work: %q is no rooms x size\n", w)
			os.Exit(2)
		}
		o.works = append(o.works, v)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func usage() {
	w := flag.CommandLine.Output()
	_, _ = fmt.Fprint(w, "Usage: go run ./tests/bench [flags]\n\n"+
		"Compares build/modules/imc.so with the stock imc.so and with the floor of tm's own cost.\n"+
		"Needs Kamailio, MariaDB and what `make build` made; run it on a machine with nothing else to do.\n"+
		"All suites take about an hour; -pairs 2 -repeats 1 -only headline is a quick look.\n\nSuites:\n")
	for _, s := range suites {
		_, _ = fmt.Fprintf(w, "  %-9s %s\n", s.name, s.about)
	}
	_, _ = fmt.Fprint(w, "\nFlags:\n")
	flag.PrintDefaults()
}

func run(ctx context.Context, o options) error {
	if err := os.Chdir(kamailio.RepoDir()); err != nil {
		return err
	}
	results, err := readResults(o.out)
	if err != nil {
		return err
	}
	if o.docs != "" {
		if _, err := results.intoDocs(o.docs); err != nil {
			return err // before an hour of measuring, not after
		}
	}
	if !o.render {
		if err := measure(ctx, o, results); err != nil {
			return err
		}
	}
	fmt.Print(results.text())
	if o.docs != "" {
		return results.writeDocs(o.docs)
	}
	return nil
}

func measure(ctx context.Context, o options, results *Results) error {
	if err := buildFloor(ctx); err != nil {
		return err
	}
	b := &bench{options: o, results: results}
	var err error
	if b.gen, err = load.New(""); err != nil {
		return err
	}
	if b.db, err = rig.NewDatabase(); err != nil {
		return errors.Join(err, b.gen.Close())
	}
	err = b.suitesInTurn(ctx)
	return errors.Join(err, b.gen.Close(), b.db.Close())
}

func (b *bench) suitesInTurn(ctx context.Context) error {
	b.results.describe()
	for _, s := range suites {
		if !b.wants(s.name) {
			continue
		}
		begin := time.Now()
		b.progress("suite %s: %s", s.name, s.about)
		err := s.run(ctx, b)
		b.progress("suite %s took %v", s.name, time.Since(begin).Round(time.Second))
		if err := errors.Join(err, b.results.write(b.out)); err != nil {
			return fmt.Errorf("suite %s: %w", s.name, err)
		}
	}
	return ctx.Err()
}

func (b *bench) wants(suite string) bool {
	return b.suites[0] == "" || slices.Contains(b.suites, suite)
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}

// buildFloor makes imc_floor.so against the headers that imc.so was built with.
func buildFloor(ctx context.Context) error {
	src, err := os.ReadFile("build/kamailio-source")
	if err != nil {
		return fmt.Errorf("run `make build` first: %w", err)
	}
	cmd := exec.CommandContext(ctx, "make", "-s", "-f", "tests/bench/floor/floor.mk",
		"KAMAILIO_SRC="+strings.TrimSpace(string(src)), "OUT="+filepath.Join(rig.FloorDir, "imc_floor.so"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("imc_floor.so: %w\n%s", err, out)
	}
	return nil
}
