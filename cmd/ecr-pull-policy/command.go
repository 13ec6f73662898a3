package main

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

// newCommand returns the command line, which gives an attempt of a call to AWS up after the timeout.
func newCommand(timeout time.Duration) *cobra.Command {
	f := newFlags(timeout)
	command := &cobra.Command{
		Use:   "ecr-pull-policy",
		Short: "Preview, apply and check the standard cross-account pull policy of ECR repositories",
		Long: `Preview, apply and check the standard cross-account pull policy of ECR repositories.

Settings such as the name of the account list, the grant style, and the scope come from
the parameters of the CloudFormation stack. Use flags to override them. Credentials and
the Region are configured as for the AWS CLI.`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	command.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return fmt.Errorf("%w; %s --help lists the flags", err, command.CommandPath())
	})
	command.AddCommand(newPlan(f), newApply(f), newValidate(f), newRender(f), newAudit(f), newDoctor(f))
	return command
}

// version returns the version of the module, which go build takes from git, and that of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version + " " + info.GoVersion
}
