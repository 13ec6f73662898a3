package main

import (
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
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	command.AddCommand(newPlan(f), newApply(f), newValidate(f), newRender(f), newAudit(f), newDoctor(f))
	return command
}
