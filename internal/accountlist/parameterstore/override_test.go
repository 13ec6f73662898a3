package parameterstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func TestInstead(t *testing.T) {
	cloud, original := newStore()
	cloud.PutList(root, "111111111111")
	cloud.PutList(root+"/team-a", "222222222222")
	standard := policy.Standard{
		Registry: policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"},
		Style:    policy.GrantPrincipal,
	}
	store := parameterstore.New(parameterstore.Override(ssm.NewFromConfig(cloud.Config()), map[string]string{root: "333333333333"}), root, standard)
	snapshot := read(t, store, "team-a")
	if got := accounts(snapshot.Listed("team-a")); got != "333333333333 222222222222" {
		t.Errorf("got %s", got)
	}
	if got := accounts(read(t, original, "team-a").Listed("team-a")); got != "111111111111 222222222222" {
		t.Errorf("without it: %s", got)
	}

	// What SSM has in that place moves nothing; the lists of namespaces do.
	cloud.PutList(root, "444444444444")
	changed, err := store.Changed(t.Context(), snapshot)
	if err != nil || changed {
		t.Errorf("changed %v, %v", changed, err)
	}
	cloud.PutList(root+"/team-a", "none")
	changed, err = store.Changed(t.Context(), snapshot)
	if err != nil || !changed {
		t.Errorf("changed %v, %v", changed, err)
	}
}

// An earlier version in SSM doesn't stand in for a value that can't be used.
func TestInsteadOfAValidList(t *testing.T) {
	cloud, _ := newStore()
	cloud.PutList(root, "111111111111")
	api := parameterstore.Override(ssm.NewFromConfig(cloud.Config()), map[string]string{root: "what?"})
	snapshot := read(t, parameterstore.New(api, root, policy.Standard{Registry: policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"}, Style: policy.GrantPrincipal}), "team-a")
	if !snapshot.IsEmpty() || len(snapshot.Unusable()) != 1 || !strings.Contains(snapshot.Unusable()[0].Problem.Error(), "what?") {
		t.Errorf("got %+v", snapshot.All())
	}
}

// The other lists are those of SSM.
func TestOtherListsThanTheOverride(t *testing.T) {
	cloud, _ := newStore()
	cloud.PutList(root+"/team-a", "222222222222")
	api := parameterstore.Override(ssm.NewFromConfig(cloud.Config()), map[string]string{root: "333333333333"})
	output, err := api.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{root + "/team-a"}})
	if err != nil || len(output.Parameters) != 1 || *output.Parameters[0].Value != "222222222222" {
		t.Errorf("got %+v, %v", output, err)
	}
	output, err = api.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{root}}) // SSM rejects a call without names
	if err != nil || len(output.Parameters) != 1 || *output.Parameters[0].Value != "333333333333" {
		t.Errorf("got %+v, %v", output, err)
	}
}

// Namespace lists can be overridden beside the others, whether they exist or not, and however they are read.
func TestOverriddenNamespaceLists(t *testing.T) {
	for _, others := range []int{1, 12} { // one page, and two
		testOverriddenNamespaceLists(t, others)
	}
}

func testOverriddenNamespaceLists(t *testing.T, others int) {
	cloud, _ := newStore()
	cloud.PutList(root, "111111111111")
	cloud.PutList(root+"/team-a", "222222222222")
	for i := range others {
		cloud.PutList(fmt.Sprintf("%s/team-b/%02d", root, i), "222222222222")
	}
	values := map[string]string{root + "/team-a": "333333333333", root + "/team-c": "444444444444"}
	api := parameterstore.Override(ssm.NewFromConfig(cloud.Config()), values)
	store := parameterstore.New(api, root, policy.Standard{Registry: policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"}, Style: policy.GrantPrincipal})
	all, err := store.ReadAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for repository, want := range map[string]string{
		"team-a": "111111111111 333333333333", "team-c": "111111111111 444444444444", "team-b/00": "111111111111 nil 222222222222",
	} {
		for how, snapshot := range map[string]accountlist.Snapshot{"alone": read(t, store, repository), "with all": all} {
			if got := accounts(snapshot.Listed(repository)); got != want {
				t.Errorf("%s, read %s: %s, want %s", repository, how, got, want)
			}
		}
	}
}
