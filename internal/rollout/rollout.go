// Package rollout turns a change of an account list, or a tick of the schedule, into requests that together name
// every repository that has to follow.
package rollout

import (
	"context"
	"iter"
	"slices"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/trigger"
)

// Lists are the account lists.
type Lists interface {
	// Has tells whether a parameter of that name is a list, or would be if it existed.
	Has(name string) bool
	ReadAll(ctx context.Context) (accountlist.Snapshot, error)
}

// Publisher takes the repositories to request, one by one.
type Publisher interface {
	Add(ctx context.Context, repository string) error
	Flush(ctx context.Context) error
}

// Rollout requests that repositories follow the lists.
type Rollout struct {
	Lists    Lists
	Names    func(context.Context) iter.Seq2[[]string, error] // of the repositories, page by page
	Requests func(trigger string) Publisher                   // a new one for every rollout
	Scope    scope.Scope
}

// Reporter is told what a rollout finds.
type Reporter interface {
	// Lists is called once, with every list there is and the one that changed, which may be missing: only a check of all
	// can find that none is unusable.
	Lists(context.Context, []accountlist.List)
}

// ListChanged requests the repositories that one list covers. A list that cannot be used changes nothing; but if an
// earlier version of it can, that one is rolled out: its own event may have found this version already.
//
// It returns how many repositories were requested. After an error some may have been.
func (r *Rollout) ListChanged(ctx context.Context, t trigger.ListChanged, report Reporter) (requested int, err error) {
	if !r.Lists.Has(t.Name) {
		return 0, &trigger.Ignored{Reason: "the parameter " + t.Name + " is no account list"}
	}
	lists, err := r.Lists.ReadAll(ctx)
	if err != nil {
		return 0, err
	}
	changed := lists.List(t.Name)
	others := slices.DeleteFunc(lists.All(), func(list accountlist.List) bool { return list.Name == changed.Name })
	report.Lists(ctx, append(others, changed))
	if changed.Consumers == nil {
		return 0, nil
	}
	return r.request(ctx, trigger.KindListChanged, changed.Covers)
}

// Scheduled requests every repository in scope, unless there is no list to follow. It returns what ListChanged does.
func (r *Rollout) Scheduled(ctx context.Context, report Reporter) (requested int, err error) {
	lists, err := r.Lists.ReadAll(ctx)
	if err != nil {
		return 0, err
	}
	report.Lists(ctx, lists.All())
	if lists.IsEmpty() {
		return 0, nil
	}
	return r.request(ctx, trigger.KindScheduled, func(string) bool { return true })
}

func (r *Rollout) request(ctx context.Context, kind string, covered func(repository string) bool) (requested int, err error) {
	requests := r.Requests(kind)
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
