package policy

import (
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// CoveredBy returns the policy of a repository as one that needs no grants that
// the registry policy has too. If the standard's level is the registry,
// [Standard.Merge] removes these from it. Each of the other grants stays as long
// as one of the lists has it, so that the level can be changed step by step, and
// no consumer loses a grant.
func (d Document) CoveredBy(registry Document, repository string) Document {
	d.cover, d.repository = &registry, repository
	return d
}

// isCovered reports whether a managed statement is one that the document doesn't
// need. A statement of a list that can't be used is only covered by statements
// of the same list: those of other lists can lose the consumers.
func (d Document) isCovered(m managedStatement, isUsable bool) bool {
	if d.cover == nil {
		return false
	}
	if isUsable {
		return d.cover.grants(d, m, d.cover.managed, d.repository)
	}
	_, from, _ := d.identify(m)
	to, ok := d.cover.sameList(from, d.repository)
	return ok && d.cover.grants(d, m, d.cover.at(to), d.repository)
}

// GrantsAll reports whether the document grants, for a repository, at least what
// the managed statements of another document grant for it: those of one of the
// lists on the repository's path for any list, and those of a list that can't be
// used for the same list. One of the two can be the policy of the repository and
// the other one the registry policy. Statements for the Lambda service aren't
// compared, as they are never in the registry policy.
//
// It reports false if the other document has a managed statement that isn't
// clear, or one that denies something.
func (d Document) GrantsAll(other Document, lists []Listed, repository string) bool {
	return !slices.ContainsFunc(other.managed, func(m managedStatement) bool {
		k, from, ok := other.identify(m)
		isElsewhere := m.ok && m.meaning.resource.isPlain() && !m.meaning.resource.covers(other.registry.RepositoryARN(repository))
		by := d.managed
		if on, _ := (Document{registry: d.registry}).sameList(from, repository); on.depth >= len(lists) || lists[on.depth].Consumers == nil {
			to, _ := d.sameList(from, repository)
			by = d.at(to)
		}
		return !(ok && k.isForLambda()) && !isElsewhere && !d.grants(other, m, by, repository)
	})
}

// grants reports whether statements of the document grant, for a repository, at
// least what a managed statement of another document does.
func (d Document) grants(other Document, m managedStatement, by []managedStatement, repository string) bool {
	k, from, ok := other.identify(m)
	if !ok || k.isForLambda() || !m.ok || m.meaning.effect != allow {
		return false
	}
	all := func(consumer) bool { return true }
	if trimmed, ok := other.registry.trim(k, from, m.meaning, all); !ok || !trimmed.equal(m.meaning) {
		return false
	}
	for _, one := range other.registry.consumers(k, m.meaning) {
		for _, action := range m.meaning.actions {
			if !d.grantsAction(by, one, action, repository) {
				return false
			}
		}
	}
	return true
}

// grantsAction reports whether one of the statements clearly grants an action on
// a repository to a consumer.
func (d Document) grantsAction(by []managedStatement, one consumer, action, repository string) bool {
	return slices.ContainsFunc(by, func(m managedStatement) bool {
		k, p, ok := d.identify(m)
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
