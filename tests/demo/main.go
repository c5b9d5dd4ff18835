// Command demo starts a Kamailio with chat rooms on a free port of loopback,
// lets three users talk in a room, shows what each of them sees, and stops it.
//
//	demo -modules build/modules
//
// The Kamailio is the one of `make run` (scripts/run.sh and
// tests/kamailio-config/demo).
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// startTimeout is how long the server may take until it answers.
const startTimeout = 20 * time.Second

func main() {
	modules := flag.String("modules", "build/modules", "folder with imc.so and imc_engine.so")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *modules); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, modules string) (err error) {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	server := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))

	serving, stop := context.WithCancel(ctx)
	var log bytes.Buffer
	cmd := exec.CommandContext(serving, "scripts/run.sh", modules, "127.0.0.1", strconv.Itoa(port))
	cmd.Stdout, cmd.Stderr = &log, &log
	// a group of its own: Ctrl-C reaches it through us only
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		stop()
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		stop()
		how := <-ended
		if err != nil {
			fmt.Fprintf(os.Stderr, "Kamailio ended (%v), its log:\n%s", how, log.Bytes())
		}
	}()

	if err := awaitServer(ctx, server, ended); err != nil {
		return err
	}
	fmt.Printf("Kamailio serves on %s. alice, bob and carol register there; all they write goes to sip:%s@127.0.0.1.\n\n",
		server, room)
	if err := converse(ctx, server, func(line string) { fmt.Println(line) }); err != nil {
		return err
	}
	fmt.Println("All as it should be. `make run` starts the same server for your own SIP client.")
	return nil
}

// awaitServer waits until the server answers a MESSAGE to nobody with 404.
func awaitServer(ctx context.Context, server string, ended chan error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if answers(ctx, server) {
			return nil
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the server did not start: %w", err)
		case <-ctx.Done():
			return errors.New("the server does not answer")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func answers(ctx context.Context, server string) bool {
	u, err := newUser(ctx, "probe", server)
	if err != nil {
		return false
	}
	defer u.close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	code, err := u.write(ctx, "nobody", "")
	return err == nil && code == 404
}

// freePort finds a port of loopback that is free for UDP and TCP.
func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	for range 50 {
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		addr := l.Addr().String()
		p, err := lc.ListenPacket(ctx, "udp", addr)
		_ = l.Close()
		if err != nil {
			continue
		}
		port := p.LocalAddr().(*net.UDPAddr).Port //nolint:forcetypeassert // the socket is UDP
		return port, p.Close()
	}
	return 0, errors.New("no port of 127.0.0.1 is free for both UDP and TCP")
}
