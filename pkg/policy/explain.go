package policy

import (
	"slices"
	"strconv"
	"strings"
)

// Grant describes a managed statement of a document, in the terms of an account
// list.
type Grant struct {
	Sid string

	// IsMarked reports whether the Sid has the mark of [Document.IsOnly].
	IsMarked bool

	// Kind is the part of the Sid that says which consumers the statement is for:
	// Accounts, Principals, Organizations, OrganizationalUnits, Lambda,
	// LambdaOrganizations, or LambdaOrganizationalUnits. It is empty if the standard
	// has no statement with such a Sid.
	Kind string

	// Consumers are named as in an account list, sorted. Those of a statement for
	// Lambda are the accounts, organizations, or organizational units of the
	// functions. A value that a list can't name, such as "*", is as in the statement.
	Consumers []string

	Actions []string // sorted

	// List is the index of the list that the statement is of, in the lists on the
	// repository's path. It is 0 for the account list, if Kind is empty, and in a
	// registry policy.
	List int

	// Namespace is that of the list in a registry policy, "" for the account list.
	Namespace string

	// Repositories are the patterns of the repositories on which a statement of a
	// registry policy grants or, if IsExcept is true, on which it doesn't. In the
	// patterns, * also matches slashes.
	Repositories []string
	IsExcept     bool

	// ByCondition reports whether the statement grants to all principals that
	// meet a condition, rather than to principals that it names.
	ByCondition bool

	// Unclear reports whether the standard writes no such statement, for any
	// list: the statement can mean more or less than the other fields show.
	Unclear bool
}

// IsForLambda reports whether the statement grants to the Lambda service.
func (g Grant) IsForLambda() bool { return kind(g.Kind).isForLambda() }

// Grants returns what the managed statements of the document grant, in the
// order of the document. It is for display: to find out whether a document has
// to change, use [Standard.Merge].
func (d Document) Grants() []Grant {
	var grants []Grant
	for _, m := range d.managed {
		grants = append(grants, d.grant(m))
	}
	return grants
}

func (d Document) grant(m managedStatement) Grant {
	g := Grant{Sid: m.sid, IsMarked: isMarked(m.sid), Unclear: true}
	k, p, isKnown := d.identify(m)
	if isKnown {
		g.Kind, g.List, g.Namespace = string(k), p.depth, p.namespace
	}
	st := m.meaning
	if !m.ok || st.effect == deny {
		return g
	}
	g.Unclear = !isKnown || !d.registry.isStandard(k, p, st)
	g.Actions = slices.Clone(st.actions)
	for _, pattern := range st.resource.patterns {
		g.Repositories = append(g.Repositories, strings.TrimPrefix(pattern, d.registry.RepositoryARN("")))
	}
	g.IsExcept = st.resource.element == notResourceElement
	g.ByCondition = equalPrincipals(st.principals, everyone()) && len(st.conditions) > 0

	var values []string
	for _, p := range st.principals {
		if len(st.conditions) == 0 || p.kind == awsPrincipal && !equalPrincipals(st.principals, everyone()) {
			values = append(values, p.values...)
		}
	}
	for _, c := range st.conditions {
		if _, isTested := st.values(k.test()); !isTested || !k.isForLambdaOfOrganizations() || c.test != anyFunctionTest() {
			values = append(values, c.values...)
		}
	}
	for i, value := range values {
		values[i] = d.registry.asListed(value)
	}
	g.Consumers = sortedUnique(values)
	return g
}

// isStandard reports whether a standard writes the statement for some list, in
// either style and with any actions of the allow-list.
func (r Registry) isStandard(k kind, p place, st statement) bool {
	trimmed, ok := r.trim(k, p, st, func(consumer) bool { return true })
	conditions := 1
	switch {
	case len(st.named()) > 0:
		conditions = 0
	case k.isForLambdaOfOrganizations():
		conditions = 2
	}
	return ok && trimmed.equal(st) && len(st.conditions) == conditions && len(st.rest) == 0 &&
		p.level.isRegistry() == (st.resource.element != "") && st.resource.isPlain()
}

// asListed returns how an account list names a value in a statement.
func (r Registry) asListed(value string) string {
	if account, ok := r.accountOfFunctions(value); ok {
		return account
	}
	if one, err := readEntry(value, r.Partition); err == nil && one.kind == anAccount {
		return one.id
	}
	return value
}

// identify returns the kind and the place of a managed statement. It reports
// false if no standard has a statement with its Sid.
func (d Document) identify(m managedStatement) (kind, place, bool) {
	k, suffix, ok := parseSid(m.sid)
	if d.level.isRegistry() {
		namespace, isOne := namespaceOf(suffix)
		return k, d.registry.placeOf(namespace), ok && isOne && !k.isForLambda()
	}
	depth, _ := strconv.Atoi(suffix) // no digits are depth 0
	p := placeAt(depth)
	return k, p, ok && p.suffix == suffix
}
