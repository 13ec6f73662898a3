package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

const (
	teamPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"DenyDeletion","Effect":"Deny","Principal":"*",
		"Action":["ecr:BatchDeleteImage","ecr:DeleteRepository"]}]}`
	lambdaPolicy = `{"Version":"2008-10-17","Statement":[{"Sid":"LambdaECRImageRetrievalPolicy","Effect":"Allow",
		"Principal":{"Service":"lambda.amazonaws.com"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],
		"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:eu-central-1:123456789012:function:*"}}}]}`
)

// story is the registry of the demo.
type story struct {
	ctx   context.Context
	aws   *localaws.AWS
	say   *narrator
	names []string // of the repositories
}

func (s *story) repositoriesExist() error {
	s.say.heading("Three repositories exist, and no other account can pull from them")
	for _, repository := range []struct{ name, policy, what string }{
		{"shop/api", "", "has no policy"},
		{"shop/web", teamPolicy, "has a policy that denies the deletion of images"},
		{"shop/thumbnails", lambdaPolicy, "has a statement that AWS Lambda added for a function"},
	} {
		if err := s.aws.Quiet.CreateRepository(s.ctx, repository.name, repository.policy); err != nil {
			return err
		}
		s.names = append(s.names, repository.name)
		s.say.text("%-16s %s", repository.name, repository.what)
	}
	return nil
}

func (s *story) theListIsWritten() error {
	s.say.heading("The account list is written, and every repository gets the policy")
	before, after, err := s.write(accountList, "111111111111,222222222222")
	if err != nil {
		return err
	}
	for _, name := range s.names {
		s.say.policy(name, before[name], after[name])
	}
	for _, name := range s.names {
		if err := s.expect(after, name, "111111111111", "222222222222"); err != nil {
			return err
		}
	}
	if !strings.Contains(after["shop/web"], "DenyDeletion") || !strings.Contains(after["shop/thumbnails"], "LambdaECRImageRetrievalPolicy") {
		return fmt.Errorf("an unmanaged statement was lost: %s, %s", after["shop/web"], after["shop/thumbnails"])
	}
	s.say.checked("both accounts can pull from all three repositories, and the unmanaged statements are unchanged")
	return nil
}

func (s *story) create(name string) error {
	s.say.command("aws ecr create-repository --repository-name " + name)
	s.names = append(s.names, name)
	return s.aws.CreateRepository(s.ctx, name, "")
}

func (s *story) aRepositoryIsCreated() error {
	s.say.heading("A fourth repository is created, and gets the policy moments later")
	const name = "shop/search"
	started := time.Now()
	if err := s.create(name); err != nil {
		return err
	}
	after, err := s.settled(started)
	if err != nil {
		return err
	}
	s.say.policy(name, "", after[name])
	if err := s.expect(after, name, "111111111111", "222222222222"); err != nil {
		return err
	}
	s.say.checked("both accounts can pull from %s", name)
	return nil
}

func (s *story) anAccountLeaves() error {
	s.say.heading("An account is removed from the list, and can no longer pull")
	before, after, err := s.write(accountList, "111111111111")
	if err != nil {
		return err
	}
	const shown = "shop/thumbnails"
	s.say.policy(shown, before[shown], after[shown])
	for _, name := range s.names {
		if err := s.expect(after, name, "111111111111"); err != nil {
			return err
		}
	}
	s.say.checked("222222222222 can no longer pull from any of the %d repositories; 111111111111 can still pull from all of them", len(s.names))
	return nil
}

func (s *story) aListIsRejected() error {
	s.say.heading("An invalid list is rejected, and no policy changes")
	logged := len(s.aws.Logs(localaws.OnAccount))
	before, after, err := s.write(accountList, "111111111111,2222-2222-2222,*")
	if err != nil {
		return err
	}
	for _, line := range s.aws.Logs(localaws.OnAccount)[logged:] {
		if problem, ok := line.Fields["error"].(string); ok {
			s.say.text("an alarm goes into the ALARM state, and the log contains the reasons:")
			for part := range strings.SplitSeq(problem, "\n") {
				s.say.problem(part)
			}
		}
	}
	for _, name := range s.names {
		if before[name] != after[name] {
			return fmt.Errorf("the policy of %s changed to %s", name, after[name])
		}
	}
	s.say.checked("all %d policies are unchanged", len(s.names))
	return nil
}

func (s *story) aConsumerDoesNotExist() error {
	s.say.heading("An account doesn't exist; the others can pull, and the log names it")
	logged := len(s.aws.Logs(localaws.OnAccount))
	before, after, err := s.write(accountList, "111111111111,333333333333,"+localaws.GoneAccount)
	if err != nil {
		return err
	}
	named := false
	for _, line := range s.aws.Logs(localaws.OnAccount)[logged:] {
		if principals, ok := line.Fields["rejected"]; ok {
			s.say.text("the log line of the alarm:")
			s.say.problem(fmt.Sprintf("%s: rejected %s", line.Fields["msg"], principals))
			named = strings.Contains(fmt.Sprint(principals), localaws.GoneAccount)
		}
	}
	if !named {
		return fmt.Errorf("no log line names %s", localaws.GoneAccount)
	}
	const shown = "shop/api"
	s.say.policy(shown, before[shown], after[shown])
	for _, name := range s.names {
		if err := s.expect(after, name, "111111111111", "333333333333", localaws.GoneAccount); err != nil {
			return err
		}
	}
	s.say.checked("ECR rejects policies with %s as a principal, so these policies use conditions", localaws.GoneAccount)
	return nil
}

// write writes a list, and waits until all events are handled.
func (s *story) write(name, list string) (before, after map[string]string, err error) {
	s.say.command("aws ssm put-parameter --name "+name, "--type String --overwrite --value '"+list+"'")
	if before, err = s.policies(); err != nil {
		return nil, nil, err
	}
	started := time.Now()
	if err := s.aws.PutList(s.ctx, name, list); err != nil {
		return nil, nil, err
	}
	after, err = s.settled(started)
	return before, after, err
}

// settled waits until all events are handled, and returns the policies.
func (s *story) settled(started time.Time) (map[string]string, error) {
	activity, err := s.aws.Settle(s.ctx)
	if err != nil {
		return nil, err
	}
	if errs := activity.Errors(); len(errs) > 0 {
		return nil, errs[0]
	}
	s.say.took(fmt.Sprintf("done (events delivered: %d, invocations: %d)", len(activity.Deliveries), len(activity.Invocations)), time.Since(started))
	return s.policies()
}

func (s *story) policies() (map[string]string, error) {
	policies := map[string]string{}
	for _, name := range s.names {
		policy, _, err := s.aws.Policy(s.ctx, name)
		if err != nil {
			return nil, err
		}
		policies[name] = policy
	}
	return policies, nil
}

// expect fails unless exactly these accounts can pull from a repository by the managed statement.
func (s *story) expect(policies map[string]string, name string, accounts ...string) error {
	var policy struct {
		Statement []struct {
			Sid       string
			Principal json.RawMessage
			Condition struct {
				StringEquals map[string][]string
			}
		}
	}
	if err := json.Unmarshal([]byte(policies[name]), &policy); err != nil {
		return fmt.Errorf("the policy of %s is %q: %w", name, policies[name], err)
	}
	for _, statement := range policy.Statement {
		if statement.Sid != "EcrPullPolicyAccounts" {
			continue
		}
		if byCondition := statement.Condition.StringEquals["aws:PrincipalAccount"]; byCondition != nil && slices.Equal(byCondition, accounts) {
			return nil
		}
		var principal struct{ AWS []string }
		if err := json.Unmarshal(statement.Principal, &principal); err != nil {
			return fmt.Errorf("the principal of %s in %s is %s: %w", statement.Sid, name, statement.Principal, err)
		}
		var want []string
		for _, account := range accounts {
			want = append(want, "arn:aws:iam::"+account+":root")
		}
		if slices.Equal(principal.AWS, want) {
			return nil
		}
	}
	return fmt.Errorf("the policy of %s doesn't grant pull to exactly %s: %s", name, strings.Join(accounts, " and "), policies[name])
}
