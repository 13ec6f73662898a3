package policy

import (
	"slices"
	"strings"
)

// permits reports whether the standard could have written a statement of a kind
// for some list, in either grant style and with any actions of the allow-list.
// What it doesn't permit is never in a document that Merge returns to be
// written: "*" without its condition, a service without its source, an action
// that isn't pull.
func (s Standard) permits(k kind, st statement) bool {
	return permitsActions(k, st.actions) && s.permitsPrincipal(k, st)
}

func permitsActions(k kind, actions []string) bool {
	allowed := allowedActions()
	if k == lambdaKind {
		allowed = lambdaActions()
	}
	return every(actions, func(action string) bool { return slices.Contains(allowed, action) })
}

func (s Standard) permitsPrincipal(k kind, st statement) bool {
	switch k {
	case accountsKind:
		return st.namesOnly(s.isAccountOrPrincipal) || st.pins(accountTest(), isAccountID)
	case principalsKind:
		return st.namesOnly(s.isPrincipal) || s.pinsPrincipals(st)
	case organizationsKind:
		return st.pins(organizationTest(), isOrganizationID)
	case organizationalUnitsKind:
		return st.pins(organizationalUnitTest(), isUnitPath)
	default: // lambdaKind
		return st.principal.equal(principal{servicePrincipal, []string{lambdaService}}) &&
			st.tests(sourceTest()) && every(st.conditions[0].values, s.isFunctionPattern)
	}
}

// namesOnly reports whether a statement names valid AWS principals, under no
// condition.
func (s statement) namesOnly(isValid func(string) bool) bool {
	return s.principal.kind == awsPrincipal && every(s.principal.values, isValid) && s.tests()
}

// pins reports whether a statement names everyone under a test with valid
// values.
func (s statement) pins(t test, isValid func(string) bool) bool {
	return s.principal.equal(everyone()) && s.tests(t) && every(s.conditions[0].values, isValid)
}

// pinsPrincipals reports whether a statement names everyone under a test for
// roles and users, whose accounts are pinned as well: a trial has such.
func (s Standard) pinsPrincipals(st statement) bool {
	return st.principal.equal(everyone()) && st.tests(principalTest(), accountTest()) &&
		every(st.conditions[0].values, s.isPrincipal) && every(st.conditions[1].values, isAccountID)
}

// tests reports whether the conditions are just those tests.
func (s statement) tests(tests ...test) bool {
	return slices.EqualFunc(s.conditions, tests, func(c condition, t test) bool { return c.test == t })
}

func (s Standard) isAccountOrPrincipal(arn string) bool {
	one, err := readEntry(arn, s.Registry.Partition)
	isRoot := err == nil && one.kind == anAccount && arn != one.id
	return isRoot || s.isPrincipal(arn)
}

// isPrincipal takes a unique ID too: it is what became of a role that the list
// named and that was deleted since.
func (s Standard) isPrincipal(arn string) bool {
	one, err := readEntry(arn, s.Registry.Partition)
	return err == nil && one.kind == aPrincipal || isUniqueID(arn)
}

func isUnitPath(path string) bool {
	organization, rest, _ := strings.Cut(path, "/")
	return isOrganizationID(organization) && checkUnitPath(organization, rest) == nil
}

func (s Standard) isFunctionPattern(pattern string) bool {
	rest, hasPrefix := strings.CutPrefix(pattern, s.Registry.functionPrefix())
	account, hasSuffix := strings.CutSuffix(rest, functionSuffix)
	return hasPrefix && hasSuffix && isAccountID(account)
}

// every reports whether there are values and all of them are valid.
func every(values []string, isValid func(string) bool) bool {
	isInvalid := func(value string) bool { return !isValid(value) }
	return len(values) > 0 && !slices.ContainsFunc(values, isInvalid)
}
