// Command ecr-pull-policy is the command line for operators. It previews and applies changes of policies, validates
// account lists, audits repositories, and checks the installation. It uses the same packages as the functions.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Exit statuses.
const (
	exitFailed      = 1
	exitChanges     = 2 // plan: repositories would change
	exitNo          = 1 // can
	exitCanFailed   = 2 // can, for which exitFailed would mean no
	exitDepends     = 3 // can
	exitInterrupted = 130
)

// exit is the error of a command that has already reported its problems.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C terminates the process
	p := program{path: os.Args[0], in: os.Stdin, out: os.Stdout, errOut: os.Stderr, timeout: callTimeout}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// program is the command line with its input and outputs.
type program struct {
	path        string // the first argument of the process
	in          io.Reader
	out, errOut io.Writer
	timeout     time.Duration // of one attempt to call AWS
}

// run runs a command and returns its exit status.
func (p program) run(ctx context.Context, args []string) int {
	f := newFlags(p)
	command := newCommand(f)
	usage := markUsageErrors(command)
	out := &checkedWriter{Writer: p.out}
	command.SetArgs(args)
	command.SetIn(p.in)
	command.SetOut(out)
	command.SetErr(p.errOut)
	ran, err := command.ExecuteContextC(ctx)
	if err = usage(ran, err); out.err != nil {
		err = fmt.Errorf("write the output: %w", out.err)
	}
	status, isStatus := errors.AsType[exit](err)
	switch {
	case err == nil:
		return 0
	case isStatus:
		return int(status)
	case ctx.Err() != nil && out.err == nil:
		fmt.Fprintln(p.errOut, "interrupted")
		return exitInterrupted
	}
	f.writeError(p.errOut, err)
	if ran.Name() == canName {
		return exitCanFailed
	}
	return exitFailed
}
