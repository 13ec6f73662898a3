package e2e_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// What replication and a pull through cache need, as AWS documents it.
const (
	replicates  = `{"Sid":"ReplicationAccessCrossAccount","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["ecr:CreateRepository","ecr:ReplicateImage"],"Resource":["arn:aws:ecr:eu-central-1:123456789012:repository/*"]}`
	pullThrough = `{"Sid":"PullThroughCacheFromReadOnlyRole","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["ecr:CreateRepository","ecr:BatchImportUpstreamImage"],"Resource":["arn:aws:ecr:eu-central-1:123456789012:repository/hub/*"]}`
	unmanagedOf = `{"Version":"2012-10-17","Statement":[` + replicates + "," + pullThrough + "]}"
)

// putRegistryPolicy writes the registry policy as an operator, with an event.
func (r registry) putRegistryPolicy(document string) {
	r.t.Helper()
	_, err := r.ECR.PutRegistryPolicy(r.t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: &document})
	r.must(err)
}

func (r registry) registryPolicy() string {
	r.t.Helper()
	output, err := r.ECR.GetRegistryPolicy(r.t.Context(), &ecr.GetRegistryPolicyInput{})
	if _, ok := errors.AsType[*types.RegistryPolicyNotFoundException](err); ok {
		return ""
	}
	r.must(err)
	return *output.PolicyText
}

// checkRegistry checks which accounts the registry policy has, and that its unmanaged statements are there.
func (r registry) checkRegistry(want ...string) {
	r.t.Helper()
	document := r.registryPolicy()
	for _, account := range []string{"222222222222", "333333333333", "444444444444"} {
		if got := strings.Contains(document, account); got != slices.Contains(want, account) {
			r.t.Errorf("the registry policy is %s, want only %q", document, want)
		}
	}
	if !strings.Contains(document, replicates) || !strings.Contains(document, pullThrough) {
		r.t.Errorf("unmanaged statements changed: %s", document)
	}
}

func TestRegistryLevel(t *testing.T) {
	r := start(t, map[string]string{"PolicyLevel": "registry", "LambdaStatement": "off"})
	standard := policy.Standard{Registry: policy.Registry{Partition: "aws", Region: r.Region, AccountID: localaws.Account}, Style: policy.GrantPrincipal}
	change, err := standard.Merge(policy.Document{}, []policy.Listed{{Consumers: &policy.Consumers{Accounts: []string{"222222222222", "444444444444"}}}})
	r.must(err)
	r.repository("old", change.Document) // of a stack at the level repository
	r.putRegistryPolicy(unmanagedOf)
	r.settle()

	// The list changes together with the level: who left it loses the grants, who is on it keeps them.
	r.must(r.PutList(t.Context(), accountList, "222222222222"))
	activity := r.settle()
	r.checkRegistry("222222222222")
	if got := outcomes(activity); !slices.Equal(got, []string{"old deleted"}) {
		t.Errorf("outcomes %q", got)
	}
	// Its own writes trigger nothing.
	if n := len(activity.Of(localaws.OnAccount)); n != 1 {
		t.Errorf("onaccount ran %d times", n)
	}
	r.must(r.PutList(t.Context(), accountList+"/team-a", "333333333333"))
	r.settle()
	r.checkRegistry("222222222222", "333333333333")

	r.must(r.CreateRepository(t.Context(), "team-a/new", ""))
	if got := outcomes(r.settle()); !slices.Equal(got, []string{"team-a/new unchanged"}) || r.consumers("team-a/new") != "" {
		t.Errorf("outcomes %q", got)
	}

	written := r.registryPolicy()
	r.putRegistryPolicy(unmanagedOf)
	activity = r.settle()
	if got := r.registryPolicy(); got != written {
		t.Errorf("the registry policy is %s, want %s", got, written)
	}
	if got := metric(activity, localaws.OnAccount, telemetry.RestoredPolicies); got != 1.0 || len(activity.Of(localaws.OnRepo)) != 0 {
		t.Errorf("%v restored, %d invocations of onrepo", got, len(activity.Of(localaws.OnRepo)))
	}

	// With the mark, a list change requests no repository, and the schedule does.
	r.putRegistryPolicy(strings.ReplaceAll(written, policy.SidPrefix, policy.SidPrefix+"Only"))
	r.settle()
	r.must(r.PutList(t.Context(), accountList, "444444444444"))
	activity = r.settle()
	r.checkRegistry("333333333333", "444444444444")
	if n := len(activity.Of(localaws.OnRepo)); n != 0 {
		t.Errorf("onrepo ran %d times", n)
	}
	r.must(r.Tick(t.Context()))
	if got := outcomes(r.settle()); !slices.Equal(got, []string{"old unchanged", "team-a/new unchanged"}) {
		t.Errorf("outcomes %q", got)
	}
}

// After a change back to the level repository, the repositories get the grants, and what is left in the registry policy
// follows the list.
func TestLevelRepositoryAfterRegistry(t *testing.T) {
	r := start(t, map[string]string{"LambdaStatement": "off"})
	standard := policy.Standard{Registry: policy.Registry{Partition: "aws", Region: r.Region, AccountID: localaws.Account}, Style: policy.GrantPrincipal, Level: policy.LevelRegistry}
	existing, err := policy.ParseRegistryDocument(unmanagedOf, standard.Registry)
	r.must(err)
	change, err := standard.Merge(existing.AsOnly(), []policy.Listed{{Consumers: &policy.Consumers{Accounts: []string{"222222222222", "333333333333"}}}})
	r.must(err)
	r.putRegistryPolicy(change.Document)
	r.settle()
	r.repository("api", "")

	r.must(r.PutList(t.Context(), accountList, "333333333333,444444444444"))
	activity := r.settle()
	r.checkRegistry("333333333333")
	if got := r.consumers("api"); got != "333333333333 444444444444" {
		t.Errorf("%q can pull; outcomes %q", got, outcomes(activity))
	}
	r.must(r.PutList(t.Context(), accountList, "none"))
	r.settle()
	r.checkRegistry()
	if got := r.consumers("api"); got != "" {
		t.Errorf("%q can pull", got)
	}
}
