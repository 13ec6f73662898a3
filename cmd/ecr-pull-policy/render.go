package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tidwall/pretty"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

func newRender(f *flags) *cobra.Command {
	var l listFlags
	command := &cobra.Command{
		Use:   "render REPOSITORY",
		Short: "Print the policy for a repository, for example for Terraform or CloudFormation",
		Long: `Print the policy document that the account lists make for a repository. The repository
need not exist. Unmanaged statements in its policy are left out.

Exit status:
  0  the policy is printed
  1  an error occurred, or the lists grant nothing`,
		Example: `  ecr-pull-policy render team-a/api
  ecr-pull-policy render team-a/api --list accounts.txt > policy.json`,
		Args: cobra.ExactArgs(1),
	}
	f.registerRepositories(command.Flags())
	l.register(command)
	command.RunE = func(command *cobra.Command, args []string) error {
		repository := args[0]
		if err := registry.CheckName(repository); err != nil {
			return err
		}
		s, store, err := l.connect(command, f, stackOptional)
		if err != nil {
			return err
		}
		lists, err := readLists(command, store)
		if err != nil {
			return err
		}
		if lists.Version(repository) == "" {
			return errors.New("no account list for " + repository + " can be used")
		}
		change, err := s.Standard.Merge("", lists.Listed(repository))
		if err != nil {
			return fmt.Errorf("make policy of %s: %w", repository, err)
		}
		if change.Document == "" {
			return errors.New("the account lists grant nothing on " + repository + ", so it has no managed policy")
		}
		if !s.Scope.Contains(repository) {
			fmt.Fprintf(command.ErrOrStderr(), "%s is out of scope: the stack doesn't change its policy.\n", repository)
		}
		_, err = command.OutOrStdout().Write(layOut(change.Document))
		return err
	}
	return command
}

// layOut formats a policy so that a short list takes one line.
func layOut(document string) []byte {
	return pretty.PrettyOptions([]byte(document), &pretty.Options{Indent: "  ", Width: 100})
}
