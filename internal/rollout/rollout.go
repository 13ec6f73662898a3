// Package rollout applies the account lists to the registry policy, and turns a change to a list, or a scheduled event,
// into requests for all affected repositories.
package rollout

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/principals"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Lists are the account lists.
type Lists interface {
	// Has reports whether a parameter name is that of a list, which need not exist.
	Has(name string) bool
	ReadAll(ctx context.Context) (accountlist.Snapshot, error)
}

// Publisher publishes requests for the repositories that are added.
type Publisher interface {
	Add(ctx context.Context, repository string) error
	Flush(ctx context.Context) error
}

// Principals finds the principals that don't exist.
type Principals interface {
	Check(ctx context.Context, arns []string) ([]principals.Group, error)
	Missing(ctx context.Context, group principals.Group) ([]string, error)
}

// Registry is the registry policy.
type Registry interface {
	// RunRegistry applies the lists to the registry policy.
	RunRegistry(context.Context, reconcile.Reporter) error
}

// Rollout reconciles the registry policy and publishes requests after changes to the lists.
type Rollout struct {
	Lists      Lists
	Registry   Registry
	Principals Principals                                          // nil to leave them unchecked
	Names      func(context.Context) iter.Seq2[[]string, error]    // of the repositories, page by page
	Requests   func(kind string, known event.Principals) Publisher // a new one for every rollout
	Standard   policy.Standard
	Scope      scope.Scope
}

const (
	// How long the registry policy can take before the repositories are requested.
	registryTime = time.Minute

	// How long the check of the principals can take before the repositories are requested.
	checkTime = time.Minute

	// How much of an invocation's time is reserved for its report.
	reserve = 20 * time.Second
)

// Reporter receives what a rollout finds.
type Reporter interface {
	// Registry is called with the result for the registry policy, and again if a list changed and it was reconciled again.
	Registry(context.Context, reconcile.Result)
	// Lists is called once with all lists, including the one that changed, even if it is missing. Only a check of all
	// lists can find that none is unusable.
	Lists(context.Context, []accountlist.List)
	// Missing is called once after the principals in all lists were checked, with the ARNs of those that don't exist.
	// After an error, there may be more of them. Without ARNs and without an error, all principals exist.
	Missing(ctx context.Context, arns []string, err error)
}

// ListChanged reconciles the registry policy, and publishes requests for the repositories that one list covers. There are
// no requests if only the registry policy has managed statements. If the newest version of the list can't be used, but an
// earlier one can, the earlier one is rolled out: when its own event was handled, the newest version may already have
// existed.
//
// It returns the number of repositories in the requests. After an error, some requests may have been published.
func (r *Rollout) ListChanged(ctx context.Context, t event.ListChanged, report Reporter) (requested int, err error) {
	if !r.Lists.Has(t.Name) {
		return 0, &event.Ignored{Reason: "parameter " + t.Name + " isn't an account list"}
	}
	lists, err := r.Lists.ReadAll(ctx)
	if err != nil {
		return 0, err
	}
	changed := lists.List(t.Name)
	others := slices.DeleteFunc(lists.All(), func(list accountlist.List) bool { return list.Name == changed.Name })
	report.Lists(ctx, append(others, changed))
	only, registryErr := r.registry(ctx, report)
	if changed.Consumers == nil || only {
		return 0, registryErr
	}
	covered := func(repository string) bool { return lists.Covers(changed, repository) }
	requested, err = r.request(ctx, lists, event.TriggerListChanged, covered, report)
	return requested, errors.Join(registryErr, err)
}

// Scheduled reconciles the registry policy, and publishes requests for every repository in scope, even if no list can be
// used: what somebody added to the managed statements is trimmed then, too. Its results are those of ListChanged.
func (r *Rollout) Scheduled(ctx context.Context, report Reporter) (requested int, err error) {
	lists, err := r.Lists.ReadAll(ctx)
	if err != nil {
		return 0, err
	}
	report.Lists(ctx, lists.All())
	_, registryErr := r.registry(ctx, report)
	requested, err = r.request(ctx, lists, event.TriggerScheduled, func(string) bool { return true }, report)
	return requested, errors.Join(registryErr, err)
}

// RegistryPolicyChanged reconciles the registry policy after somebody else has changed it.
func (r *Rollout) RegistryPolicyChanged(ctx context.Context, report Reporter) error {
	_, err := r.registry(ctx, report)
	return err
}

// registry reconciles the registry policy, and reports whether only that has managed statements, so that a change to a
// list concerns no repository. It gives up after a minute, because the repositories wait for it.
func (r *Rollout) registry(ctx context.Context, report Reporter) (only bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, registryTime)
	defer cancel()
	results := &registryReport{Reporter: report}
	err = r.Registry.RunRegistry(ctx, results)
	return results.only && err == nil, err
}

// registryReport passes on the results for the registry policy.
type registryReport struct {
	Reporter
	only bool
}

func (r *registryReport) Repository(ctx context.Context, result reconcile.Result) {
	r.only = result.Only && result.Err == nil
	r.Registry(ctx, result)
}

// Unusable does nothing, because Lists is called with these lists too.
func (r *registryReport) Unusable(context.Context, accountlist.List) {}

// request requests the repositories. It checks before whether all principals exist, and finds those that don't exist
// only afterwards, so that no repository waits for that.
func (r *Rollout) request(ctx context.Context, lists accountlist.Snapshot, kind string, covered func(repository string) bool, report Reporter) (requested int, err error) {
	if r.Principals == nil {
		return r.publish(ctx, r.Requests(kind, event.PrincipalsUnknown), covered)
	}
	known := event.PrincipalsUnknown
	rejected, checkErr := r.check(ctx, lists)
	if checkErr == nil && len(rejected) == 0 {
		known = event.PrincipalsExist
	}
	requested, err = r.publish(ctx, r.Requests(kind, known), covered)
	missing, missingErr := r.missing(ctx, rejected)
	report.Missing(ctx, missing, errors.Join(checkErr, missingErr))
	return requested, err
}

// check checks whether all principals exist. It gives up after a minute, because the repositories wait for it.
func (r *Rollout) check(ctx context.Context, lists accountlist.Snapshot) ([]principals.Group, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return r.Principals.Check(ctx, r.named(lists))
}

// missing returns the principals in rejected groups that don't exist. It ends before the invocation does, so that those
// found so far are reported.
func (r *Rollout) missing(ctx context.Context, rejected []principals.Group) (missing []string, err error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
	}
	for _, group := range rejected {
		found, err := r.Principals.Missing(ctx, group)
		missing = append(missing, found...)
		if err != nil {
			return missing, err
		}
	}
	return missing, nil
}

// named returns the ARNs of the principals in the policies for the lists.
func (r *Rollout) named(lists accountlist.Snapshot) []string {
	var arns []string
	for _, list := range lists.All() {
		if list.Consumers != nil {
			arns = append(arns, r.Standard.Principals(*list.Consumers)...)
		}
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

func (r *Rollout) publish(ctx context.Context, requests Publisher, covered func(repository string) bool) (requested int, err error) {
	for page, err := range r.Names(ctx) {
		if err != nil {
			return requested, err
		}
		for _, name := range page {
			if !covered(name) || !r.Scope.Contains(name) {
				continue
			}
			if err := requests.Add(ctx, name); err != nil {
				return requested, err
			}
			requested++
		}
	}
	return requested, requests.Flush(ctx)
}
