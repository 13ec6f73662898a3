// Command ecr-pull-policy is the operator's command line: it shows what the account lists would change, changes it,
// checks lists before they are written, and looks whether all is in place. It decides by the same packages as the
// functions.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awserror"
)

// Exit statuses.
const (
	exitFailed      = 1
	exitChanges     = 2 // plan: there is something to do
	exitInterrupted = 130
)

// exit is the error of a command that has said all that there is to say.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	command := newCommand()
	command.SetArgs(args)
	command.SetIn(in)
	command.SetOut(out)
	command.SetErr(errOut)
	err := command.ExecuteContext(ctx)
	var status exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, "interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(errOut, "ecr-pull-policy:", awserror.Text(err))
	return exitFailed
}
