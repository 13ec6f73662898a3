package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

func newPlan(f *flags) *cobra.Command {
	var l listFlags
	var all bool
	var file string
	command := &cobra.Command{
		Use:   "plan [REPOSITORY|PATTERN]...",
		Short: "Show what the account lists would change",
		Long: `Show the consumers (accounts, roles, users, and organizations) and actions that the
account lists would add to or remove from the policy of each repository. plan writes
nothing.

To plan only some repositories, pass their names or patterns: * matches within one path
segment, and ** matches any number of segments. Names, patterns, --include, and
--exclude narrow the scope of the stack and never widen it. Each must match a repository.

With --out, plan also saves the plan to a file that only you can read. apply FILE writes
what the plan shows, or nothing if a list, a setting, or one of the policies has changed.

To preview a list before you write it to SSM, use --list. For the namespace list
/ecr-pull-policy/accounts/team-a, pass --list team-a=FILE. All other lists are those in
SSM.

If the PolicyLevel of the stack is registry, plan also shows the registry policy. After a
change of the level, it shows the removal of the statements of the other level.

Required permissions: cloudformation:DescribeStacks, ecr:DescribeRepositories,
ecr:GetRepositoryPolicy, ssm:GetParameters, ssm:GetParametersByPath, and
ssm:GetParameterHistory. With ecr:GetRegistryPolicy, plan also reports statements of the
registry policy that deny consumers a pull. The policy level registry requires it.

Exit status:
  0  no policy would change
  1  an error occurred, an account list can't be used, or ECR will reject the change of a
     repository, which plan shows as blocked
  2  policies would change`,
		Example: `  ecr-pull-policy plan
  ecr-pull-policy plan team-a/api 'team-b/**'
  ecr-pull-policy plan --accounts 111111111111,222222222222
  ecr-pull-policy plan --list accounts.txt --list team-a=team-a.txt --all
  ecr-pull-policy plan --out plan.json`,
	}
	f.registerRepositories(command.Flags())
	l.register(command)
	f.register(command.Flags(), removeDead)
	command.Flags().BoolVar(&all, "all", false, "show each repository separately, even if many change or fail in the same way")
	command.Flags().StringVar(&file, "out", "", "`FILE` to save the plan to, so that apply FILE applies it")
	output := registerFormat(command)
	command.RunE = func(command *cobra.Command, args []string) error {
		f.repositories = args
		stackNeed := stackOptional
		if command.Flags().Changed("out") {
			stackNeed = stackRequired
		}
		if file == "-" {
			return errors.New("--out -: a plan can't be saved to standard output; specify a file")
		}
		s, store, err := l.connect(command, f, stackNeed)
		if err != nil {
			return err
		}
		if *output == textFormat {
			s.writeHeader(command.OutOrStdout())
		}
		p, err := s.plan(command, store)
		if err != nil {
			return err
		}
		if *output == textFormat {
			r := s.newReport(command.OutOrStdout())
			r.plan(p, all)
			r.hint()
		} else if err := writeJSON(command.OutOrStdout(), s.planJSON(p)); err != nil {
			return err
		}
		if command.Flags().Changed("out") {
			if err := s.save(file, p); err != nil {
				return err
			}
		}
		switch {
		case p.incomplete():
			return exit(exitFailed)
		case p.changes():
			return exit(exitChanges)
		}
		return nil
	}
	return command
}

// planned is a plan of the selected repositories.
type planned struct {
	lists        accountlist.Snapshot
	registry     *plan.Repository  // the registry policy; nil if the plan isn't about it
	marks        bool              // the registry policy is written again, to mark it
	repositories []plan.Repository // in scope
	outOfScope   int
}

// incomplete reports whether a repository can't be planned or changed, or the newest version of a list can't be used.
func (p planned) incomplete() bool {
	counts := count(p.repositories)
	return counts[plan.Failed]+counts[plan.Blocked] > 0 || len(p.lists.Unusable()) > 0
}

// changes reports whether any policy would change.
func (p planned) changes() bool { return p.changesRegistry() || count(p.repositories)[plan.Change] > 0 }

func (p planned) changesRegistry() bool {
	return p.registry != nil && p.registry.Outcome == plan.Change
}

// policies returns the policies that would change, as a phrase.
func (p planned) policies() string {
	n := count(p.repositories)[plan.Change]
	switch {
	case !p.changesRegistry():
		return phrase.Repositories(n)
	case n == 0:
		return "the registry policy"
	}
	return "the registry policy and " + phrase.Repositories(n)
}

// blockedNote returns a sentence about the repositories that would change, but can't, or "".
func (p planned) blockedNote() string {
	n := count(p.repositories)[plan.Blocked]
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" The changes of %s are blocked and won't be made.", phrase.Count(n, "other repository", "other repositories"))
}

// plan plans the registry policy and the selected repositories in scope.
func (s *session) plan(command *cobra.Command, store *parameterstore.Store) (p planned, err error) {
	lists, names, outOfScope, err := s.read(command, store)
	if err != nil {
		return p, err
	}
	p, err = s.planOf(command, lists, names)
	p.outOfScope = outOfScope
	return p, err
}

// planOf plans the registry policy and repositories.
func (s *session) planOf(command *cobra.Command, lists accountlist.Snapshot, names []string) (planned, error) {
	text, statements, err := s.readRegistryPolicy(command.Context())
	isReadable := err == nil
	switch {
	case awsclient.Unanswered(err), err != nil && s.isAtRegistry():
		return planned{}, err
	case err != nil:
		fmt.Fprintf(s.flags.notes(), "note: statements of the registry policy that deny a pull aren't reported: %s\n", awsclient.ErrorText(err))
	}
	p := planned{lists: lists}
	planner := s.planner(statements)
	if isReadable {
		if p.registry, planner.Other, err = s.planRegistry(planner, text, lists); err != nil {
			return planned{}, err
		}
	}
	progress := newProgress(s.flags.progress(), len(names), "reading policies")
	p.repositories, err = planner.Plan(command.Context(), lists, names, func() { _ = progress.Add(1) })
	_ = progress.Finish()
	if err != nil || !isReadable {
		return p, err
	}
	return p, s.planMark(&p, planner, text)
}

func (s *session) planner(registryPolicy iampolicy.Document) *plan.Planner {
	return &plan.Planner{Policies: s.policies(), Standard: s.Standard, RemoveDeletedPrincipals: s.flags.removeDead, RegistryPolicy: registryPolicy.Statements}
}

// registryPolicy reads the policy of the registry. It returns the error of a document that can't be read with the
// document too.
func (s *session) registryPolicy(ctx context.Context) (iampolicy.Document, error) {
	_, d, err := s.readRegistryPolicy(ctx)
	return d, err
}

func (s *session) readRegistryPolicy(ctx context.Context) (text string, d iampolicy.Document, err error) {
	d.Name = "registry policy"
	text, err = registry.Policy(ctx, ecr.NewFromConfig(s.config))
	if err == nil && text != "" {
		if d.Statements, err = iampolicy.Read(text); err != nil {
			err = fmt.Errorf("read registry policy: %w", err)
		}
	}
	d.Err = err
	return text, d, err
}

// read reads the lists, and the names of the selected repositories in scope.
func (s *session) read(command *cobra.Command, store *parameterstore.Store) (lists accountlist.Snapshot, names []string, outOfScope int, err error) {
	if lists, err = s.readLists(command, store); err != nil {
		return lists, nil, 0, err
	}
	if names, outOfScope, err = s.repositories(command.Context()); err != nil {
		return lists, nil, 0, err
	}
	for _, list := range s.lists {
		applies := func(name string) bool { return slices.Contains(accountlist.Path(s.ListName, name), list.name) }
		if !slices.ContainsFunc(names, applies) {
			fmt.Fprintf(command.ErrOrStderr(), "warning: %s applies to none of the selected repositories in scope; check the namespace\n", list.source)
		}
	}
	return lists, names, outOfScope, nil
}
