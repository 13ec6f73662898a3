// Command setup makes .venv, the Python tools of development and test, unless it is there and up to date. It runs at the
// root of the repository.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	services := flag.Bool("services", false, "install only what the simulated AWS services need")
	flag.Parse()
	setup := venv.Tools
	if *services {
		setup = venv.Services
	}
	if _, err := setup(ctx, ".", os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "setup:", err)
		os.Exit(1)
	}
}
