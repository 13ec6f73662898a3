package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/trigger"
)

// How many repositories are written between two looks whether to go on. The lists are read once for all of them.
const batchSize = 20

func newApply(f *flags) *cobra.Command {
	var l listFlags
	var each, yes bool
	command := &cobra.Command{
		Use:   "apply",
		Short: "Do what plan shows",
		Long: `Show the plan, ask, and write the policies as the functions do. Needs what plan needs,
ecr:SetRepositoryPolicy and ecr:DeleteRepositoryPolicy. A stack whose Mode is observe is
not written to, unless --mode enforce says so.

Ctrl-C stops after the repositories that are being written; run it again to go on. A
second Ctrl-C stops at once.

Exit status: 0 all is done, or you said no, 1 something failed, 130 interrupted.`,
		Example: `  ecr-pull-policy apply
  ecr-pull-policy apply --yes --include 'team-a/**'`,
		Args: cobra.NoArgs,
	}
	f.registerRepositories(command.Flags())
	f.register(command.Flags(), "mode")
	l.register(command)
	command.Flags().BoolVar(&each, "all", false, "show each repository, even if many change or fail alike")
	command.Flags().BoolVarP(&yes, "yes", "y", false, "don't ask")
	command.RunE = func(command *cobra.Command, _ []string) error {
		if !yes && !isTerminal(command.InOrStdin()) {
			return errors.New("nobody to ask: the standard input is no terminal; say --yes to go ahead")
		}
		s, store, err := l.connect(command, f)
		if err != nil {
			return err
		}
		s.introduce(command.OutOrStdout())
		if s.Observe {
			return errors.New("the mode is observe, so nothing is written: deploy the stack with Mode=enforce, or say --mode enforce to write all the same")
		}
		planned, usable, err := s.plan(command, store, each)
		if err != nil {
			return err
		}
		names := changing(planned)
		if len(names) > 0 {
			if l.given(command) {
				fmt.Fprintf(command.ErrOrStderr(), "A stack that is deployed follows %s, and undoes what differs from it.\n", s.ListName)
			}
			if err := s.write(command, store, names, each, yes); err != nil {
				return err
			}
		}
		if count(planned)[plan.Failed] > 0 || !usable {
			return exit(exitFailed)
		}
		return nil
	}
	return command
}

// write asks whether to write, unless that was said, and does it. A no is no error.
func (s *session) write(command *cobra.Command, store *accountlist.Store, names []string, each, yes bool) error {
	if !yes {
		agreed, err := confirm(command, fmt.Sprintf("Write the policies of %s in %s, %s?",
			repositories(len(names)), s.Standard.Registry.AccountID, s.Standard.Registry.Region))
		if err != nil {
			return err
		}
		if !agreed {
			fmt.Fprintln(command.ErrOrStderr(), "Nothing was written.")
			return nil
		}
	}
	return s.apply(command, store, names, each)
}

func changing(planned []plan.Repository) []string {
	var names []string
	for _, one := range planned {
		if one.Outcome == plan.Change {
			names = append(names, one.Name)
		}
	}
	return names
}

// apply brings the repositories to the standard policy, and says what became of them.
func (s *session) apply(command *cobra.Command, store *accountlist.Store, names []string, each bool) error {
	reconciler := &reconcile.Reconciler{
		Lists:    store,
		Policies: registry.NewPolicies(ecr.NewFromConfig(s.config)),
		Standard: s.Standard,
		Scope:    s.Scope,
	}
	a := &application{
		results:  map[string]reconcile.Result{},
		progress: newProgress(command.ErrOrStderr(), len(names), "writing policies"),
	}
	ctx := command.Context()
	defer context.AfterFunc(ctx, func() {
		fmt.Fprintln(command.ErrOrStderr(), "\nstopping after the repositories that are being written; again: at once")
	})()
	left, err := a.run(ctx, reconciler, names)
	_ = a.progress.Finish()
	a.tell(newReport(command.OutOrStdout()), each)
	switch {
	case err != nil:
		return err
	case len(left) > 0:
		fmt.Fprintf(command.OutOrStdout(), "interrupted: %s left: %s; run apply again to go on\n", repositories(len(left)), some(left))
		return exit(exitInterrupted)
	case a.failed():
		return exit(exitFailed)
	}
	return nil
}

// application is what became of repositories so far. It is a reconcile.Reporter.
type application struct {
	results  map[string]reconcile.Result
	progress *progressbar.ProgressBar
}

// run reconciles the repositories, batch by batch. When the context ends, it finishes the batch that it is at, and
// returns what is left.
func (a *application) run(ctx context.Context, reconciler *reconcile.Reconciler, names []string) (left []string, err error) {
	for batch := range slices.Chunk(names, batchSize) {
		if ctx.Err() != nil {
			return names[len(a.results):], nil
		}
		err := reconciler.Run(context.WithoutCancel(ctx), trigger.Repositories{Kind: "apply", Names: batch}, a)
		if err != nil && !a.explains(batch) {
			return nil, err
		}
	}
	return nil, nil
}

// explains tells whether the error of a batch is that of repositories, which is told with them.
func (a *application) explains(batch []string) bool {
	return slices.ContainsFunc(batch, func(name string) bool { return a.results[name].Outcome == reconcile.Failed })
}

// Repository keeps the newest result of a repository.
func (a *application) Repository(_ context.Context, result reconcile.Result) {
	if _, again := a.results[result.Repository]; !again {
		_ = a.progress.Add(1)
	}
	a.results[result.Repository] = result
}

// Unusable has nothing to say: the plan has told it.
func (a *application) Unusable(context.Context, accountlist.List) {}

func (a *application) failed() bool {
	for _, result := range a.results {
		if result.Outcome == reconcile.Failed {
			return true
		}
	}
	return false
}

// tell writes what failed, which consumers ECR rejects, and the totals.
func (a *application) tell(r *report, each bool) {
	var failed []failure
	counts := map[reconcile.Outcome]int{}
	for _, name := range slices.Sorted(maps.Keys(a.results)) {
		result := a.results[name]
		counts[result.Outcome]++
		if result.Outcome == reconcile.Failed {
			failed = append(failed, failure{name, result.Err})
		}
	}
	r.failures(failed, each)
	var said []string
	for _, outcome := range reconcile.Outcomes() {
		if n := counts[outcome]; n > 0 {
			said = append(said, fmt.Sprintf("%d %s", n, outcome))
		}
	}
	if len(said) > 0 {
		fmt.Fprintf(r.out, "%s %s\n", r.bold.Sprint("applied:"), strings.Join(said, ", "))
	}
}
