package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

var registry = policy.Registry{Partition: "aws", Region: "eu-west-1", AccountID: "999999999999"}

const (
	pull   = `["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`
	lambda = `["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`
)

func standard(style policy.GrantStyle) policy.Standard {
	return policy.Standard{Registry: registry, Style: style}
}

// all has a consumer of every kind.
func all() *policy.Consumers {
	return &policy.Consumers{
		Accounts:            []string{"111111111111", "222222222222"},
		Principals:          []string{"arn:aws:iam::333333333333:role/team/deploy", "arn:aws:iam::333333333333:user/eve"},
		Organizations:       []string{"o-a1b2c3d4e5"},
		OrganizationalUnits: []string{"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"},
	}
}

func accounts(ids ...string) *policy.Consumers { return &policy.Consumers{Accounts: ids} }

// none are the consumers of a list that revokes all grants.
func none() *policy.Consumers { return &policy.Consumers{None: true} }

// manyAccounts returns n different accounts.
func manyAccounts(n int) *policy.Consumers {
	c := &policy.Consumers{}
	for i := range n {
		c.Accounts = append(c.Accounts, fmt.Sprintf("1%011d", i))
	}
	return c
}

func lists(l ...*policy.Consumers) []policy.Listed {
	var listed []policy.Listed
	for _, c := range l {
		listed = append(listed, policy.Listed{Consumers: c})
	}
	return listed
}

// document is a policy with the version that Merge writes.
func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// statement is a managed statement as Merge writes it.
func statement(sid, principal, actions, condition string) string {
	s := `{"Sid":"EcrPullPolicy` + sid + `","Effect":"Allow","Principal":` + principal + `,"Action":` + actions
	if condition != "" {
		s += `,"Condition":` + condition
	}
	return s + "}"
}

func grant(sid string, ids ...string) string {
	var roots []string
	for _, id := range ids {
		roots = append(roots, `"arn:aws:iam::`+id+`:root"`)
	}
	return statement(sid, `{"AWS":[`+strings.Join(roots, ",")+`]}`, pull, "")
}

// merge parses the existing document and merges.
func merge(s policy.Standard, existing string, l []policy.Listed) (policy.Change, error) {
	doc, err := policy.ParseDocument(existing, s.Registry)
	if err != nil {
		return policy.Change{}, err
	}
	return s.Merge(doc, l)
}

func mergeAs(s policy.Standard, style policy.GrantStyle, existing string, l []policy.Listed) (policy.Change, error) {
	doc, err := policy.ParseDocument(existing, s.Registry)
	if err != nil {
		return policy.Change{}, err
	}
	return s.MergeAs(style, doc, l)
}

func mustMerge(t testing.TB, s policy.Standard, existing string, l []policy.Listed) policy.Change {
	t.Helper()
	change, err := merge(s, existing, l)
	if err != nil {
		t.Fatalf("Merge(%s): %v", existing, err)
	}
	return change
}

func mustContain(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q doesn't contain %q", err, part)
		}
	}
}

func isSizeError(err error) bool {
	var e *policy.SizeError
	return errors.As(err, &e)
}

// mergeRegistry merges lists into the policy of a registry.
func mergeRegistry(s policy.Standard, existing string, l ...policy.Listed) (policy.Change, error) {
	doc, err := policy.ParseRegistryDocument(existing, s.Registry)
	if err != nil {
		return policy.Change{}, err
	}
	return s.Merge(doc, l)
}
