package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// errRejected is the error for credentials that STS rejects.
var errRejected = errors.New("AWS rejects the credentials")

// usageError is the error for wrong arguments or flags.
type usageError struct {
	error
	command *cobra.Command
}

// markUsageErrors makes the errors of all commands that occur before they run a usageError.
func markUsageErrors(root *cobra.Command) func(ran *cobra.Command, err error) error {
	started := false
	for _, command := range root.Commands() {
		run := command.RunE
		if run == nil { // the help command
			continue
		}
		command.RunE = func(command *cobra.Command, args []string) error {
			started = true
			return run(command, args)
		}
	}
	return func(ran *cobra.Command, err error) error {
		if err == nil || started {
			return err
		}
		return usageError{err, ran}
	}
}

// exactly requires the arguments with the given names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("missing argument %s", names[len(args)])
		case len(args) > len(names):
			return fmt.Errorf("unexpected argument %q", args[len(names)])
		}
		return nil
	}
}

// writeError writes an error: one problem a line, and what to do.
func (f *flags) writeError(errOut io.Writer, err error) {
	const program = programName + ":"
	if usage, ok := errors.AsType[usageError](err); ok {
		line := usage.command.UseLine()
		if usage.command.HasAvailableSubCommands() {
			line = usage.command.CommandPath() + " COMMAND"
		}
		fmt.Fprintf(errOut, "%s %s\n\nUsage: %s\nFor details, run: %s --help\n", program, strings.TrimSpace(err.Error()), line, usage.command.CommandPath())
		return
	}
	text := awsclient.ErrorText(err)
	if list, ok := errors.AsType[*policy.ListError](err); ok {
		before, _, _ := strings.Cut(text, list.Error())
		for _, problem := range list.Problems {
			fmt.Fprintf(errOut, "%s %s%s\n", program, before, problem)
		}
		return
	}
	if advice := f.advice(err); advice != "" {
		text += "; " + advice
	}
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintln(errOut, program, line)
	}
}

// advice returns what to do about an error of AWS, or "".
func (f *flags) advice(err error) string {
	call, isCall := errors.AsType[*smithy.OperationError](err)
	unknown, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, errRejected) && awsclient.HasCode(err, "InvalidClientTokenId", "UnrecognizedClientException"):
		return fmt.Sprintf("%s, and check that the account has enabled the Region %s", f.signIn(), f.connected.Region)
	case errors.Is(err, errRejected), awsclient.Expired(err):
		return f.signIn()
	case awsclient.HasCode(err, "ParentNotFoundException"):
		return "check the ID, and that the credentials belong to the same organization"
	case awsclient.HasCode(err, "AWSOrganizationsNotInUseException"):
		return "use credentials of the management account or of a delegated administrator"
	case isCall && awsclient.Denied(err) && call.ServiceID == organizations.ServiceID:
		return "use credentials of the management account or of a delegated administrator that allow " + awsclient.Action(call)
	case isCall && awsclient.Denied(err):
		return "use credentials that allow " + awsclient.Action(call) + ", or ask an administrator of the account to allow it"
	case awsclient.Unanswered(err) && strings.Contains(aws.ToString(f.connected.BaseEndpoint), "://"):
		return "check AWS_ENDPOINT_URL, which replaces the addresses of AWS"
	case isDNS && unknown.IsNotFound:
		return fmt.Sprintf("check that %s is the Region that you mean, and check the network", f.connected.Region)
	}
	return ""
}

// signIn returns how to get valid credentials.
func (f *flags) signIn() string {
	switch {
	case f.profile != "":
		return "sign in with aws sso login --profile " + f.profile + ", or specify another profile"
	case f.fromEnvironment:
		return "renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN in the environment, or unset them and specify a profile with --profile"
	}
	return "sign in with aws sso login, or specify a profile with --profile or AWS_PROFILE"
}

// checkedWriter keeps the first error of a writer, so that no command must check whether its output was written.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if w.err == nil {
		w.err = err
	}
	return n, err
}
