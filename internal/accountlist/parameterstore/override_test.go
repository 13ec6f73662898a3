package parameterstore_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

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
	store := parameterstore.New(parameterstore.Override(ssm.NewFromConfig(cloud.Config()), root, "333333333333"), root, standard)
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
	api := parameterstore.Override(ssm.NewFromConfig(cloud.Config()), root, "what?")
	snapshot := read(t, parameterstore.New(api, root, policy.Standard{Registry: policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"}, Style: policy.GrantPrincipal}), "team-a")
	if !snapshot.IsEmpty() || len(snapshot.Unusable()) != 1 || !strings.Contains(snapshot.Unusable()[0].Problem.Error(), "what?") {
		t.Errorf("got %+v", snapshot.All())
	}
}

// The other lists are those of SSM.
func TestOtherListsThanTheOverride(t *testing.T) {
	cloud, _ := newStore()
	cloud.PutList(root+"/team-a", "222222222222")
	api := parameterstore.Override(ssm.NewFromConfig(cloud.Config()), root, "333333333333")
	output, err := api.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{root + "/team-a"}})
	if err != nil || len(output.Parameters) != 1 || *output.Parameters[0].Value != "222222222222" {
		t.Errorf("got %+v, %v", output, err)
	}
}
