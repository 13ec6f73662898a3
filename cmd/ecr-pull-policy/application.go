package main

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// application collects the results of a run of apply. It is a reconcile.Reporter.
type application struct {
	standard policy.Standard
	results  map[string]reconcile.Result
}

// Repository keeps the result of a repository. If there is an earlier result, because a list changed during the run, it
// combines both.
func (a *application) Repository(_ context.Context, result reconcile.Result) {
	if earlier := a.results[result.Repository]; changed(earlier) {
		result = combine(earlier, result)
	}
	a.results[result.Repository] = result
}

func changed(r reconcile.Result) bool {
	return r.Outcome == reconcile.Updated || r.Outcome == reconcile.Deleted
}

// combine returns the result of two passes.
func combine(earlier, later reconcile.Result) reconcile.Result {
	switch {
	case later.Outcome == reconcile.Unchanged:
		return earlier
	case changed(later):
		later.Before = earlier.Before
		later.Added = append(later.Added, earlier.Added...)
		later.Removed = append(later.Removed, earlier.Removed...)
		later.DeletedPrincipals = append(later.DeletedPrincipals, earlier.DeletedPrincipals...)
	}
	return later
}

// Unusable does nothing, because the lists were reported when they were read.
func (a *application) Unusable(context.Context, accountlist.List) {}

// planned returns the changes as a plan would show them.
func (a *application) planned() []plan.Repository {
	var planned []plan.Repository
	for _, name := range slices.Sorted(maps.Keys(a.results)) {
		if r := a.results[name]; changed(r) {
			planned = append(planned, plan.Changed(a.standard.Registry, name, r.Before, policy.Change{
				Document: r.After, Added: r.Added, Removed: r.Removed, DeletedPrincipals: r.DeletedPrincipals,
			}))
		}
	}
	return planned
}

func (a *application) failed() bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(a.results)), func(r reconcile.Result) bool { return r.Outcome == reconcile.Failed })
}

// explains reports whether the error of a run is that of a repository, which is reported with the repository.
func (a *application) explains(err error) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(a.results)), func(r reconcile.Result) bool {
		return r.Outcome == reconcile.Failed && errors.Is(err, r.Err)
	})
}
