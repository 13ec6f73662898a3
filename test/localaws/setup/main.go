// Command setup makes .venv, the Python tools of development and test, unless it is there and up to date.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := setup(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "setup:", err)
		os.Exit(1)
	}
}

func setup(ctx context.Context) error {
	root, err := localaws.Root(".")
	if err != nil {
		return err
	}
	_, err = localaws.Setup(ctx, root, os.Stderr)
	return err
}
