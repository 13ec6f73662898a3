package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tidwall/pretty"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/trigger"
)

func newRender(f *flags) *cobra.Command {
	var l listFlags
	command := &cobra.Command{
		Use:   "render REPOSITORY",
		Short: "Print the policy of a repository name, for Terraform or CloudFormation",
		Long: `Print the policy document that the lists make for the name of a repository. The
repository need not exist; statements of others that its policy may have are left out.`,
		Example: `  ecr-pull-policy render team-a/api
  ecr-pull-policy render team-a/api --list accounts.txt > policy.json`,
		Args: cobra.ExactArgs(1),
	}
	f.registerRepositories(command.Flags())
	l.register(command)
	command.RunE = func(command *cobra.Command, args []string) error {
		repository := args[0]
		if err := trigger.CheckRepositoryName(repository); err != nil {
			return err
		}
		s, store, err := l.connect(command, f)
		if err != nil {
			return err
		}
		lists, err := readLists(command, store)
		if err != nil {
			return err
		}
		if lists.Version(repository) == "" {
			return errors.New("no list for " + repository + " can be used")
		}
		change, err := s.Standard.Merge("", lists.Listed(repository))
		if err != nil {
			return fmt.Errorf("make policy of %s: %w", repository, err)
		}
		if change.Document == "" {
			return errors.New("the lists let nobody pull " + repository + ": it has no policy")
		}
		if !s.Scope.Contains(repository) {
			fmt.Fprintf(command.ErrOrStderr(), "%s is out of scope: the stack leaves its policy alone.\n", repository)
		}
		_, err = command.OutOrStdout().Write(layOut(change.Document))
		return err
	}
	return command
}

// layOut writes a policy so that a short list takes one line.
func layOut(document string) []byte {
	return pretty.PrettyOptions([]byte(document), &pretty.Options{Indent: "  ", Width: 100})
}
