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
	results  map[string]reconcile.Result // of the last pass, or of the last one that changed the policy
	changes  map[string]reconcile.Result // what all passes changed
	transfer *transfer                   // nil if the registry policy isn't concerned
}

func newApplication(standard policy.Standard, t *transfer) *application {
	return &application{standard: standard, transfer: t, results: map[string]reconcile.Result{}, changes: map[string]reconcile.Result{}}
}

// Repository keeps the result of a repository. There is more than one if a list changes during the run.
func (a *application) Repository(_ context.Context, result reconcile.Result) {
	name := result.Repository
	earlier, ok := a.changes[name]
	switch {
	case changed(result):
		a.changes[name] = result
		if ok {
			a.changes[name] = combine(earlier, result)
		}
	case ok && (result.Outcome == reconcile.Unchanged || result.Outcome == reconcile.Skipped):
		result = earlier // the policy is still the one that an earlier pass wrote
	}
	a.results[name] = result
}

func changed(r reconcile.Result) bool {
	return r.Outcome == reconcile.Updated || r.Outcome == reconcile.Deleted
}

// combine returns the change that two changes make together.
func combine(earlier, later reconcile.Result) reconcile.Result {
	later.Before = earlier.Before
	later.Added = append(later.Added, earlier.Added...)
	later.Removed = append(later.Removed, earlier.Removed...)
	later.DeletedPrincipals = append(later.DeletedPrincipals, earlier.DeletedPrincipals...)
	return later
}

// Unusable does nothing, because the lists were reported when they were read.
func (a *application) Unusable(context.Context, accountlist.List) {}

// planned returns the changes as a plan would show them. A policy that changed back isn't a change.
func (a *application) planned() []plan.Repository {
	planned := a.transfer.written()
	for _, name := range slices.Sorted(maps.Keys(a.changes)) {
		r := a.changes[name]
		one := plan.Changed(a.standard.Registry, name, r.Before, policy.Change{Document: r.After, Added: r.Added, Removed: r.Removed, DeletedPrincipals: r.DeletedPrincipals})
		if one.Outcome != plan.Change || len(one.Diff) > 0 {
			planned = append(planned, one)
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
