// Package plan says what bringing repositories to the standard policy would change, and writes nothing.
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
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// How many repositories are read side by side.
const concurrency = 8

// Outcome is what would become of a repository.
type Outcome string

const (
	Change    Outcome = "to change"
	Unchanged Outcome = "unchanged"
	NoList    Outcome = "without a usable list"
	Gone      Outcome = "deleted meanwhile"
	Failed    Outcome = "failed"
)

// Outcomes returns all of them, in the order in which they are told.
func Outcomes() []Outcome { return []Outcome{Change, Unchanged, NoList, Gone, Failed} }

// Repository is what would become of one repository, and why.
type Repository struct {
	Name    string
	Outcome Outcome
	Diff    Diff  // if there is a change
	Deletes bool  // the change leaves nothing: the policy is deleted
	Err     error // why it can't be planned
}

// Policies are the repository policies, to read.
type Policies interface {
	// Policy returns the policy of a repository; "" if it has none. It fails with registry.ErrNotFound if there
	// is no such repository.
	Policy(ctx context.Context, repository string) (string, error)
}

// Planner plans.
type Planner struct {
	Policies Policies
	Standard policy.Standard
}

// Plan returns the outcome of each of the repositories, in their order. It calls done after each one. A repository that
// can't be planned is in the plan, with the reason; but when a call gets no answer or the context ends, Plan fails.
func (p *Planner) Plan(ctx context.Context, lists accountlist.Snapshot, repositories []string, done func()) ([]Repository, error) {
	planned := make([]Repository, len(repositories))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for i, name := range repositories {
		group.Go(func() error {
			planned[i] = p.repository(ctx, lists, name)
			done()
			if awsclient.Unanswered(planned[i].Err) {
				return planned[i].Err
			}
			return context.Cause(ctx)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return planned, nil
}

func (p *Planner) repository(ctx context.Context, lists accountlist.Snapshot, name string) Repository {
	if lists.Version(name) == "" {
		return Repository{Name: name, Outcome: NoList}
	}
	existing, err := p.Policies.Policy(ctx, name)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return Repository{Name: name, Outcome: Gone}
	case err != nil:
		return Repository{Name: name, Outcome: Failed, Err: err}
	}
	change, err := p.Standard.Merge(existing, lists.Listed(name))
	if err != nil {
		return Repository{Name: name, Outcome: Failed, Err: fmt.Errorf("make policy of %s: %w", name, err)}
	}
	if !change.Changed {
		return Repository{Name: name, Outcome: Unchanged}
	}
	return Changed(p.Standard, name, existing, change)
}

// Changed returns the outcome for a repository whose existing policy changes, or has changed.
func Changed(standard policy.Standard, name, existing string, change policy.Change) Repository {
	d, err := diff(standard, existing, change)
	if err != nil {
		return Repository{Name: name, Outcome: Failed, Err: fmt.Errorf("compare policies of %s: %w", name, err)}
	}
	return Repository{Name: name, Outcome: Change, Diff: d, Deletes: change.Document == ""}
}

// Group is a change that is the same in several repositories.
type Group struct {
	Repositories []string
	Diff         Diff
	Deletes      bool
}

// Groups returns the changes of a plan, those of most repositories first.
func Groups(planned []Repository) []Group {
	type change struct {
		diff    string
		deletes bool
	}
	index := map[change]int{}
	var groups []Group
	for _, r := range planned {
		if r.Outcome != Change {
			continue
		}
		key := change{r.Diff.String(), r.Deletes}
		i, ok := index[key]
		if !ok {
			i = len(groups)
			index[key] = i
			groups = append(groups, Group{Diff: r.Diff, Deletes: r.Deletes})
		}
		groups[i].Repositories = append(groups[i].Repositories, r.Name)
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(len(b.Repositories), len(a.Repositories)) })
	return groups
}
