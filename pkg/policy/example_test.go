package policy_test

import (
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func Example() {
	registry := policy.Registry{Partition: "aws", Region: "eu-west-1", AccountID: "999999999999"}
	standard := policy.Standard{Registry: registry, Style: policy.GrantPrincipal}

	list, err := policy.ParseList("111111111111 # production", registry)
	if err != nil {
		fmt.Println("invalid list, change nothing:", err)
		return
	}
	text := `{"Version": "2008-10-17", "Statement": {"Sid": "TeamPush", "Effect": "Deny", "Principal": "*", "Action": "ecr:PutImage"}}`
	existing, err := policy.ParseDocument(text, registry) // "" if the repository has no policy
	if err != nil {
		fmt.Println("leave the policy as it is:", err)
		return
	}
	change, err := standard.Merge(existing, []policy.Listed{{Consumers: &list.Consumers}})
	switch {
	case err != nil:
		fmt.Println("leave the policy as it is:", err)
	case !change.Changed:
		fmt.Println("nothing to write")
	case change.Document == "":
		fmt.Println("call DeleteRepositoryPolicy")
	default:
		fmt.Println("call SetRepositoryPolicy; added", change.Added, "removed", change.Removed)
		fmt.Println(change.Document)
	}
	// Output:
	// call SetRepositoryPolicy; added [EcrPullPolicyAccounts] removed []
	// {"Version":"2008-10-17","Statement":[{"Sid":"TeamPush","Effect":"Deny","Principal":"*","Action":"ecr:PutImage"},{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root"]},"Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}
}

func ExampleStandard_Merge_grantCondition() {
	standard := policy.Standard{
		Registry: policy.Registry{Partition: "aws", Region: "eu-west-1", AccountID: "999999999999"},
		Style:    policy.GrantCondition,
	}
	consumers := policy.Consumers{
		Accounts:   []string{"111111111111", "222222222222"},
		Principals: []string{"arn:aws:iam::333333333333:role/deploy"},
	}
	change, err := standard.Merge(policy.Document{}, []policy.Listed{{Consumers: &consumers}})
	fmt.Println(change.Document, err)
	// Output:
	// {"Version":"2012-10-17","Statement":[{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":"*","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"StringEquals":{"aws:PrincipalAccount":["111111111111","222222222222"]}}},{"Sid":"EcrPullPolicyPrincipals","Effect":"Allow","Principal":"*","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"ArnEquals":{"aws:PrincipalArn":["arn:aws:iam::333333333333:role/deploy"]}}}]} <nil>
}

// A document is parsed once for several questions.
func ExampleDocument_Grants() {
	registry := policy.Registry{Partition: "aws", Region: "eu-west-1", AccountID: "999999999999"}
	text := `{"Statement": [{"Sid": "EcrPullPolicyAccounts", "Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "ecr:BatchGetImage"}]}`
	document, err := policy.ParseDocument(text, registry)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, grant := range document.Grants() {
		fmt.Println(grant.Sid, grant.Consumers, grant.Actions)
	}
	// Output:
	// EcrPullPolicyAccounts [111111111111] [ecr:BatchGetImage]
}

func ExampleListError() {
	registry := policy.Registry{Partition: "aws", Region: "eu-west-1", AccountID: "999999999999"}
	_, err := policy.ParseList("11111111111\narn:aws:sts::111111111111:assumed-role/deploy/session", registry)
	fmt.Println(err)
	// Output:
	// account list: line 1, column 1: "11111111111": invalid account ID; expected 12 digits, found 11; line 2, column 1: "arn:aws:sts::111111111111:assumed-role/deploy/session": session ARNs aren't allowed; use the role's ARN: "arn:aws:iam::111111111111:role/deploy" (insert the role's path if it has one)
}
