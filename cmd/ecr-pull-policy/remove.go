package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func newRemove(f *flags) *cobra.Command {
	var all, outOfScope, ofRegistry, yes bool
	command := &cobra.Command{
		Use:   "remove [REPOSITORY|PATTERN]...",
		Short: "Remove the managed statements from policies",
		Long: `Remove the managed statements from the policies of repositories, so that the consumers in the account lists can no
longer pull from them. remove shows the changes and asks for confirmation. It deletes policies in which no statement
remains. It doesn't change unmanaged statements unless you pass --remove-dead-principals.

Pass the names or patterns of the repositories, as for plan. To select all repositories that aren't in the scope of the
stack, for example after you changed Include or Exclude, pass --out-of-scope. To remove the managed statements from the
registry policy, which grants access if PolicyLevel is registry, pass --registry-policy. To select all repositories and
the registry policy, pass --all.

A stack in mode enforce restores the managed statements of the repositories in its scope, so remove fails for these
repositories. Before you remove the statements, change the scope or the mode of the stack, or delete the stack. If you
deleted the stack, pass --stack ''.

Required permissions: cloudformation:DescribeStacks, ecr:DescribeRepositories, ecr:GetRepositoryPolicy,
ecr:SetRepositoryPolicy, and ecr:DeleteRepositoryPolicy. For the registry policy: ecr:GetRegistryPolicy,
ecr:PutRegistryPolicy, and ecr:DeleteRegistryPolicy.

To finish the repositories in progress and stop, press Ctrl-C. To stop immediately, press it again. To continue, run
remove again.

Exit status:
    0  the repositories have no managed statements, or you didn't confirm the changes
    1  an error occurred, or a repository couldn't be updated
  130  remove was interrupted`,
		Example: `  ecr-pull-policy remove team-a/api 'team-b/**'
  ecr-pull-policy remove --out-of-scope
  ecr-pull-policy remove --all --stack ''`,
	}
	f.register(command.Flags(), "region", "profile", "stack", "include", "exclude", removeDead)
	command.Flags().BoolVar(&all, "all", false, "remove the managed statements from all repositories and from the registry policy")
	command.Flags().BoolVar(&ofRegistry, "registry-policy", false, "remove the managed statements from the registry policy")
	command.Flags().BoolVar(&outOfScope, "out-of-scope", false, "remove the managed statements only from repositories that aren't in the scope of the stack")
	command.Flags().BoolVarP(&yes, "yes", "y", false, "don't ask for confirmation")
	command.RunE = func(command *cobra.Command, args []string) error {
		f.repositories = args
		narrowed := len(args) > 0 || f.given("include")
		switch {
		case all && (narrowed || outOfScope):
			return errors.New("--all can't be combined with names, patterns, --include, or --out-of-scope; leave it out to select only these repositories")
		case !all && !narrowed && !outOfScope && !ofRegistry:
			return errors.New("no repositories are selected; pass names or patterns, --out-of-scope, --registry-policy, or --all")
		case outOfScope && f.stack == "":
			return errors.New("--out-of-scope requires a stack, because its parameters Include and Exclude specify the scope; specify the stack with --stack")
		}
		if err := canConfirm(command, yes); err != nil {
			return err
		}
		s, err := connect(command, f, stackRequired)
		if err != nil {
			return err
		}
		s.whole, s.keepsRegistry = true, !all && !ofRegistry
		if !s.keepsRegistry && s.isAtRegistry() && s.Stack != "" && !s.Observe {
			return fmt.Errorf("stack %s would restore the managed statements of the registry policy; deploy it with PolicyLevel=%s or Mode=observe, or delete it with make delete; "+
				"to remove the statements even so, pass --stack ''", s.Stack, policy.LevelRepository)
		}
		s.Standard.Level = policy.LevelRepository // nothing is granted at either level
		var names []string
		if all || narrowed || outOfScope {
			if names, err = s.removable(command.Context(), outOfScope); err != nil {
				return err
			}
		}
		if !s.flags.quiet {
			fmt.Fprintf(command.OutOrStdout(), "registry %s in %s\n\n", s.Standard.Registry.AccountID, s.Standard.Registry.Region)
		}
		return s.remove(command, names, yes)
	}
	return command
}

// removable returns the selected repositories. It fails if the stack would restore their managed statements.
func (s *session) removable(ctx context.Context, outOfScope bool) ([]string, error) {
	names, err := s.selected(ctx)
	if err != nil {
		return nil, err
	}
	inScope := func(name string) bool { return s.Scope.Contains(name) }
	names = slices.DeleteFunc(names, func(name string) bool { return s.Stack == "" && !inScope(name) }) // a stack's own repository
	if outOfScope {
		return slices.DeleteFunc(names, inScope), nil
	}
	if s.Stack == "" || s.Observe {
		return names, nil
	}
	restored := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !inScope(name) })
	if len(restored) > 0 {
		return nil, fmt.Errorf("stack %s would restore the managed statements of %s in its scope (%s); exclude them with its parameter Exclude, deploy it with Mode=observe, "+
			"or delete it with make delete; to remove the statements even so, pass --stack ''", s.Stack, phrase.Repositories(len(restored)), phrase.Some(restored))
	}
	return names, nil
}

// remove removes the managed statements from repositories. Unless yes is set, it shows the changes first, and asks for
// confirmation.
func (s *session) remove(command *cobra.Command, names []string, yes bool) error {
	everything, err := scope.New([]string{"**"}, nil)
	if err != nil {
		return err
	}
	s.Scope = everything
	lists := revokingLists(accountlist.Revoking(s.ListName, names))
	r := s.newReport(command.OutOrStdout())
	var t *transfer
	if !s.keepsRegistry {
		t = &transfer{session: s, own: s.ownPolicy(), lists: lists, removes: true}
	}
	if yes {
		return s.apply(command, lists, s.policies(), names, t, func(a *application) {
			r.changes(a.planned(), plan.Change, false)
			r.applied(a.results, 0, false)
		})
	}
	p, err := s.planOf(command, accountlist.Snapshot(lists), names)
	if err != nil {
		return err
	}
	r.plan(p, false)
	question := fmt.Sprintf("Do you want to remove the managed statements from %s in %s, %s? Consumers can then no longer pull.%s",
		p.policies(), s.Standard.Registry.AccountID, s.Standard.Registry.Region, p.blockedNote())
	return s.applyConfirmed(command, lists, p, t, question, "Remove canceled. Nothing was written.", func(a *application) { r.applied(a.results, 0, false) })
}

// revokingLists are account lists that grant nothing and never change.
type revokingLists accountlist.Snapshot

func (l revokingLists) Read(context.Context, []string) (accountlist.Snapshot, error) {
	return accountlist.Snapshot(l), nil
}

func (l revokingLists) ReadAll(context.Context) (accountlist.Snapshot, error) {
	return accountlist.Snapshot(l), nil
}

func (revokingLists) Changed(context.Context, accountlist.Snapshot) (bool, error) { return false, nil }
