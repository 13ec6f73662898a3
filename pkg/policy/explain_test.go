package policy_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func TestGrants(t *testing.T) {
	pullActions := []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
	lambdaActions := []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
	anyone := `"*"`
	for name, c := range map[string]struct {
		document string
		want     []policy.Grant
	}{
		"no policy": {"", nil},
		"unmanaged statements only": {
			document(`{"Sid":"Team","Effect":"Allow","Principal":"*","Action":"ecr:*"}`), nil,
		},
		"an account as ECR may write it, of a namespace": {
			document(`{"Sid":"EcrPullPolicyAccounts1","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":` + pull + `}`),
			[]policy.Grant{{Sid: "EcrPullPolicyAccounts1", Kind: "Accounts", Consumers: []string{"111111111111"}, Actions: pullActions, List: 1}},
		},
		"accounts by condition": {
			document(statement("Accounts", anyone, pull, `{"StringEquals":{"aws:PrincipalAccount":["111111111111"]}}`)),
			[]policy.Grant{{Sid: "EcrPullPolicyAccounts", Kind: "Accounts", Consumers: []string{"111111111111"}, Actions: pullActions, ByCondition: true}},
		},
		"functions": {
			document(statement("Lambda", `{"Service":["lambda.amazonaws.com"]}`, lambda,
				`{"StringLike":{"aws:SourceArn":["arn:aws:lambda:eu-west-1:111111111111:function:*"]}}`)),
			[]policy.Grant{{Sid: "EcrPullPolicyLambda", Kind: "Lambda", Consumers: []string{"111111111111"}, Actions: lambdaActions}},
		},
		"functions of all accounts": {
			document(statement("Lambda", `{"Service":["lambda.amazonaws.com"]}`, lambda, "")),
			[]policy.Grant{{Sid: "EcrPullPolicyLambda", Kind: "Lambda", Consumers: []string{"lambda.amazonaws.com"}, Actions: lambdaActions, Unclear: true}},
		},
		"functions of an organization": {
			document(statement("LambdaOrganizations1", service, lambda, sourceOrganizations)),
			[]policy.Grant{{Sid: "EcrPullPolicyLambdaOrganizations1", Kind: "LambdaOrganizations", Consumers: []string{"o-a1b2c3d4e5"}, Actions: lambdaActions, List: 1}},
		},
		"functions of an organization in all Regions": {
			document(statement("LambdaOrganizations", service, lambda, strings.Replace(sourceOrganizations, "eu-west-1", "*", 1))),
			[]policy.Grant{{Sid: "EcrPullPolicyLambdaOrganizations", Kind: "LambdaOrganizations", Consumers: []string{"o-a1b2c3d4e5"}, Actions: lambdaActions, Unclear: true}},
		},
		"functions of all organizations": {
			document(statement("LambdaOrganizations", service, lambda, "{"+inRegion+"}")),
			[]policy.Grant{{Sid: "EcrPullPolicyLambdaOrganizations", Kind: "LambdaOrganizations", Consumers: []string{"arn:aws:lambda:eu-west-1:*:function:*"}, Actions: lambdaActions, Unclear: true}},
		},
		"more than pull, to all principals": {
			document(`{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":"*","Action":"ecr:PutImage"}`),
			[]policy.Grant{{Sid: "EcrPullPolicyAccounts", Kind: "Accounts", Consumers: []string{"*"}, Actions: []string{"ecr:PutImage"}, Unclear: true}},
		},
		"principals under a condition": {
			document(statement("Accounts", `{"AWS":["arn:aws:iam::111111111111:root"]}`, pull, `{"StringEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5"]}}`)),
			[]policy.Grant{{Sid: "EcrPullPolicyAccounts", Kind: "Accounts", Consumers: []string{"111111111111", "o-a1b2c3d4e5"}, Actions: pullActions, Unclear: true}},
		},
		"a denial": {
			document(`{"Sid":"EcrPullPolicyAccounts","Effect":"Deny","Principal":"*","Action":"ecr:PutImage"}`),
			[]policy.Grant{{Sid: "EcrPullPolicyAccounts", Kind: "Accounts", Unclear: true}},
		},
		"a Sid of no standard statement": {
			document(grant("Friends", "111111111111")),
			[]policy.Grant{{Sid: "EcrPullPolicyFriends", Consumers: []string{"111111111111"}, Actions: pullActions, Unclear: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := grants(t, c.document)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func grants(t *testing.T, text string) []policy.Grant {
	t.Helper()
	doc, err := policy.ParseDocument(text, registry)
	if err != nil {
		t.Fatal(err)
	}
	return doc.Grants()
}

// What Merge writes is clear, and names all consumers of the list.
func TestGrantsOfTheStandard(t *testing.T) {
	for _, style := range []policy.GrantStyle{policy.GrantPrincipal, policy.GrantCondition} {
		s := standard(style)
		s.Lambda = true
		grants := grants(t, mustMerge(t, s, "", lists(all(), all())).Document)
		var named []string
		for _, g := range grants {
			named = append(named, g.Consumers...)
			if g.Unclear || g.Kind == "" || len(g.Actions) == 0 {
				t.Errorf("%s: %+v", style, g)
			}
		}
		c := all()
		for _, want := range slices.Concat(c.Accounts, c.Principals, c.Organizations, c.OrganizationalUnits) {
			if !slices.Contains(named, want) {
				t.Errorf("%s: no grant names %s", style, want)
			}
		}
	}
}
