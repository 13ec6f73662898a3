package plan

import (
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// RegistryPolicy is the name of the registry policy in a plan. No repository has a name with a space.
const RegistryPolicy = "registry policy"

// PlanRegistry returns how the lists would change the registry policy, and the policy after that.
func (p *Planner) PlanRegistry(text string, lists accountlist.Snapshot) (Repository, policy.Document, error) {
	planned, after, err := p.registry(text, func(existing policy.Document) (policy.Change, error) {
		return p.Standard.Merge(existing, lists.ListedByNamespace())
	})
	planned.Notices = deletedInRegistry(after, lists)
	return planned, after, err
}

// PlanMark is like PlanRegistry, but the policy is also marked as the only one with managed statements, if it can be.
func (p *Planner) PlanMark(text string, lists accountlist.Snapshot) (Repository, policy.Document, error) {
	return p.registry(text, func(existing policy.Document) (policy.Change, error) {
		return p.Standard.Merge(existing.AsOnly(), lists.ListedByNamespace())
	})
}

// PlanEmpty returns how the registry policy would change if its managed statements were removed.
func (p *Planner) PlanEmpty(text string) (Repository, policy.Document, error) {
	return p.registry(text, func(existing policy.Document) (policy.Change, error) { return Empty(p.Standard, existing) })
}

func (p *Planner) registry(text string, merge func(policy.Document) (policy.Change, error)) (Repository, policy.Document, error) {
	existing, err := policy.ParseRegistryDocument(text, p.Standard.Registry)
	if err != nil {
		return Repository{}, existing, fmt.Errorf("build the registry policy: existing %w", err)
	}
	change, err := merge(existing)
	if err != nil {
		return Repository{}, existing, fmt.Errorf("build the registry policy: %w", err)
	}
	after, err := policy.ParseRegistryDocument(change.Document, p.Standard.Registry)
	if err != nil {
		return Repository{}, existing, fmt.Errorf("build the registry policy: %w", err)
	}
	if !change.Changed {
		return Repository{Name: RegistryPolicy, Outcome: Unchanged}, after, nil
	}
	return changed(RegistryPolicy, existing, after, change), after, nil
}

// Empty returns the change that removes all managed statements from the registry policy.
func Empty(standard policy.Standard, existing policy.Document) (policy.Change, error) {
	none := []policy.Listed{{Consumers: &policy.Consumers{None: true}}}
	for _, namespace := range existing.Namespaces() {
		none = append(none, policy.Listed{Namespace: namespace, Consumers: &policy.Consumers{None: true}})
	}
	return standard.Merge(existing, none)
}
