package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// maxTransfers is how often apply starts over because lists, policies, or the names of repositories change while it runs.
const maxTransfers = 5

func (s *session) isAtRegistry() bool { return s.Standard.Level == policy.LevelRegistry }

// leaves reports whether the policies of the other level can lose their managed statements. A list that can't be used
// prevents it, because its grants wouldn't be written anywhere.
func (s *session) leaves(lists accountlist.Snapshot) bool { return len(lists.Unusable()) == 0 }

// planRegistry plans the registry policy, and returns the one to which the policies of repositories are compared. Both
// are nil if the registry policy has nothing to do with the plan.
func (s *session) planRegistry(p *plan.Planner, text string, lists accountlist.Snapshot) (*plan.Repository, *policy.Document, error) {
	existing, err := policy.ParseRegistryDocument(text, s.Standard.Registry)
	if s.keepsRegistry {
		return nil, nil, nil
	}
	if !s.isAtRegistry() && (err != nil || !isManaged(existing)) {
		return nil, nil, nil
	}
	planned, after, err := p.PlanRegistry(text, lists)
	switch {
	case err != nil:
		return nil, nil, err
	case !s.leaves(lists):
		return &planned, nil, nil
	case !s.isAtRegistry() && s.whole:
		planned, _, err = p.PlanEmpty(text)
	}
	return &planned, &after, err
}

func isManaged(d policy.Document) bool { return len(d.Grants()) > 0 }

// planMark plans the mark of the registry policy, for which nothing else may remain to do.
func (s *session) planMark(p *planned, planner *plan.Planner, text string) error {
	isKept := slices.ContainsFunc(p.repositories, func(r plan.Repository) bool {
		return r.Unmoved || r.Outcome == plan.Failed || r.Outcome == plan.Blocked
	})
	if !s.isAtRegistry() || !s.whole || !s.leaves(p.lists) || isKept {
		return nil
	}
	if !p.changes() {
		planned, _, err := planner.PlanMark(text, p.lists)
		p.registry = &planned
		return err
	}
	if p.changesRegistry() {
		text = p.registry.After
	}
	marked, _, err := planner.PlanMark(text, p.lists)
	p.marks = marked.Outcome == plan.Change
	return err
}

// ownPolicy returns the registry policy, whose calls the end of the context doesn't cancel.
func (s *session) ownPolicy() reconcile.RegistryPolicy {
	return uninterruptedRegistry{registry.NewOwnPolicy(ecr.NewFromConfig(s.config))}
}

// calls returns the calls that write what the plan shows.
func (p planned) calls() (c callsJSON) {
	switch {
	case !p.changesRegistry():
	case p.registry.Deletes():
		c.DeleteRegistryPolicy++
	default:
		c.PutRegistryPolicy++
	}
	for _, one := range p.repositories {
		switch {
		case one.Outcome != plan.Change:
		case one.Deletes():
			c.DeleteRepositoryPolicy++
		default:
			c.SetRepositoryPolicy++
		}
	}
	if p.marks {
		c.PutRegistryPolicy++
	}
	return c
}

// String returns the calls as a phrase.
func (c callsJSON) String() string {
	var phrases []string
	for _, one := range []struct {
		operation string
		n         int
	}{
		{"PutRegistryPolicy", c.PutRegistryPolicy},
		{"DeleteRegistryPolicy", c.DeleteRegistryPolicy},
		{"SetRepositoryPolicy", c.SetRepositoryPolicy},
		{"DeleteRepositoryPolicy", c.DeleteRepositoryPolicy},
	} {
		if one.n > 0 {
			phrases = append(phrases, fmt.Sprintf("%d %s", one.n, one.operation))
		}
	}
	return strings.Join(phrases, ", ")
}

// allLists are all account lists.
type allLists interface {
	ReadAll(context.Context) (accountlist.Snapshot, error)
	Changed(ctx context.Context, since accountlist.Snapshot) (bool, error)
}

// transfer keeps the registry policy while the lists are applied to repositories, and moves grants to the level of the
// stack. The level that grants is written first, and read back. Only then is the other one left. Each step is repeated by
// the next run of apply, so that a run can be interrupted anywhere.
type transfer struct {
	*session
	own     reconcile.RegistryPolicy
	lists   allLists
	frozen  bool // nothing can be written but what a saved plan shows
	removes bool // nothing is to grant at either level, so that nothing is compared

	changes []plan.Repository // what was written to the registry policy
	text    string            // the registry policy when it was last read
	current policy.Document   // the same, parsed
	reason  string            // why the other level keeps its managed statements; "" if it has none
}

// newTransfer returns nil if the registry policy has nothing to do with the run. It fails while the stack is updated.
func (s *session) newTransfer(ctx context.Context, lists allLists) (*transfer, error) {
	t := &transfer{session: s, own: s.ownPolicy(), lists: lists}
	if err := t.refresh(ctx); err != nil {
		if s.isAtRegistry() {
			return nil, err
		}
		return nil, nil // plan also works without permission to read it
	}
	if !s.isAtRegistry() && !isManaged(t.current) {
		return nil, nil
	}
	return t, s.checkUpdate()
}

// checkUpdate returns an error if functions of the stack can still have settings from before an update, such as the other
// policy level. They would remove grants from the policies that apply writes.
func (s *session) checkUpdate() error {
	switch types.StackStatus(s.flags.stackStatus) {
	case types.StackStatusUpdateInProgress, types.StackStatusUpdateRollbackInProgress:
		return fmt.Errorf("stack %s is being updated (%s), and its functions can still have the previous policy level; wait until the update has ended, and run apply again",
			s.Stack, s.flags.stackStatus)
	}
	return nil
}

// refresh reads the registry policy.
func (t *transfer) refresh(ctx context.Context) (err error) {
	if t.text, err = t.own.Policy(ctx); err != nil {
		return err
	}
	if t.current, err = policy.ParseRegistryDocument(t.text, t.Standard.Registry); err != nil {
		return fmt.Errorf("build the registry policy: existing %w", err)
	}
	return nil
}

// run calls apply between begin and finish. A nil transfer only calls apply.
func (t *transfer) run(ctx context.Context, r *reconcile.Reconciler, report *application, apply func() error) error {
	if t == nil {
		return apply()
	}
	if err := t.begin(ctx, r); err != nil {
		return err
	}
	err := apply()
	switch {
	case t.removes && ctx.Err() == nil: // also if repositories failed: they are reported, and don't keep the grants of others
		return cmp.Or(t.leave(ctx), err)
	case t.removes:
		return cmp.Or(err, context.Cause(ctx))
	case err != nil || report.failed():
		return err
	}
	return t.finish(ctx, r, report)
}

// written returns how the registry policy was changed, as a plan would show it.
func (t *transfer) written() []plan.Repository {
	if t == nil || len(t.changes) == 0 {
		return nil
	}
	var sids []string
	for _, one := range t.changes {
		for _, statement := range one.Diff {
			sids = append(sids, statement.Sid)
		}
	}
	first, last := t.changes[0], t.changes[len(t.changes)-1]
	return []plan.Repository{plan.Changed(t.Standard.Registry, plan.RegistryPolicy, first.Before, policy.Change{Document: last.After, Added: sids})}
}

// report writes what became of the registry policy.
func (t *transfer) report(command *cobra.Command) {
	if t == nil {
		return
	}
	if t.removes && len(t.changes) == 0 {
		return
	}
	outcome := "unchanged"
	switch n := len(t.changes); {
	case n > 0 && t.changes[n-1].After == "":
		outcome = "deleted"
	case n > 0:
		outcome = "updated"
	}
	fmt.Fprintf(command.OutOrStdout(), "registry policy: %s\n", outcome)
	other := "the registry policy keeps its"
	if t.isAtRegistry() {
		other = "the policies of repositories keep their"
	}
	if t.reason != "" {
		fmt.Fprintf(command.OutOrStdout(), "note: %s managed statements, because %s\n", other, t.reason)
	}
}

// begin writes the registry policy if it is the one that grants, and reads it back.
func (t *transfer) begin(ctx context.Context, r *reconcile.Reconciler) error {
	if !t.isAtRegistry() {
		return nil
	}
	lists, err := t.follow(ctx, t.planner(iampolicy.Document{}).PlanRegistry)
	if err == nil && t.leaves(lists) {
		r.Registry = t.own
	}
	return err
}

// follow writes the registry policy until the one that ECR returns is what the lists require, and the lists don't change.
// It returns them.
func (t *transfer) follow(ctx context.Context, planRegistry func(string, accountlist.Snapshot) (plan.Repository, policy.Document, error)) (accountlist.Snapshot, error) {
	for range maxTransfers {
		lists, err := t.lists.ReadAll(context.WithoutCancel(ctx))
		if err != nil {
			return lists, err
		}
		// A consumer that moved between two lists while they were read is on none of them.
		if changed, err := t.lists.Changed(context.WithoutCancel(ctx), lists); err != nil {
			return lists, err
		} else if changed {
			continue
		}
		if err := t.refresh(ctx); err != nil {
			return lists, err
		}
		planned, _, err := planRegistry(t.text, lists)
		if err != nil || planned.Outcome != plan.Change {
			return lists, err
		}
		if err := t.write(ctx, planned); err != nil {
			return lists, err
		}
	}
	return accountlist.Snapshot{}, fmt.Errorf("the registry policy or the account lists changed %d times while they were compared; "+
		"find out what else writes the registry policy, and run apply again", maxTransfers)
}

func (t *transfer) write(ctx context.Context, planned plan.Repository) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	var err error
	if planned.After == "" {
		err = t.own.DeletePolicy(ctx)
	} else {
		err = t.own.SetPolicy(ctx, planned.After)
	}
	switch {
	case errors.Is(err, registry.ErrRejected):
		return fmt.Errorf("%w; no grant was removed from any policy; correct the unmanaged statements of the registry policy, or set the policy level to %s", err, policy.LevelRepository)
	case err != nil:
		return err
	}
	t.changes = append(t.changes, planned)
	return nil
}

// finish leaves the level that doesn't grant, after all repositories were reconciled.
func (t *transfer) finish(ctx context.Context, r *reconcile.Reconciler, report *application) error {
	if !t.whole {
		t.reason = "not all repositories are selected"
		return nil
	}
	if t.isAtRegistry() && t.current.IsOnly() && len(t.changes)+len(report.changes) == 0 {
		return nil // an earlier run has read all repositories
	}
	for range maxTransfers {
		lists, err := t.lists.ReadAll(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		if !t.leaves(lists) {
			t.reason = "an account list can't be used: " + lists.Unusable()[0].Name
			return nil
		}
		names, _, err := t.repositories(ctx)
		if err != nil {
			return err
		}
		remaining, err := t.remaining(ctx, lists, names)
		if err != nil {
			return err
		}
		if len(remaining) > 0 {
			if t.frozen {
				return fmt.Errorf("the policies of %s changed while the plan was applied (%s); run plan again", phrase.Repositories(len(remaining)), phrase.Some(remaining))
			}
			if err := r.Run(ctx, event.Repositories{Trigger: "apply", Names: remaining}, report); err != nil || report.failed() {
				return err
			}
			continue
		}
		switch changed, err := t.changed(ctx, lists, names); {
		case err != nil:
			return err
		case changed:
			continue
		}
		if err := t.leave(ctx); err != nil {
			return err
		}
		// Nothing grants on a repository that was created in between, unless the stack receives an event.
		if changed, err := t.changed(ctx, lists, names); err != nil || !changed {
			return err
		}
	}
	return fmt.Errorf("repositories or account lists changed %d times while the policy level was changed; run apply again to continue", maxTransfers)
}

// changed reports whether the lists or the names of the repositories have changed.
func (t *transfer) changed(ctx context.Context, lists accountlist.Snapshot, names []string) (bool, error) {
	changed, err := t.lists.Changed(context.WithoutCancel(ctx), lists)
	if err != nil || changed {
		return changed, err
	}
	again, _, err := t.repositories(ctx)
	return !slices.Equal(again, names), err
}

// remaining reads the policies of the repositories, and returns those that have to change before the other level can be
// left. It fails if a policy can't change, or if it doesn't grant what the other level grants.
func (t *transfer) remaining(ctx context.Context, lists accountlist.Snapshot, names []string) ([]string, error) {
	if err := t.refresh(ctx); err != nil {
		return nil, err
	}
	planner := t.planner(iampolicy.Document{})
	planned, other, err := planner.PlanRegistry(t.text, lists)
	if err != nil {
		return nil, err
	}
	if t.isAtRegistry() && planned.Outcome == plan.Change {
		return nil, errors.New("the registry policy was changed while apply ran, so repositories keep their managed statements; find out what writes it, and run apply again to continue")
	}
	planner.Other = &other
	progress := newProgress(t.flags.progress(), len(names), "reading policies back")
	repositories, err := planner.Plan(ctx, lists, names, func() { _ = progress.Add(1) })
	_ = progress.Finish()
	if err != nil {
		return nil, err
	}
	changing, kept := changing(repositories), []string(nil)
	for _, one := range repositories {
		switch {
		case one.Outcome == plan.Failed:
			return nil, one.Err
		case one.Outcome == plan.Blocked, one.Unmoved, one.Less:
			kept = append(kept, one.Name)
		}
	}
	switch {
	case len(changing) > 0, len(kept) == 0:
		return changing, nil
	case t.isAtRegistry():
		return nil, fmt.Errorf("%s (%s) keep managed statements that the registry policy doesn't replace; to show why, run: %s plan --all", phrase.Repositories(len(kept)), phrase.Some(kept), t.flags.program)
	}
	return nil, fmt.Errorf("the registry policy keeps its managed statements, because the policies of %s (%s) don't grant the same; to show why, run: %s plan --all",
		phrase.Repositories(len(kept)), phrase.Some(kept), t.flags.program)
}

// leave removes the managed statements from the registry policy if the repositories grant instead, and reads it back. At
// the level of the registry, the repositories have none already, and the registry policy is marked.
func (t *transfer) leave(ctx context.Context) error {
	if t.isAtRegistry() {
		_, err := t.follow(ctx, t.planner(iampolicy.Document{}).PlanMark)
		return err
	}
	_, err := t.follow(ctx, func(text string, _ accountlist.Snapshot) (plan.Repository, policy.Document, error) {
		return t.planner(iampolicy.Document{}).PlanEmpty(text)
	})
	return err
}

// checkLevel returns an error if the stack would undo what apply writes at another level.
func (s *session) checkLevel() error {
	if f := s.flags; s.Stack != "" && f.parameters.PolicyLevel != f.stackLevel {
		return fmt.Errorf("stack %s has PolicyLevel=%s and would undo changes at the level %s; deploy it with PolicyLevel=%s first, and run apply then",
			s.Stack, f.stackLevel, f.parameters.PolicyLevel, f.parameters.PolicyLevel)
	}
	return nil
}
