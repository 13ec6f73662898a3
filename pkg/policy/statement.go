package policy

import "slices"

// statement is the meaning of a statement of ours: it allows actions to a
// principal, under conditions. Names have the spelling of this package, and
// lists are sorted and free of duplicates, so that equal means equal.
type statement struct {
	principal  principal
	actions    []string
	conditions []condition // sorted by their tests
}

// principal is who a statement names. Everyone is AWS with the one value "*".
type principal struct {
	kind   string // AWS or Service
	values []string
}

const (
	awsPrincipal     = "AWS"
	servicePrincipal = "Service"
	lambdaService    = "lambda.amazonaws.com"
)

func everyone() principal {
	return principal{awsPrincipal, []string{"*"}}
}

func (p principal) equal(q principal) bool {
	return p.kind == q.kind && slices.Equal(p.values, q.values)
}

// condition is a test and the values one of which passes it.
type condition struct {
	test
	values []string
}

func (c condition) equal(d condition) bool {
	return c.test == d.test && slices.Equal(c.values, d.values)
}

// test is what a condition compares with its values, and how.
type test struct {
	operator, key string
}

// The tests that statements of ours have. The keys are described at
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html.

func accountTest() test { return test{"StringEquals", "aws:PrincipalAccount"} }

func organizationTest() test { return test{"StringEquals", "aws:PrincipalOrgID"} }

// organizationalUnitTest has a set operator because the key has several values.
func organizationalUnitTest() test { return test{"ForAnyValue:StringLike", "aws:PrincipalOrgPaths"} }

func sourceTest() test { return test{"StringLike", "aws:SourceArn"} }

// principalTest takes the ARN of a role for its sessions too.
func principalTest() test { return test{"ArnEquals", "aws:PrincipalArn"} }

func tests() []test {
	return []test{accountTest(), organizationTest(), organizationalUnitTest(), sourceTest(), principalTest()}
}

func (s statement) equal(t statement) bool {
	return s.principal.equal(t.principal) && slices.Equal(s.actions, t.actions) &&
		slices.EqualFunc(s.conditions, t.conditions, condition.equal)
}
