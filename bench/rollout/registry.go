package rollout

import (
	"fmt"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/function"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
)

// accounts is an account list of ten.
func accounts() []string {
	var ids []string
	for i := range 10 {
		ids = append(ids, fmt.Sprintf("%012d", 111111111111+i))
	}
	return ids
}

// newcomer is who comes with the list that is rolled out.
const newcomer = "222222222222"

func repositoryNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("team-%03d/service-%06d", i%100, i)
	}
	return names
}

// newCloud returns a registry whose n repositories follow the account list, which then gets a newcomer.
func newCloud(n int) (*stubaws.AWS, error) {
	standard := policy.Standard{
		Registry: policy.Registry{Partition: "aws", Region: region, AccountID: account},
		Style:    policy.GrantPrincipal,
		Lambda:   true,
	}
	before, err := standard.Merge(policy.Document{}, []policy.Listed{{Consumers: &policy.Consumers{Accounts: accounts()}}})
	if err != nil {
		return nil, fmt.Errorf("make the policy before the rollout: %w", err)
	}
	cloud := stubaws.New(account, region)
	names := repositoryNames(n)
	cloud.CreateRepository(names...)
	for _, name := range names {
		cloud.SetPolicy(name, before.Document)
	}
	cloud.PutList(function.List, strings.Join(append(accounts(), newcomer), ","))
	return cloud, nil
}

// check says which repository does not grant to the newcomer.
func check(cloud *stubaws.AWS, n int) error {
	for _, name := range repositoryNames(n) {
		if document, _ := cloud.Policy(name); !strings.Contains(document, newcomer) {
			return fmt.Errorf("%s was left out of the rollout", name)
		}
	}
	return nil
}
