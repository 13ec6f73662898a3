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

Exit status: 0 nothing to do, 2 changes, 1 error.`,
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
		planned, err := s.plan(command, store, each)
		if err != nil {
			return err
		}
		switch counts := count(planned); {
		case counts[plan.Failed] > 0:
			return exit(exitFailed)
		case counts[plan.Change] > 0:
			return exit(exitChanges)
		}
		return nil
	}
	return command
}

// plan plans all repositories in scope, and shows the plan.
func (s *session) plan(command *cobra.Command, store *accountlist.Store, each bool) ([]plan.Repository, error) {
	ctx := command.Context()
	lists, err := readLists(command, store)
	if err != nil {
		return nil, err
	}
	names, outOfScope, err := s.repositories(ctx)
	if err != nil {
		return nil, err
	}
	progress := newProgress(command.ErrOrStderr(), len(names), "reading policies")
	planner := &plan.Planner{Policies: registry.NewPolicies(ecr.NewFromConfig(s.config)), Standard: s.Standard}
	planned, err := planner.Plan(ctx, lists, names, func() { _ = progress.Add(1) })
	_ = progress.Finish()
	if err != nil {
		return nil, err
	}
	newReport(command.OutOrStdout()).plan(planned, outOfScope, each)
	return planned, nil
}
