package policy_test

import (
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func Example() {
	registry := policy.Registry{Partition: "aws", Region: "eu-west-1", AccountID: "999999999999"}
	list, err := policy.ParseList("111111111111 # production", registry)
	if err != nil {
		fmt.Println(err)
		return
	}
	standard := policy.Standard{Registry: registry, Style: policy.GrantPrincipal}
	existing := `{"Version": "2008-10-17", "Statement": {"Sid": "TeamPush", "Effect": "Deny", "Principal": "*", "Action": "ecr:PutImage"}}`
	change, err := standard.Merge(existing, []policy.Listed{{Consumers: &list.Consumers}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(change.Changed, change.Added, change.Removed)
	fmt.Println(change.Document)
	// Output:
	// true [EcrPullPolicyAccounts] []
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
	change, err := standard.Merge("", []policy.Listed{{Consumers: &consumers}})
	fmt.Println(change.Document, err)
	// Output:
	// {"Version":"2012-10-17","Statement":[{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":"*","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"StringEquals":{"aws:PrincipalAccount":["111111111111","222222222222"]}}},{"Sid":"EcrPullPolicyPrincipals","Effect":"Allow","Principal":"*","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"ArnEquals":{"aws:PrincipalArn":["arn:aws:iam::333333333333:role/deploy"]}}}]} <nil>
}

func ExampleListError() {
	registry := policy.Registry{Partition: "aws", Region: "eu-west-1", AccountID: "999999999999"}
	_, err := policy.ParseList("11111111111\narn:aws:sts::111111111111:assumed-role/deploy/session", registry)
	fmt.Println(err)
	// Output:
	// account list: line 1, column 1: "11111111111": an account ID has 12 digits, this has 11; line 2, column 1: "arn:aws:sts::111111111111:assumed-role/deploy/session": is a session of a role; the role is meant: "arn:aws:iam::111111111111:role/deploy" (with the role's path, if it has one)
}
