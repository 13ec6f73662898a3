package policy

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// statement is the meaning of a managed statement. Names have the spelling of
// this package, and lists are sorted and free of duplicates, so that statements
// with the same meaning are equal.
type statement struct {
	effect     string
	principals []principal // sorted by type
	actions    []string
	resource   resource
	conditions []condition        // sorted by operator and key
	rest       []iampolicy.Member // elements that the standard doesn't write
}

// principal is one member of a Principal element. All principals, "*", are of
// type AWS with the value "*".
type principal struct {
	kind   string // AWS, Service, …
	values []string
}

const (
	allow = "Allow"
	deny  = "Deny"

	awsPrincipal     = "AWS"
	servicePrincipal = "Service"
	lambdaService    = "lambda.amazonaws.com"
)

func everyone() []principal { return []principal{{awsPrincipal, []string{"*"}}} }

func lambda() []principal { return []principal{{servicePrincipal, []string{lambdaService}}} }

func equalPrincipals(a, b []principal) bool {
	return slices.EqualFunc(a, b, func(p, q principal) bool { return p.kind == q.kind && slices.Equal(p.values, q.values) })
}

// condition holds if the test holds for one of the values.
type condition struct {
	test
	values []string
	raw    json.RawMessage // in the place of values, of what somebody added and isn't strings
}

func (c condition) equal(d condition) bool {
	return c.test == d.test && slices.Equal(c.values, d.values) && bytes.Equal(c.raw, d.raw)
}

// test is the operator and the key of a condition.
type test struct {
	operator, key string
}

// The tests of managed statements. The keys are described at
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html.

func accountTest() test { return test{"StringEquals", "aws:PrincipalAccount"} }

// principalTest also holds for the sessions of a role.
func principalTest() test { return test{"ArnEquals", "aws:PrincipalArn"} }

func organizationTest() test { return test{"StringEquals", "aws:PrincipalOrgID"} }

// organizationalUnitTest has a set operator because the key has several values.
func organizationalUnitTest() test { return test{"ForAnyValue:StringLike", "aws:PrincipalOrgPaths"} }

func functionTest() test { return test{"StringLike", "aws:SourceArn"} }

func functionOrganizationTest() test { return test{"StringEquals", "aws:SourceOrgID"} }

func functionOrganizationalUnitTest() test {
	return test{"ForAnyValue:StringLike", "aws:SourceOrgPaths"}
}

// anyFunctionTest limits a statement to the functions in the registry's Region,
// of any account. Every statement with it has one more.
func anyFunctionTest() test { return test{"ArnLike", "aws:SourceArn"} }

// knownTests returns the tests that managed statements have.
func knownTests() []test {
	tests := []test{anyFunctionTest()}
	for _, k := range kinds() {
		tests = append(tests, k.test())
	}
	return tests
}

// test returns the test that limits a statement of the kind to its consumers.
func (k kind) test() test {
	switch k {
	case accountsKind:
		return accountTest()
	case principalsKind:
		return principalTest()
	case organizationsKind:
		return organizationTest()
	case organizationalUnitsKind:
		return organizationalUnitTest()
	case lambdaOrganizationsKind:
		return functionOrganizationTest()
	case lambdaOrganizationalUnitsKind:
		return functionOrganizationalUnitTest()
	default: // lambdaKind
		return functionTest()
	}
}

// named returns the AWS principals that a statement names, without "*". ECR
// accepts only those that exist.
func (s statement) named() []string {
	for _, p := range s.principals {
		if p.kind == awsPrincipal {
			return slices.DeleteFunc(slices.Clone(p.values), func(v string) bool { return v == "*" })
		}
	}
	return nil
}

// values returns the values of a test, and reports whether the statement has
// it.
func (s statement) values(t test) ([]string, bool) {
	for _, c := range s.conditions {
		if c.test == t {
			return c.values, true
		}
	}
	return nil, false
}

// where returns the statement with one more condition. If it has a condition
// with the same test, the values for which that condition holds remain.
func (s statement) where(t test, values []string) statement {
	if had, ok := s.values(t); ok {
		values = slices.DeleteFunc(slices.Clone(values), func(v string) bool {
			return !slices.ContainsFunc(had, func(value string) bool { return t.holds(value, v) })
		})
	}
	return s.replace(t, values)
}

// holds reports whether a condition with a value holds for another value of the
// same test. Somebody can have added a pattern of ARNs, which ArnEquals accepts.
func (t test) holds(value, other string) bool {
	return value == other || t == principalTest() && iampolicy.MatchARN(value, other)
}

// replace returns the statement with other values of a test.
func (s statement) replace(t test, values []string) statement {
	s.conditions = slices.DeleteFunc(slices.Clone(s.conditions), func(c condition) bool { return c.test == t })
	s.conditions = append(s.conditions, condition{test: t, values: sortedUnique(values)})
	sortConditions(s.conditions)
	return s
}

func (s statement) equal(t statement) bool {
	return s.effect == t.effect && equalPrincipals(s.principals, t.principals) && slices.Equal(s.actions, t.actions) &&
		s.resource.equal(t.resource) && slices.EqualFunc(s.conditions, t.conditions, condition.equal) &&
		slices.EqualFunc(s.rest, t.rest, func(a, b iampolicy.Member) bool { return a.Name == b.Name && bytes.Equal(a.Value, b.Value) })
}
