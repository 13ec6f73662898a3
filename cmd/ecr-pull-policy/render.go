package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tidwall/pretty"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func newRender(f *flags) *cobra.Command {
	var l listFlags
	command := &cobra.Command{
		Use:   "render REPOSITORY",
		Short: "Print the policy that the account lists require, for example for Terraform",
		Long: `Print the policy document that the account lists require for a repository. The
repository doesn't have to exist. If it has a policy, the other statements of that
policy (those whose Sid doesn't start with EcrPullPolicy) aren't printed.

Exit status:
  0  the policy was printed
  1  an error occurred, or the account lists grant nothing`,
		Example: `  ecr-pull-policy render team-a/api
  ecr-pull-policy render team-a/api --list accounts.txt > policy.json`,
		Args: exactly("REPOSITORY"),
	}
	f.registerRegistry(command.Flags())
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
		lists, err := s.readLists(command, store)
		if err != nil {
			return err
		}
		if lists.Version(repository) == "" {
			return fmt.Errorf("no account list for %s can be used, so there is no policy to print", repository)
		}
		change, err := s.Standard.Merge(policy.Document{}, lists.Listed(repository))
		if err != nil {
			return fmt.Errorf("build policy of %s: %w", repository, err)
		}
		if change.Document == "" {
			return fmt.Errorf("the account lists grant nothing on %s, so there is no policy to print", repository)
		}
		if !s.Scope.Contains(repository) {
			fmt.Fprintf(f.notes(), "note: %s is out of scope, so the stack doesn't change its policy\n", repository)
		}
		_, err = command.OutOrStdout().Write(indent(change.Document))
		return err
	}
	return command
}

// indent formats a policy, with short lists on one line.
func indent(document string) []byte {
	return pretty.PrettyOptions([]byte(document), &pretty.Options{Indent: "  ", Width: 100})
}
