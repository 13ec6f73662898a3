package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// newCommand returns the root command.
func newCommand(f *flags) *cobra.Command {
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
	command.SetHelpFunc(writeHelp)
	command.AddCommand(newPlan(f), newApply(f), newRemove(f), newValidate(f), newRender(f), newAudit(f), newCan(f), newDoctor(f), newSmoke(f))
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
