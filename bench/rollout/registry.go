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

// accounts returns the ten accounts in the list before the change.
func accounts() []string {
	var ids []string
	for i := range 10 {
		ids = append(ids, fmt.Sprintf("%012d", 111111111111+i))
	}
	return ids
}

// addedAccount is the account that the changed list adds.
const addedAccount = "222222222222"

func repositoryNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("team-%03d/service-%06d", i%100, i)
	}
	return names
}

// newCloud returns a stub of AWS with n repositories. The policies grant access to accounts(), and the account list
// also contains addedAccount.
func newCloud(n int) (*stubaws.AWS, error) { return newCloudWith(standard(), n) }

// newCloudAt is like newCloud, but without the statements for Lambda. At the level of the registry, only the registry
// policy has managed statements, which are marked.
func newCloudAt(level policy.Level, n int) (*stubaws.AWS, error) {
	s := standard()
	s.Lambda = false
	if level != policy.LevelRegistry {
		return newCloudWith(s, n)
	}
	s.Level = level
	none, err := policy.ParseRegistryDocument("", s.Registry)
	if err != nil {
		return nil, fmt.Errorf("build the registry policy before the rollout: %w", err)
	}
	before, err := s.Merge(none.AsOnly(), listed())
	if err != nil {
		return nil, fmt.Errorf("build the registry policy before the rollout: %w", err)
	}
	cloud := stubaws.New(account, region)
	cloud.CreateRepository(repositoryNames(n)...)
	cloud.SetRegistryPolicy(before.Document)
	putChangedList(cloud)
	return cloud, nil
}

func newCloudWith(s policy.Standard, n int) (*stubaws.AWS, error) {
	before, err := s.Merge(policy.Document{}, listed())
	if err != nil {
		return nil, fmt.Errorf("build the policy before the rollout: %w", err)
	}
	cloud := stubaws.New(account, region)
	names := repositoryNames(n)
	cloud.CreateRepository(names...)
	for _, name := range names {
		cloud.SetPolicy(name, before.Document)
	}
	putChangedList(cloud)
	return cloud, nil
}

func standard() policy.Standard {
	return policy.Standard{
		Registry: policy.Registry{Partition: "aws", Region: region, AccountID: account},
		Style:    policy.GrantPrincipal,
		Lambda:   true,
	}
}

func listed() []policy.Listed {
	return []policy.Listed{{Consumers: &policy.Consumers{Accounts: accounts()}}}
}

func putChangedList(cloud *stubaws.AWS) {
	cloud.PutList(function.List, strings.Join(append(accounts(), addedAccount), ","))
}

// check returns an error if the policy of a repository doesn't name addedAccount.
func check(cloud *stubaws.AWS, n int) error {
	for _, name := range repositoryNames(n) {
		if document, _ := cloud.Policy(name); !strings.Contains(document, addedAccount) {
			return fmt.Errorf("the rollout didn't update %s", name)
		}
	}
	return nil
}
