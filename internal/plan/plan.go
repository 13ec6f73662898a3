// Package plan computes what the account lists would change in the policies of repositories. It writes nothing.
package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/group"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// The number of repositories that are read concurrently.
const concurrency = 8

// Outcome is the planned outcome for a repository.
type Outcome string

// The outcomes of a plan.
const (
	Change    Outcome = "change"
	Unchanged Outcome = "unchanged"
	Blocked   Outcome = "blocked" // would change, but ECR rejects any change as long as a statement names a deleted principal
	NoList    Outcome = "no-list"
	Gone      Outcome = "gone"
	Failed    Outcome = "failed"
)

// String returns the outcome as a phrase that follows a number of repositories.
func (o Outcome) String() string {
	phrases := map[Outcome]string{Change: "to change", NoList: "without a usable list", Gone: "deleted in the meantime"}
	return cmp.Or(phrases[o], string(o))
}

// Outcomes returns all outcomes in the order in which they are shown.
func Outcomes() []Outcome { return []Outcome{Change, Unchanged, Blocked, NoList, Gone, Failed} }

// Repository is the planned outcome for one repository, and the reason for it.
type Repository struct {
	Name    string
	Outcome Outcome
	Diff    Diff   // if the outcome is Change or Blocked
	Before  string // the policy before the change
	After   string // the policy after the change, or "" if no statements remain, so that the policy is deleted
	Err     error  // why the repository can't be planned

	ListVersion string // the versions of the lists that apply to the repository, or "" if none can be used

	// Deleted describes the unmanaged statements that name deleted principals. ECR rejects any change of the policy.
	Deleted []string

	// Removable reports whether RemoveDeletedPrincipals would remove such IDs.
	Removable bool

	Notices []Notice

	// Unmoved reports whether the policy keeps grants that the level must no longer have: managed statements of a
	// repository at the level of the registry, except those for Lambda.
	Unmoved bool

	// Less reports whether the policy, after the change, grants less than the registry policy that is to be emptied.
	Less bool
}

// Deletes reports whether the policy is deleted because no statements remain.
func (r Repository) Deletes() bool {
	return (r.Outcome == Change || r.Outcome == Blocked) && r.After == ""
}

// Policies reads repository policies.
type Policies interface {
	// Policy returns the policy of a repository, or "" if it has none. It fails with registry.ErrNotFound if the
	// repository doesn't exist.
	Policy(ctx context.Context, repository string) (string, error)
}

// Planner plans changes of repository policies.
type Planner struct {
	Policies       Policies
	Standard       policy.Standard
	RegistryPolicy []iampolicy.Statement // applies to all repositories

	// Other is the registry policy as it will be. At the level of the registry, policies of repositories lose what it
	// grants; at that of the repositories, they are compared with it. Nil leaves both levels as they are.
	Other *policy.Document

	// RemoveDeletedPrincipals plans to remove the unique IDs of deleted roles and users from unmanaged statements.
	RemoveDeletedPrincipals bool
}

// Plan returns the planned outcomes in the order of the repositories. It calls done after each of them. If a repository
// can't be planned, its outcome is Failed. Plan fails if a call gets no response or the context ends.
func (p *Planner) Plan(ctx context.Context, lists accountlist.Snapshot, repositories []string, done func()) ([]Repository, error) {
	planned := make([]Repository, len(repositories))
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(concurrency)
	for i, name := range repositories {
		calls.Go(func() error {
			planned[i] = p.repository(ctx, lists, name)
			planned[i].ListVersion = lists.Version(name)
			done()
			if awsclient.Unanswered(planned[i].Err) {
				return planned[i].Err
			}
			return context.Cause(ctx)
		})
	}
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	return planned, nil
}

func (p *Planner) repository(ctx context.Context, lists accountlist.Snapshot, name string) Repository {
	text, err := p.Policies.Policy(ctx, name)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return Repository{Name: name, Outcome: Gone}
	case err != nil:
		return Repository{Name: name, Outcome: Failed, Err: err}
	}
	existing, err := policy.ParseDocument(text, p.Standard.Registry)
	if err != nil {
		return Repository{Name: name, Outcome: Failed, Err: fmt.Errorf("build policy of %s: existing %w", name, err)}
	}
	if p.RemoveDeletedPrincipals {
		existing = existing.WithoutDeletedPrincipals()
	}
	if p.Other != nil {
		existing = existing.CoveredBy(*p.Other, name)
	}
	change, err := p.Standard.Merge(existing, lists.Listed(name))
	if err != nil {
		return Repository{Name: name, Outcome: Failed, Err: fmt.Errorf("build policy of %s: %w", name, err)}
	}
	after, err := policy.ParseDocument(change.Document, p.Standard.Registry)
	if err != nil {
		return Repository{Name: name, Outcome: Failed, Err: fmt.Errorf("build policy of %s: %w", name, err)}
	}
	planned := Repository{Name: name, Outcome: Unchanged}
	switch {
	case change.Changed:
		planned = changed(name, existing, after, change)
	case lists.Version(name) == "":
		planned.Outcome = NoList
	}
	isAtRegistry := p.Standard.Level == policy.LevelRegistry
	planned.Unmoved = isAtRegistry && slices.ContainsFunc(after.Grants(), func(g policy.Grant) bool { return !g.IsForLambda() })
	planned.Less = !isAtRegistry && p.Other != nil && !after.GrantsAll(*p.Other, lists.Listed(name), name)
	planned.Deleted = existing.DeletedPrincipals()
	if planned.Outcome == Change && len(planned.Deleted) > 0 {
		planned.Outcome = Blocked
	}
	planned.Notices = p.notices(name, change.Document, lists)
	planned.Removable = len(existing.WithoutDeletedPrincipals().Removed()) > 0
	return planned
}

// Changed returns the outcome for a repository whose policy would change, or has already changed.
func Changed(registry policy.Registry, name, existing string, change policy.Change) Repository {
	parse := policy.ParseDocument
	if name == RegistryPolicy {
		parse = policy.ParseRegistryDocument
	}
	before, err := parse(existing, registry)
	after, afterErr := parse(change.Document, registry)
	if err := cmp.Or(err, afterErr); err != nil {
		return Repository{Name: name, Outcome: Failed, Err: fmt.Errorf("compare policies of %s: %w", name, err)}
	}
	return changed(name, before, after, change)
}

func changed(name string, before, after policy.Document, change policy.Change) Repository {
	return Repository{Name: name, Outcome: Change, Diff: diff(before, after, change), Before: before.String(), After: change.Document}
}

// Group is the part of a change that is the same in several repositories, and in no others.
type Group struct {
	Repositories []string
	Diff         Diff
	Deletes      bool // the policies are deleted
	Additional   bool // earlier groups also change each of these repositories
}

// Groups returns the changes of the repositories with an outcome, in descending order of the number of repositories. Each
// line is in one group, so that what many repositories have in common isn't repeated for each of them.
func Groups(planned []Repository, outcome Outcome) []Group {
	type change struct {
		sid, title string
		line       Line
		deletes    bool
		repeated   int // how often the repository has the same line before
	}
	var changes []change
	in := map[change][]int{} // the indexes of repositories
	for i, r := range planned {
		if r.Outcome != outcome {
			continue
		}
		add := func(c change) {
			for n := len(in[c]); n > 0 && in[c][n-1] == i; n = len(in[c]) {
				c.repeated++
			}
			if in[c] == nil {
				changes = append(changes, c)
			}
			in[c] = append(in[c], i)
		}
		for _, s := range r.Diff {
			for _, line := range s.Lines {
				add(change{sid: s.Sid, title: s.Title, line: line})
			}
		}
		if r.Deletes() {
			add(change{deletes: true})
		}
	}
	var groups []Group
	for _, same := range group.By(changes, func(c change) string { return fmt.Sprint(in[c]) }) {
		var g Group
		for _, i := range in[same[0]] {
			g.Repositories = append(g.Repositories, planned[i].Name)
		}
		for _, lines := range group.By(same, func(c change) change { return change{sid: c.sid, title: c.title, deletes: c.deletes} }) {
			if lines[0].deletes {
				g.Deletes = true
				continue
			}
			s := Statement{Sid: lines[0].sid, Title: lines[0].title}
			for _, c := range lines {
				s.Lines = append(s.Lines, c.line)
			}
			g.Diff = append(g.Diff, s)
		}
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(len(b.Repositories), len(a.Repositories)) })
	shown := map[string]bool{}
	for i, g := range groups {
		groups[i].Additional = !slices.ContainsFunc(g.Repositories, func(name string) bool { return !shown[name] })
		for _, name := range g.Repositories {
			shown[name] = true
		}
	}
	return groups
}
