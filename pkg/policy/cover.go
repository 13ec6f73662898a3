package policy

import (
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// CoveredBy returns the policy of a repository as one that needs no grants that
// the registry policy has too. If the standard's level is the registry,
// [Standard.Merge] removes these from it. Each of the other grants stays as long
// as its list has it, so that the level can be changed step by step, and no
// consumer loses a grant.
func (d Document) CoveredBy(registry Document, repository string) Document {
	d.cover, d.repository = &registry, repository
	return d
}

// isCovered reports whether a managed statement is one that the document doesn't
// need.
func (d Document) isCovered(m managedStatement) bool {
	return d.cover != nil && d.cover.grants(d, m, d.repository)
}

// GrantsAll reports whether the document grants, for a repository, at least what
// the managed statements of another document grant for it, each for the same
// list. One of the two can be the policy of the repository and the other one the
// registry policy. Statements for the Lambda service aren't compared, as they
// are never in the registry policy.
//
// It reports false if the other document has a managed statement that isn't
// clear, or one that denies something.
func (d Document) GrantsAll(other Document, repository string) bool {
	return !slices.ContainsFunc(other.managed, func(m managedStatement) bool {
		k, _, ok := other.identify(m)
		isElsewhere := m.ok && m.meaning.resource.isPlain() && !m.meaning.resource.covers(other.registry.RepositoryARN(repository))
		return !(ok && k.isForLambda()) && !isElsewhere && !d.grants(other, m, repository)
	})
}

// grants reports whether the document grants, for a repository, at least what a
// managed statement of another document does.
func (d Document) grants(other Document, m managedStatement, repository string) bool {
	k, from, ok := other.identify(m)
	to, hasList := d.sameList(from, repository)
	if !ok || !hasList || k.isForLambda() || !m.ok || m.meaning.effect != allow {
		return false
	}
	all := func(consumer) bool { return true }
	if trimmed, ok := other.registry.trim(k, from, m.meaning, all); !ok || !trimmed.equal(m.meaning) {
		return false
	}
	for _, one := range other.registry.consumers(k, m.meaning) {
		for _, action := range m.meaning.actions {
			if !d.grantsAction(to, one, action, repository) {
				return false
			}
		}
	}
	return true
}

// grantsAction reports whether a statement of a list clearly grants an action on
// a repository to a consumer.
func (d Document) grantsAction(p place, one consumer, action, repository string) bool {
	return slices.ContainsFunc(d.at(p), func(m managedStatement) bool {
		k, _, ok := d.identify(m)
		return ok && !k.isForLambda() && m.ok && m.meaning.effect == allow && d.registry.isStandard(k, p, m.meaning) &&
			m.meaning.resource.covers(d.registry.RepositoryARN(repository)) &&
			slices.Contains(d.registry.consumers(k, m.meaning), one) &&
			slices.ContainsFunc(m.meaning.actions, func(pattern string) bool { return iampolicy.MatchAction(pattern, action) })
	})
}

// sameList returns the place in the document of the list that has a place in
// another document at either level. It reports false if the list isn't for the
// repository.
func (d Document) sameList(p place, repository string) (place, bool) {
	namespace := p.namespace
	if !p.level.isRegistry() {
		segments := strings.Split(repository, "/")
		if p.depth > len(segments) {
			return place{}, false
		}
		namespace = strings.Join(segments[:p.depth], "/")
	}
	if d.level.isRegistry() {
		return d.registry.placeOf(namespace), isNamespace(namespace)
	}
	depth := 0
	if namespace != "" {
		depth = strings.Count(namespace, "/") + 1
	}
	return placeAt(depth), namespace == "" || strings.HasPrefix(repository+"/", namespace+"/")
}
