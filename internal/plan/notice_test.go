package plan_test

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// What a repository grants is not what the lists grant if a statement denies it, or if a deleted list still counts.
func TestNotices(t *testing.T) {
	s := standard(policy.GrantPrincipal)
	cloud := stubaws.New("123456789012", "eu-central-1")
	cloud.PutList(list, "111111111111")
	cloud.CreateRepository("a/api", "a/web", "b/api", "c/api")
	const deny = `{"Sid":"NoPulls","Effect":"Deny","Principal":"*","Action":"ecr:*"}`
	cloud.SetPolicy("a/api", `{"Statement":[`+deny+`]}`)
	cloud.SetPolicy("a/web", `{"Statement":[`+deny+`]}`)
	cloud.SetPolicy("b/api", `{"Statement":[{"Sid":"EcrPullPolicyAccounts1","Effect":"Allow","Principal":{"AWS":["222222222222","arn:aws:iam::333333333333:role/ci"]},"Action":"ecr:BatchGetImage"}]}`)
	ofRegistry, err := iampolicy.Read(`{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := parameterstore.New(ssm.NewFromConfig(cloud.Config()), list, s).ReadAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	planner := &plan.Planner{Policies: registry.NewPolicies(ecr.NewFromConfig(cloud.Config())), Standard: s, RegistryPolicy: ofRegistry}
	planned, err := planner.Plan(t.Context(), snapshot, []string{"a/api", "a/web", "b/api", "c/api"}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	type notice struct {
		text         string
		repositories []string
	}
	var got []notice
	for _, g := range plan.NoticeGroups(planned) {
		got = append(got, notice{g.Text, g.Repositories})
		if g.Remedy == "" {
			t.Errorf("%q has no remedy", g.Text)
		}
	}
	want := []notice{
		{"statement 1 of the registry policy can deny a pull to 111111111111 if StringNotEquals aws:PrincipalOrgID: o-a1b2c3d4e5",
			[]string{"a/api", "a/web", "b/api", "c/api"}},
		{"statement 1 NoPulls of the repository policy denies a pull to 111111111111", []string{"a/api", "a/web"}},
		{"the policy still grants access to 222222222222, arn:aws:iam::333333333333:role/ci because of the list /ecr-pull-policy/accounts/b, which doesn't exist",
			[]string{"b/api"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
