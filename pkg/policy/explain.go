package policy

import (
	"slices"
	"strings"
)

// Grant describes a managed statement of a document, in the terms of an account
// list.
type Grant struct {
	Sid string

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
	// repository's path. It is 0 for the account list, and if Kind is empty.
	List int

	// ByCondition reports whether the statement grants to all principals that
	// meet a condition, rather than to principals that it names.
	ByCondition bool

	// Unclear reports whether the standard writes no such statement, for any
	// list: the statement can mean more or less than the other fields show.
	Unclear bool
}

// Grants returns what the managed statements of the document grant, in the
// order of the document. It is for display: to find out whether a document has
// to change, use [Standard.Merge].
func (d Document) Grants() []Grant {
	var grants []Grant
	for _, m := range d.managed {
		grants = append(grants, d.registry.grant(m))
	}
	return grants
}

func (r Registry) grant(m managedStatement) Grant {
	k, isKnown := kindOf(m.sid)
	_, list, _ := parseSid(m.sid)
	g := Grant{Sid: m.sid, Kind: string(k), List: list, Unclear: true}
	st := m.meaning
	if !m.ok || st.effect == deny {
		return g
	}
	g.Unclear = !isKnown || !r.isStandard(k, st)
	g.Actions = slices.Clone(st.actions)
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
		values[i] = r.asListed(value)
	}
	g.Consumers = sortedUnique(values)
	return g
}

// isStandard reports whether a standard writes the statement for some list, in
// either style and with any actions of the allow-list.
func (r Registry) isStandard(k kind, st statement) bool {
	trimmed, ok := r.trim(k, st, func(consumer) bool { return true })
	conditions := 1
	switch {
	case len(st.named()) > 0:
		conditions = 0
	case k.isForLambdaOfOrganizations():
		conditions = 2
	}
	return ok && trimmed.equal(st) && len(st.conditions) == conditions && len(st.rest) == 0
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

// kindOf returns the kind of a managed statement of any list.
func kindOf(sid string) (kind, bool) {
	k, _, ok := parseSid(strings.TrimRight(sid, "0123456789"))
	return k, ok
}
