package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

const replicationPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"Replication","Effect":"Allow",
	"Principal":{"AWS":"arn:aws:iam::444444444444:root"},"Action":["ecr:CreateRepository","ecr:ReplicateImage"],
	"Resource":["arn:aws:ecr:eu-central-1:123456789012:repository/*"]}]}`

// registryStory is the story at the policy level registry.
type registryStory struct {
	*story
	policy string // the registry policy
}

func (s *registryStory) repositoriesExist() error {
	s.say.heading("Three repositories exist, and a registry policy for replication")
	for _, name := range []string{"shop/api", "shop/web", "tools/build"} {
		if err := s.aws.Quiet.CreateRepository(s.ctx, name, ""); err != nil {
			return err
		}
		s.names = append(s.names, name)
		s.say.text("%-12s has no policy", name)
	}
	_, err := s.aws.Quiet.ECR.PutRegistryPolicy(s.ctx, &ecr.PutRegistryPolicyInput{PolicyText: aws.String(replicationPolicy)})
	if err != nil {
		return err
	}
	if s.policy, err = s.registryPolicy(); err != nil {
		return err
	}
	s.say.text("the registry policy lets 444444444444 replicate images")
	return nil
}

func (s *registryStory) theListIsWritten() error {
	s.say.heading("The account list is written, and one write grants on all repositories")
	return s.list(accountList, "111111111111,222222222222",
		"both accounts can pull from all three repositories, whose policies don't change; replication keeps its statement",
		map[string][]string{"EcrPullPolicyAccounts": {"111111111111", "222222222222"}})
}

func (s *registryStory) aRepositoryIsCreated() error {
	s.say.heading("A fourth repository is created, and has the grants from the start")
	const name = "shop/search"
	started := time.Now()
	if err := s.create(name); err != nil {
		return err
	}
	if err := s.unchanged(); err != nil {
		return err
	}
	s.say.checked("both accounts can pull from %s before any function runs", name)
	after, err := s.settled(started)
	if err != nil {
		return err
	}
	if after[name] != "" {
		return fmt.Errorf("the policy of %s is %s", name, after[name])
	}
	s.say.checked("onrepo had nothing to write")
	return s.unchanged()
}

func (s *registryStory) aNamespaceHasAList() error {
	s.say.heading("A third account can pull from shop/**, and from nowhere else")
	return s.list(accountList+"/shop", "333333333333", "333333333333 can pull from shop and shop/*, but not from tools/build",
		map[string][]string{"EcrPullPolicyAccounts": {"111111111111", "222222222222"}, "EcrPullPolicyAccountsInshop": {"333333333333"}})
}

func (s *registryStory) anAccountLeaves() error {
	s.say.heading("An account is removed from the list, and can no longer pull")
	return s.list(accountList, "111111111111", "222222222222 can no longer pull from any of the 4 repositories",
		map[string][]string{"EcrPullPolicyAccounts": {"111111111111"}, "EcrPullPolicyAccountsInshop": {"333333333333"}})
}

// list writes a list, and shows and checks how the registry policy changes. want are the accounts by Sid.
func (s *registryStory) list(name, value, checked string, want map[string][]string) error {
	before := s.policy
	_, _, err := s.write(name, value)
	if err != nil {
		return err
	}
	if s.policy, err = s.registryPolicy(); err != nil {
		return err
	}
	s.say.policy("registry policy", before, s.policy)
	if err := s.grantsOnly(want); err != nil {
		return err
	}
	for _, repository := range s.names {
		if policy, _, err := s.aws.Policy(s.ctx, repository); err != nil || policy != "" {
			return errors.Join(err, fmt.Errorf("the policy of %s is %s", repository, policy))
		}
	}
	s.say.checked("%s", checked)
	return nil
}

// grantsOnly fails unless the registry policy has the statement for replication, and grants to exactly these accounts.
func (s *registryStory) grantsOnly(want map[string][]string) error {
	var policy struct {
		Statement []struct {
			Sid       string
			Condition struct {
				StringEquals map[string][]string
			}
		}
	}
	if err := json.Unmarshal([]byte(s.policy), &policy); err != nil {
		return fmt.Errorf("the registry policy is %q: %w", s.policy, err)
	}
	granted := 0
	for _, statement := range policy.Statement {
		if slices.Equal(statement.Condition.StringEquals["aws:PrincipalAccount"], want[statement.Sid]) && want[statement.Sid] != nil {
			granted++
		}
	}
	if granted != len(want) || len(policy.Statement) != len(want)+1 || !strings.Contains(s.policy, "ecr:ReplicateImage") {
		return fmt.Errorf("the registry policy doesn't have exactly the statement for replication and %v: %s", want, s.policy)
	}
	return nil
}

// unchanged fails if the registry policy has changed.
func (s *registryStory) unchanged() error {
	policy, err := s.registryPolicy()
	if err == nil && policy != s.policy {
		err = fmt.Errorf("the registry policy changed to %s", policy)
	}
	return err
}

func (s *registryStory) registryPolicy() (string, error) {
	output, err := s.aws.Quiet.ECR.GetRegistryPolicy(s.ctx, &ecr.GetRegistryPolicyInput{})
	if _, ok := errors.AsType[*types.RegistryPolicyNotFoundException](err); ok {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(output.PolicyText), nil
}
