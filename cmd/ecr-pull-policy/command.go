package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/version"
)

// newCommand returns the root command.
func newCommand(f *flags) *cobra.Command {
	command := &cobra.Command{
		Use:   programName,
		Short: "Manage the cross-account pull policies of ECR repositories",
		Long: `Preview, apply, and audit the policies that let other AWS accounts pull images from ECR
repositories.

Settings such as the name of the account list, the grant style, and the scope come from
the parameters of the CloudFormation stack. Use flags to override them. Configure
credentials and the Region as for the AWS CLI.`,
		Version:       versions(),
		SilenceUsage:  true,
		SilenceErrors: true,

		Annotations:       map[string]string{cobra.CommandDisplayNameAnnotation: f.program}, // in usage and help
		DisableAutoGenTag: true,                                                             // in man pages, whose content it would make depend on the day
	}
	command.SetHelpFunc(writeHelp)
	command.PersistentFlags().BoolVarP(&f.quiet, "quiet", "q", false, "show only results, warnings, and errors")
	command.PersistentFlags().BoolVar(&f.debug, "debug", false, "log each AWS call and its duration to standard error, without its content")
	command.AddCommand(newPlan(f), newApply(f), newRemove(f), newValidate(f), newResolve(f), newRender(f), newAudit(f), newCan(f), newDoctor(f), newSmoke(f), newVersion(), newMan())
	for _, one := range command.Commands() {
		complete(one)
	}
	command.InitDefaultHelpCmd()
	if help, _, err := command.Find([]string{"help"}); err == nil {
		help.Args = func(_ *cobra.Command, args []string) error { // cobra's own exits with status 0 for an unknown command
			_, _, err := command.Find(args)
			return err
		}
	}
	return command
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and the commit",
		Args:  exactly(),
		RunE: func(command *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(command.OutOrStdout(), command.Root().Name(), "version", versions())
			return err
		},
	}
}

// versions returns the version of the program, with its commit, and the version of Go.
func versions() string { return version.String() + " " + runtime.Version() }
