package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tidwall/pretty"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func newRender(f *flags) *cobra.Command {
	var l listFlags
	var ofRegistry bool
	command := &cobra.Command{
		Use:   "render REPOSITORY | --registry-policy",
		Short: "Print the policy that the account lists require, for example for Terraform",
		Long: `Print the policy document that the account lists require for a repository. The
repository doesn't have to exist. If it has a policy, the other statements of that
policy (those whose Sid doesn't start with EcrPullPolicy) aren't printed.

If the PolicyLevel of the stack is registry, the policies of repositories have only the
statements for Lambda. To print the registry policy, use --registry-policy.

Exit status:
  0  the policy was printed
  1  an error occurred, or the account lists grant nothing`,
		Example: `  ecr-pull-policy render team-a/api
  ecr-pull-policy render team-a/api --list accounts.txt > policy.json`,
	}
	command.Args = func(command *cobra.Command, args []string) error {
		if ofRegistry {
			return exactly()(command, args)
		}
		return exactly("REPOSITORY")(command, args)
	}
	f.registerRegistry(command.Flags())
	l.register(command)
	command.Flags().BoolVar(&ofRegistry, "registry-policy", false, "print the registry policy instead of that of a repository")
	command.RunE = func(command *cobra.Command, args []string) error {
		if ofRegistry {
			return renderRegistry(command, f, l)
		}
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
		if s.isAtRegistry() {
			if _, _, err := s.planner(iampolicy.Document{}).PlanRegistry("", lists); err != nil { // which the stack refuses, too
				return err
			}
		}
		change, err := s.Standard.Merge(policy.Document{}, lists.Listed(repository))
		if err != nil {
			return fmt.Errorf("build policy of %s: %w", repository, err)
		}
		if change.Document == "" && s.isAtRegistry() {
			return fmt.Errorf("at the policy level %s, the registry policy grants on %s, and the repository has no policy; to print the registry policy, run: %s render --registry-policy",
				policy.LevelRegistry, repository, f.program)
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

// renderRegistry prints the registry policy that the lists require.
func renderRegistry(command *cobra.Command, f *flags, l listFlags) error {
	s, store, err := l.connect(command, f, stackOptional)
	switch {
	case err != nil:
		return err
	case !s.isAtRegistry():
		return fmt.Errorf("the policy level is %s, so the account lists require no registry policy; pass --%s %s to print the one for that level", policy.LevelRepository, policyLevel, policy.LevelRegistry)
	}
	lists, err := s.readLists(command, store)
	if err != nil {
		return err
	}
	_, document, err := s.planner(iampolicy.Document{}).PlanRegistry("", lists)
	switch {
	case err != nil:
		return err
	case document.String() == "":
		return errors.New("the account lists grant nothing, so there is no registry policy to print")
	}
	_, err = command.OutOrStdout().Write(indent(document.String()))
	return err
}

// indent formats a policy, with short lists on one line.
func indent(document string) []byte {
	return pretty.PrettyOptions([]byte(document), &pretty.Options{Indent: "  ", Width: 100})
}
