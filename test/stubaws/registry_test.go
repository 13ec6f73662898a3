package stubaws_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// TestRegistryPolicy checks the errors of registry policies, and that a rejected policy changes nothing.
func TestRegistryPolicy(t *testing.T) {
	cloud := stubaws.New("123456789012", "eu-central-1")
	cloud.ClosePrincipal("111111111111")
	client := newECR(cloud)
	get := func() error {
		_, err := client.GetRegistryPolicy(t.Context(), &ecr.GetRegistryPolicyInput{})
		return err
	}
	put := func(document string) func() error {
		return func() error {
			_, err := client.PutRegistryPolicy(t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: &document})
			return err
		}
	}
	del := func() error {
		_, err := client.DeleteRegistryPolicy(t.Context(), &ecr.DeleteRegistryPolicyInput{})
		return err
	}
	const allow = `{"Statement":[{"Principal":"*"}]}`
	for _, step := range []struct {
		name   string
		do     func() error
		want   string // part of the error
		stored string
	}{
		{"no policy to get", get, "RegistryPolicyNotFoundException", ""},
		{"no policy to delete", del, "RegistryPolicyNotFoundException", ""},
		{"put", put(allow), "", allow},
		{"get", get, "", allow},
		{"no JSON", put("{"), "Invalid registry policy provided", allow},
		{"too long", put(strings.Replace(allow, "*", strings.Repeat("x", 10240), 1)), "less than or equal to 10240", allow},
		{"unknown account", put(strings.Replace(allow, `"*"`, `{"AWS":"arn:aws:iam::111111111111:root"}`, 1)), "Principal not found", allow},
		{"delete", del, "", ""},
	} {
		err := step.do()
		if (err == nil) != (step.want == "") || err != nil && !strings.Contains(err.Error(), step.want) {
			t.Errorf("%s: got %v, want %q", step.name, err, step.want)
		}
		if stored := strings.Join(strings.Fields(cloud.RegistryPolicy()), ""); stored != step.stored {
			t.Errorf("%s: the policy is %q, want %q", step.name, stored, step.stored)
		}
	}
	if n := cloud.Calls()["PutRegistryPolicy"]; n != 4 {
		t.Errorf("%d calls counted, want 4", n)
	}
}
