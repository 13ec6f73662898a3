package main

import (
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

func newPlan(f *flags) *cobra.Command {
	var l listFlags
	var each bool
	command := &cobra.Command{
		Use:   "plan",
		Short: "Show what the lists would change, and write nothing",
		Long: `Show, repository by repository, which consumers and actions the lists would add and
remove. Writes nothing; needs ecr:DescribeRepositories, ecr:GetRepositoryPolicy,
ssm:GetParameters, ssm:GetParametersByPath, ssm:GetParameterHistory and
cloudformation:DescribeStacks.

Exit status: 0 nothing to do, 2 changes, 1 an error, or a list that can't be used.`,
		Example: `  ecr-pull-policy plan
  ecr-pull-policy plan --accounts 111111111111,222222222222
  ecr-pull-policy plan --list accounts.txt --all --region eu-west-1`,
		Args: cobra.NoArgs,
	}
	f.registerRepositories(command.Flags())
	l.register(command)
	command.Flags().BoolVar(&each, "all", false, "show each repository, even if many change or fail alike")
	command.RunE = func(command *cobra.Command, _ []string) error {
		s, store, err := l.connect(command, f)
		if err != nil {
			return err
		}
		s.introduce(command.OutOrStdout())
		planned, usable, err := s.plan(command, store, each)
		if err != nil {
			return err
		}
		switch counts := count(planned); {
		case counts[plan.Failed] > 0 || !usable:
			return exit(exitFailed)
		case counts[plan.Change] > 0:
			return exit(exitChanges)
		}
		return nil
	}
	return command
}

// plan plans all repositories in scope, and shows the plan. It tells whether all lists can be used as they are now.
func (s *session) plan(command *cobra.Command, store *accountlist.Store, each bool) (planned []plan.Repository, usable bool, err error) {
	ctx := command.Context()
	lists, err := readLists(command, store)
	if err != nil {
		return nil, false, err
	}
	names, outOfScope, err := s.repositories(ctx)
	if err != nil {
		return nil, false, err
	}
	progress := newProgress(command.ErrOrStderr(), len(names), "reading policies")
	planner := &plan.Planner{Policies: registry.NewPolicies(ecr.NewFromConfig(s.config)), Standard: s.Standard}
	planned, err = planner.Plan(ctx, lists, names, func() { _ = progress.Add(1) })
	_ = progress.Finish()
	if err != nil {
		return nil, false, err
	}
	newReport(command.OutOrStdout()).plan(planned, outOfScope, each)
	return planned, len(lists.Unusable()) == 0, nil
}
