// Command demo runs ecr-pull-policy with simulated AWS services, and shows how repositories get, keep and lose the
// standard policy.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

const accountList = "/ecr-pull-policy/accounts"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx)
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "\nstopped all processes")
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	say := newNarrator(os.Stdout)
	say.heading("Simulated AWS services start, with the stack of template.yaml")
	started := time.Now()
	aws, err := localaws.Start(ctx, localaws.Options{Progress: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, aws.Close()) }()
	say.took("ready", time.Since(started))

	s := &story{ctx: ctx, aws: aws, say: say}
	for _, chapter := range []func() error{
		s.repositoriesExist,
		s.theListIsWritten,
		s.aRepositoryIsCreated,
		s.anAccountLeaves,
		s.aListIsRejected,
		s.aConsumerDoesNotExist,
	} {
		if err := chapter(); err != nil {
			return err
		}
	}
	say.heading("Next steps")
	say.text("make local-aws         try it yourself with the same simulated AWS services")
	say.text("make help              list the other targets")
	say.text("make deploy            deploy to your registry's account; see README.md")
	return nil
}
