package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	events "github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// operatorRole is the role of the operator who deploys the stack and runs apply.
const operatorRole = "arn:aws:iam::" + account + ":role/operator"

// changeLevel lets an operator deploy the stack with the other policy level, start a rollout, and, in most cases, run
// apply. The deployment updates one function after the other. The operator runs apply when no invocation with the
// earlier level is running any more.
func (w *world) changeLevel() {
	if w.operating {
		return
	}
	w.operating = true
	level := policy.LevelRegistry
	if w.standard.Level == policy.LevelRegistry {
		level = policy.LevelRepository
	}
	w.counted["changes of the policy level to "+string(level)]++
	first, second := w.deployOnAccount, w.deployOnRepo
	if w.percent(50) {
		first, second = second, first
	}
	w.note("the operator deploys the level %s", level)
	first(level, func() {
		w.later(pick(w, 0, time.Second, 30*time.Second), func() { w.finishLevel(level, second) })
	})
}

func (w *world) finishLevel(level policy.Level, second func(policy.Level, func())) {
	second(level, func() {
		w.note("the stack is at the level %s, and the operator starts a rollout", level)
		w.standard.Level = level
		w.tick()
		if w.percent(70) {
			w.later(time.Second, w.startApply)
			return
		}
		w.operating = false
	})
}

// deployOnAccount deploys onaccount at a level, and calls deployed afterwards. No invocation with the earlier level may
// be running: one that has read the registry policy could overwrite what the next one writes. ECR has no protection
// against that, and a deployment takes longer than the registry policy.
func (w *world) deployOnAccount(level policy.Level, deployed func()) {
	if slices.ContainsFunc(w.running, func(run *invocation) bool { return run.function == "onaccount" }) {
		w.later(10*time.Second, func() { w.deployOnAccount(level, deployed) })
		return
	}
	standard := w.standard
	standard.Level = level
	w.onAccount = w.newOnAccount(standard)
	w.allNeedSchedule()
	deployed()
}

func (w *world) deployOnRepo(level policy.Level, deployed func()) {
	w.onRepoLevel, w.idle = level, nil
	w.allNeedSchedule()
	deployed()
}

// startApply starts apply when no invocation at another level is running.
func (w *world) startApply() {
	if slices.ContainsFunc(w.running, func(run *invocation) bool { return run.level != w.standard.Level }) {
		w.later(10*time.Second, w.startApply)
		return
	}
	w.counted["runs of apply"]++
	w.invoke("apply", nil, event{}, "the operator runs it", func(ok bool) {
		w.operating = false
		if ok {
			w.counted["runs of apply that succeeded"]++
		}
	})
}

// apply does what the command of that name does with the policies: it writes the level that grants, reads everything
// back, and leaves the other level. It gives up where the command tries again.
func (w *world) apply(ctx context.Context, standard policy.Standard) error {
	run := ctx.Value(invocationKey{}).(*invocation)
	lists := &watchedLists{Store: w.store(standard), world: w, forRegistry: true}
	own := registry.NewOwnPolicy(w.ecr)
	r := &reconcile.Reconciler{
		Lists: lists, Policies: registry.NewPolicies(w.ecr), Registry: own, Standard: standard, Scope: w.scope,
	}
	atRegistry := standard.Level == policy.LevelRegistry
	if atRegistry {
		if err := r.RunRegistry(ctx, discard{}); err != nil {
			return err
		}
	}
	names, err := w.namesInScope(ctx)
	if err != nil {
		return err
	}
	if !(w.sabotage.emptyAtOnce && !atRegistry || w.sabotage.markAtOnce && atRegistry) {
		if err := r.Run(ctx, events.Repositories{Trigger: "apply", Names: names}, discard{}); err != nil {
			return err
		}
	}
	all, err := lists.ReadAll(ctx)
	if err != nil || len(all.Unusable()) > 0 && !w.sabotage.grantsAll || atRegistry && standard.Lambda {
		return err
	}
	text, err := own.Policy(ctx)
	if err != nil {
		return err
	}
	existing, err := policy.ParseRegistryDocument(text, standard.Registry)
	if err != nil {
		return err
	}
	compared := map[string]string{}
	for _, name := range names {
		text, err := r.Policies.Policy(ctx, name)
		if errors.Is(err, registry.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		document, err := policy.ParseDocument(text, standard.Registry)
		if err != nil {
			return err
		}
		compared[name] = readDocument(text).text()
		if left := w.left(standard, all, name, document, existing); left != "" {
			return fmt.Errorf("%s: %s", name, left)
		}
	}
	change, err := lastChange(standard, all, existing)
	if err != nil || !change.Changed {
		return err
	}
	again, err := w.namesInScope(ctx)
	if err != nil || !slices.Equal(again, names) {
		return errors.Join(err, errors.New("repositories were created"))
	}
	if changed, err := lists.Changed(ctx, all); err != nil || changed {
		return errors.Join(err, errors.New("a list changed"))
	}
	if now, err := own.Policy(ctx); err != nil || now != text {
		return errors.Join(err, errors.New("the registry policy changed"))
	}
	w.mu.Lock()
	run.empties, run.compared = !atRegistry, compared
	w.mu.Unlock()
	if change.Document == "" {
		err = own.DeletePolicy(ctx)
	} else {
		err = own.SetPolicy(ctx, change.Document)
	}
	if err != nil {
		return err
	}
	if changed, err := lists.Changed(ctx, all); err != nil || changed {
		return errors.Join(err, errors.New("a list changed"))
	}
	return nil
}

// left returns why the level that doesn't grant can't be left because of a repository.
func (w *world) left(standard policy.Standard, lists accountlist.Snapshot, name string, document, registryPolicy policy.Document) string {
	switch atRegistry := standard.Level == policy.LevelRegistry; {
	case w.sabotage.markAtOnce && atRegistry, (w.sabotage.emptyAtOnce || w.sabotage.grantsAll) && !atRegistry:
	case atRegistry:
		if len(document.Grants()) > 0 {
			return "it still has managed statements"
		}
	default:
		if change, err := standard.Merge(document, lists.Listed(name)); err != nil || change.Changed {
			return "it still needs a change"
		}
		if !document.GrantsAll(registryPolicy, lists.Listed(name), name) {
			return "it grants less than the registry policy"
		}
	}
	return ""
}

// lastChange returns the change of the registry policy at the end of apply: the mark that only it has managed
// statements, or their removal.
func lastChange(standard policy.Standard, lists accountlist.Snapshot, existing policy.Document) (policy.Change, error) {
	if standard.Level == policy.LevelRegistry {
		return standard.Merge(existing.AsOnly(), lists.ListedByNamespace())
	}
	none := []policy.Listed{{Consumers: &policy.Consumers{None: true}}}
	for _, namespace := range existing.Namespaces() {
		none = append(none, policy.Listed{Namespace: namespace, Consumers: &policy.Consumers{None: true}})
	}
	return standard.Merge(existing, none)
}

func (w *world) namesInScope(ctx context.Context) (names []string, err error) {
	for page, err := range registry.Names(ctx, w.ecr) {
		if err != nil {
			return nil, err
		}
		names = append(names, slices.DeleteFunc(page, func(name string) bool { return !w.scope.Contains(name) })...)
	}
	slices.Sort(names)
	return names, nil
}

type discard struct{}

func (discard) Repository(context.Context, reconcile.Result) {}
func (discard) Unusable(context.Context, accountlist.List)   {}
