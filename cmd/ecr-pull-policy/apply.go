package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

func newApply(f *flags) *cobra.Command {
	var l listFlags
	var each, yes bool
	command := &cobra.Command{
		Use:   "apply",
		Short: "Change the policies as plan shows",
		Long: `Show the plan, ask for confirmation, and write the policies as the functions do. With
--yes, write the policies at once and show what has changed.

Required permissions: those of plan, ecr:SetRepositoryPolicy and
ecr:DeleteRepositoryPolicy. If the Mode of the stack is observe, apply writes nothing
unless you pass --mode enforce.

Press Ctrl-C to stop after the repositories that are being written, and run apply again
to continue. Press it twice to stop at once.

Exit status:
    0  the repositories in scope follow the account lists, or you didn't confirm;
       a principal that doesn't exist is reported and doesn't change the status
    1  an error occurred, a repository failed, or a list can't be used
  130  interrupted`,
		Example: `  ecr-pull-policy apply
  ecr-pull-policy apply --yes --include 'team-a/**'`,
		Args: cobra.NoArgs,
	}
	f.registerRepositories(command.Flags())
	f.register(command.Flags(), "mode")
	l.register(command)
	command.Flags().BoolVar(&each, "all", false, "show every repository, even if many change or fail in the same way")
	command.Flags().BoolVarP(&yes, "yes", "y", false, "don't ask for confirmation")
	command.RunE = func(command *cobra.Command, _ []string) error {
		if !yes && !isTerminal(command.InOrStdin()) {
			return errors.New("can't ask for confirmation because standard input isn't a terminal; pass --yes to skip it")
		}
		s, store, err := l.connect(command, f, stackRequired)
		if err != nil {
			return err
		}
		s.introduce(command.OutOrStdout())
		if s.Observe {
			return errors.New("the mode is observe, so nothing is written: deploy the stack with Mode=enforce, or pass --mode enforce to write anyway")
		}
		if l.given(command) && s.Stack != "" {
			fmt.Fprintf(command.ErrOrStderr(), "The stack follows %s and will undo what differs from it.\n", s.ListName)
		}
		if yes {
			return s.applyAll(command, store, each)
		}
		return s.applyPlan(command, store, each)
	}
	return command
}

// applyAll applies the lists to all repositories in scope, and shows what has changed.
func (s *session) applyAll(command *cobra.Command, store *parameterstore.Store, each bool) error {
	lists, names, outOfScope, err := s.read(command, store)
	if err != nil {
		return err
	}
	err = s.apply(command, &knownLists{Store: store, known: &lists}, names, func(a *application) {
		r := newReport(command.OutOrStdout())
		r.changes(a.planned(), each)
		r.applied(a.results, outOfScope, each)
	})
	if err == nil && len(lists.Unusable()) > 0 {
		return exit(exitFailed)
	}
	return err
}

// applyPlan shows the plan, asks, and applies the lists to the repositories that would change.
func (s *session) applyPlan(command *cobra.Command, store *parameterstore.Store, each bool) error {
	planned, usable, err := s.plan(command, store, each)
	if err != nil {
		return err
	}
	if names := changing(planned); len(names) > 0 {
		agreed, err := confirm(command, fmt.Sprintf("Write the policies of %s in %s, %s?",
			repositories(len(names)), s.Standard.Registry.AccountID, s.Standard.Registry.Region))
		switch {
		case err != nil:
			return err
		case agreed:
			err = s.apply(command, store, names, func(a *application) { newReport(command.OutOrStdout()).applied(a.results, 0, each) })
		default:
			fmt.Fprintln(command.ErrOrStderr(), "Nothing was written.")
		}
		if err != nil {
			return err
		}
	}
	if count(planned)[plan.Failed] > 0 || !usable {
		return exit(exitFailed)
	}
	return nil
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

// apply applies the lists to the repositories, and reports the results. If it is interrupted or AWS doesn't answer, it
// finishes what it has begun.
func (s *session) apply(command *cobra.Command, lists reconcile.Lists, names []string, report func(*application)) error {
	ctx, stop := context.WithCancelCause(command.Context())
	defer stop(nil)
	defer context.AfterFunc(command.Context(), func() {
		fmt.Fprintln(command.ErrOrStderr(), "\nstopping after the repositories that are being written; press Ctrl-C again to stop at once")
	})()
	progress := newProgress(command.ErrOrStderr(), len(names), "applying policies")
	asked := &finishedLists{lists: lists}
	a := &application{standard: s.Standard, results: map[string]reconcile.Result{}}
	err := (&reconcile.Reconciler{
		Lists: asked,
		Policies: &finishedPolicies{
			policies: registry.NewPolicies(ecr.NewFromConfig(s.config)),
			read:     func() { _ = progress.Add(1) },
			silent:   stop,
		},
		Standard: s.Standard,
		Scope:    s.Scope,
	}).Run(ctx, event.Repositories{Trigger: "apply", Names: names}, a)
	_ = progress.Finish()
	report(a)

	var unfinished *reconcile.Unfinished
	left := 0
	if errors.As(err, &unfinished) {
		left = len(unfinished.Repositories)
	}
	switch cause := context.Cause(ctx); {
	case asked.err != nil:
		return asked.err
	case awsclient.Unanswered(cause):
		return fmt.Errorf("%w; %s left: run apply again to continue", cause, repositories(left))
	case left > 0:
		fmt.Fprintf(command.OutOrStdout(), "interrupted: %s left: %s; run apply again to continue\n", repositories(left), some(unfinished.Repositories))
		return exit(exitInterrupted)
	case err != nil && !a.explains(err):
		return err
	case a.failed():
		return exit(exitFailed)
	}
	return nil
}

// knownLists are account lists that have been read: a run begins with what was read.
type knownLists struct {
	*parameterstore.Store
	known *accountlist.Snapshot
}

func (l *knownLists) Read(ctx context.Context, repositories []string) (accountlist.Snapshot, error) {
	if known := l.known; known != nil {
		l.known = nil
		return *known, nil
	}
	return l.Store.Read(ctx, repositories)
}

// finishedLists are account lists that are read even if the context ends: what was written by then has to be checked. They
// keep the last error.
type finishedLists struct {
	lists reconcile.Lists
	err   error
}

func (l *finishedLists) Read(ctx context.Context, repositories []string) (lists accountlist.Snapshot, err error) {
	lists, l.err = l.lists.Read(context.WithoutCancel(ctx), repositories)
	return lists, l.err
}

func (l *finishedLists) Changed(ctx context.Context, since accountlist.Snapshot) (moved bool, err error) {
	moved, l.err = l.lists.Changed(context.WithoutCancel(ctx), since)
	return moved, l.err
}

// finishedPolicies are repository policies whose calls end even if the context does: a repository that was begun is finished.
type finishedPolicies struct {
	policies reconcile.Policies
	read     func()      // is called after each read
	silent   func(error) // is called with the error of a call that got no answer
}

func (p *finishedPolicies) Policy(ctx context.Context, repository string) (string, error) {
	defer p.read()
	document, err := p.policies.Policy(context.WithoutCancel(ctx), repository)
	return document, p.answered(err)
}

func (p *finishedPolicies) SetPolicy(ctx context.Context, repository, document string) error {
	return p.answered(p.policies.SetPolicy(context.WithoutCancel(ctx), repository, document))
}

func (p *finishedPolicies) DeletePolicy(ctx context.Context, repository string) error {
	return p.answered(p.policies.DeletePolicy(context.WithoutCancel(ctx), repository))
}

func (p *finishedPolicies) answered(err error) error {
	if awsclient.Unanswered(err) {
		p.silent(err)
	}
	return err
}
