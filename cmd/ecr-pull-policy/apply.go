package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
)

func newApply(f *flags) *cobra.Command {
	var l listFlags
	var all, yes bool
	command := &cobra.Command{
		Use:   "apply [FILE | REPOSITORY|PATTERN...]",
		Short: "Write the policies that plan shows",
		Long: `Show the plan, ask for confirmation, and write the policies. With --yes, apply doesn't
ask: it writes the policies and then shows the changes. Names and patterns select
repositories as for plan.

If the only argument is a file that plan --out saved, apply writes what that plan shows,
without asking. If a list, a setting, or one of the policies has changed since, apply
names the changes and writes nothing. If apply was interrupted, pass the file again.

If the Mode of the stack is observe, apply fails unless you pass --mode enforce.

After the PolicyLevel of the stack was changed, apply moves the grants: it writes the policies
of the new level, reads them back, compares what they grant, and then removes the managed
statements of the other level. To move all of them, pass no names and patterns.

As long as an unmanaged statement names a deleted role or user by its ID (AROA…, AIDA…), ECR
rejects every change of the policy. With --remove-dead-principals, apply also removes these IDs.
It removes nothing else, except statements in which no other principal is left. It doesn't
change statements with NotPrincipal. Before it writes a policy, it appends the original to a
new file in the current directory.

Required permissions: the permissions of plan, ecr:SetRepositoryPolicy, and
ecr:DeleteRepositoryPolicy. If the policy level is registry or was changed:
ecr:GetRegistryPolicy, ecr:PutRegistryPolicy, and ecr:DeleteRegistryPolicy.

To finish the repositories in progress and stop, press Ctrl-C. To stop immediately, press it
again. To continue, run apply again.

Exit status:
    0  the policies are up to date, or you didn't confirm the changes;
       principals that don't exist are reported but don't change the status
    1  an error occurred, a repository couldn't be updated, the change of a repository is
       blocked, or an account list can't be used
  130  apply was interrupted`,
		Example: `  ecr-pull-policy apply
  ecr-pull-policy apply plan.json
  ecr-pull-policy apply --yes team-a/api 'team-b/**'`,
	}
	f.registerRepositories(command.Flags())
	f.register(command.Flags(), "mode", removeDead)
	l.register(command)
	command.Flags().BoolVar(&all, "all", false, "show each repository separately, even if many change or fail in the same way")
	command.Flags().BoolVarP(&yes, "yes", "y", false, "don't ask for confirmation")
	command.RunE = func(command *cobra.Command, args []string) error {
		saved, isPlan, err := loadPlan(args)
		switch {
		case err != nil:
			return err
		case isPlan:
			return applySaved(command, f, args[0], saved, all)
		}
		f.repositories = args
		if err := canConfirm(command, yes); err != nil {
			return err
		}
		s, store, err := l.connect(command, f, stackRequired)
		if err != nil {
			return err
		}
		s.writeHeader(command.OutOrStdout())
		if err := s.checkMode(command); err != nil {
			return err
		}
		if yes {
			return s.applyAll(command, store, all)
		}
		return s.applyPlan(command, store, all)
	}
	return command
}

// checkMode returns an error if the mode is observe, and warns if the stack will undo what apply writes.
func (s *session) checkMode(command *cobra.Command) error {
	if s.Observe {
		return errors.New("the mode is observe, so apply writes nothing; deploy the stack with Mode=enforce, or pass --mode enforce to override it")
	}
	if err := s.checkLevel(); err != nil {
		return err
	}
	if len(s.lists) > 0 && s.Stack != "" {
		when := "and will undo changes that differ from them"
		if s.flags.stackMode == "observe" {
			when = "once its mode is enforce, and will then undo changes that differ from them"
		}
		fmt.Fprintf(command.ErrOrStderr(), "warning: stack %s applies the lists in SSM %s\n", s.Stack, when)
	}
	return nil
}

// applyAll applies the lists to the selected repositories in scope, and shows the changes.
func (s *session) applyAll(command *cobra.Command, store *parameterstore.Store, all bool) error {
	lists, names, outOfScope, err := s.read(command, store)
	if err != nil {
		return err
	}
	t, err := s.newTransfer(command.Context(), store)
	if err != nil {
		return err
	}
	err = s.apply(command, &knownLists{Store: store, known: &lists}, s.policies(), names, t, func(a *application) {
		r := s.newReport(command.OutOrStdout())
		r.changes(a.planned(), plan.Change, all)
		r.applied(a.results, outOfScope, all)
		r.hint()
	})
	if err == nil && len(lists.Unusable()) > 0 {
		return exit(exitFailed)
	}
	return err
}

// applyPlan shows the plan, asks for confirmation, and applies the lists to the repositories that would change.
func (s *session) applyPlan(command *cobra.Command, store *parameterstore.Store, all bool) error {
	p, err := s.plan(command, store)
	if err != nil {
		return err
	}
	r := s.newReport(command.OutOrStdout())
	r.plan(p, all)
	r.hint()
	question := fmt.Sprintf("Do you want to apply these changes to %s in %s, %s?%s",
		p.policies(), s.Standard.Registry.AccountID, s.Standard.Registry.Region, p.blockedNote())
	t, err := s.newTransfer(command.Context(), store)
	if err != nil {
		return err
	}
	return s.applyConfirmed(command, store, p, t, question, "Apply canceled. Nothing was written.", func(a *application) {
		r := s.newReport(command.OutOrStdout())
		r.applied(a.results, 0, all)
		r.hint()
	})
}

// applyConfirmed asks for confirmation of a plan that has changes, and applies the lists to the repositories that would
// change.
func (s *session) applyConfirmed(command *cobra.Command, lists reconcile.Lists, p planned, t *transfer, question, canceled string, report func(*application)) error {
	if p.changes() {
		agreed, err := confirm(command, question, canceled)
		if agreed {
			err = s.apply(command, lists, s.policies(), changing(p.repositories), t, report)
		}
		if err != nil {
			return err
		}
	}
	if p.incomplete() {
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

// apply applies the lists to the repositories, and reports the results. If it is interrupted or AWS doesn't respond, it
// finishes the repositories in progress. The transfer is nil if the registry policy isn't concerned.
func (s *session) apply(command *cobra.Command, lists reconcile.Lists, policies reconcile.Policies, names []string, t *transfer, report func(*application)) error {
	defer surviveClosedPipe()()
	ctx, stop := context.WithCancelCause(command.Context())
	defer stop(nil)
	defer context.AfterFunc(command.Context(), func() {
		fmt.Fprintln(command.ErrOrStderr(), "\nStopping after the repositories in progress. Press Ctrl-C again to stop immediately.")
	})()
	progress := newProgress(s.flags.progress(), len(names), "writing policies")
	uninterrupted := &uninterruptedLists{lists: lists}
	a := newApplication(s.Standard, t)
	policies = &uninterruptedPolicies{
		policies:   policies,
		read:       func() { _ = progress.Add(1) },
		unanswered: stop,
	}
	kept := keepOriginals(policies, s.Standard.Registry, time.Now())
	if s.flags.removeDead {
		policies = kept
	}
	r := &reconcile.Reconciler{
		Lists:    uninterrupted,
		Policies: policies,
		Standard: s.Standard,
		Scope:    s.Scope,

		RemoveDeletedPrincipals: s.flags.removeDead,
		Program:                 s.flags.program,
	}
	err := t.run(ctx, r, a, func() error { return r.Run(ctx, event.Repositories{Trigger: command.Name(), Names: names}, a) })
	_ = progress.Finish()
	report(a)
	t.report(command)
	file, closeErr := kept.close()
	if file != "" {
		fmt.Fprintf(command.OutOrStdout(), "The original policies with the deleted principals are in %s.\n", file)
	}

	remaining := 0
	unfinished, ok := errors.AsType[*reconcile.Unfinished](err)
	if ok {
		remaining = len(unfinished.Repositories)
	}
	switch cause := context.Cause(ctx); {
	case awsclient.Unanswered(cause):
		return fmt.Errorf("%w; %s remaining; run %s again to continue", cause, phrase.Repositories(remaining), command.Name())
	case uninterrupted.err != nil:
		return uninterrupted.err
	case remaining > 0:
		fmt.Fprintf(command.OutOrStdout(), "interrupted: %s remaining (%s); run %s again to continue\n",
			phrase.Repositories(remaining), phrase.Some(unfinished.Repositories), command.Name())
		return exit(exitInterrupted)
	case err != nil && ctx.Err() != nil:
		fmt.Fprintf(command.OutOrStdout(), "interrupted: not all policies have been read back; run %s again to continue\n", command.Name())
		return exit(exitInterrupted)
	case err != nil && !a.explains(err):
		return err
	case closeErr != nil:
		return closeErr
	case a.failed():
		return exit(exitFailed)
	}
	return nil
}

// knownLists are account lists that have been read already. The first read of a run returns them without a call.
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

// uninterruptedLists are account lists that are read even after the context has ended, because the policies written
// until then have to be checked. They keep the last error.
type uninterruptedLists struct {
	lists reconcile.Lists
	err   error
}

func (l *uninterruptedLists) Read(ctx context.Context, repositories []string) (lists accountlist.Snapshot, err error) {
	lists, l.err = l.lists.Read(context.WithoutCancel(ctx), repositories)
	return lists, l.err
}

func (l *uninterruptedLists) Changed(ctx context.Context, since accountlist.Snapshot) (changed bool, err error) {
	changed, l.err = l.lists.Changed(context.WithoutCancel(ctx), since)
	return changed, l.err
}

// uninterruptedPolicies are repository policies whose calls the end of the context doesn't cancel, so that the
// repositories in progress are finished.
type uninterruptedPolicies struct {
	policies   reconcile.Policies
	read       func()      // called after each read
	unanswered func(error) // called with the error of a call that got no response
}

func (p *uninterruptedPolicies) Policy(ctx context.Context, repository string) (string, error) {
	defer p.read()
	document, err := p.policies.Policy(context.WithoutCancel(ctx), repository)
	return document, p.check(err)
}

func (p *uninterruptedPolicies) SetPolicy(ctx context.Context, repository, document string) error {
	return p.check(p.policies.SetPolicy(context.WithoutCancel(ctx), repository, document))
}

func (p *uninterruptedPolicies) DeletePolicy(ctx context.Context, repository string) error {
	return p.check(p.policies.DeletePolicy(context.WithoutCancel(ctx), repository))
}

func (p *uninterruptedPolicies) check(err error) error {
	if awsclient.Unanswered(err) {
		p.unanswered(err)
	}
	return err
}

// uninterruptedRegistry is the registry policy, whose calls the end of the context doesn't cancel.
type uninterruptedRegistry struct{ policy reconcile.RegistryPolicy }

func (r uninterruptedRegistry) Policy(ctx context.Context) (string, error) {
	return r.policy.Policy(context.WithoutCancel(ctx))
}

func (r uninterruptedRegistry) SetPolicy(ctx context.Context, document string) error {
	return r.policy.SetPolicy(context.WithoutCancel(ctx), document)
}

func (r uninterruptedRegistry) DeletePolicy(ctx context.Context) error {
	return r.policy.DeletePolicy(context.WithoutCancel(ctx))
}
