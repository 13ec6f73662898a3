package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newCommand() *cobra.Command {
	f := newFlags()
	command := &cobra.Command{
		Use:   "ecr-pull-policy",
		Short: "Preview, apply and check the standard cross-account pull policy of ECR repositories",
		Long: `Preview, apply and check the standard cross-account pull policy of ECR repositories.

What the stack decides (name of the list, grant style, scope, ...) is read from its
parameters in CloudFormation; a flag overrides each. Credentials and Region are those
of the AWS CLI.`,
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

// version is that of the module, which go build takes from git, and Go's.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version + " " + info.GoVersion
}
