package main

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

// newCommand returns the root command. An attempt to call AWS ends after the timeout.
func newCommand(timeout time.Duration) *cobra.Command {
	f := newFlags(timeout)
	command := &cobra.Command{
		Use:   "ecr-pull-policy",
		Short: "Manage the cross-account pull policies of ECR repositories",
		Long: `Preview, apply, and audit the policies that let other AWS accounts pull images from ECR
repositories.

Settings such as the name of the account list, the grant style, and the scope come from
the parameters of the CloudFormation stack. Use flags to override them. Configure
credentials and the Region as for the AWS CLI.`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	command.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return fmt.Errorf("%w; run '%s --help' for usage", err, command.CommandPath())
	})
	command.AddCommand(newPlan(f), newApply(f), newValidate(f), newRender(f), newAudit(f), newCan(f), newDoctor(f), newSmoke(f))
	return command
}

// version returns the version of the module, which go build takes from Git, and the version of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version + " " + info.GoVersion
}
