package plan_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const list = "/ecr-pull-policy/accounts"

func standard(style policy.GrantStyle) policy.Standard {
	return policy.Standard{
		Registry: policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"},
		Style:    style,
	}
}

// made plans the repositories of the account.
func made(t *testing.T, cloud *stubaws.AWS, s policy.Standard, names ...string) []plan.Repository {
	t.Helper()
	snapshot, err := parameterstore.New(ssm.NewFromConfig(cloud.Config()), list, s).ReadAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	planner := &plan.Planner{Policies: registry.NewPolicies(ecr.NewFromConfig(cloud.Config())), Standard: s}
	planned, err := planner.Plan(t.Context(), snapshot, names, func() {})
	if err != nil {
		t.Fatal(err)
	}
	return planned
}

func written(t *testing.T, s policy.Standard, consumers policy.Consumers) string {
	t.Helper()
	change, err := s.Merge(policy.Document{}, []policy.Listed{{Consumers: &consumers}})
	if err != nil {
		t.Fatal(err)
	}
	return change.Document
}

func TestDiff(t *testing.T) {
	two := policy.Consumers{Accounts: []string{"111111111111", "222222222222"}}
	organizations := policy.Consumers{Organizations: []string{"o-a1b2c3d4e5"}, OrganizationalUnits: []string{"o-b1b2c3d4e5/r-ab12/ou-ab12-11111111/*"}}
	byName := written(t, standard(policy.GrantPrincipal), two)
	withLambda := standard(policy.GrantPrincipal)
	withLambda.Lambda = true
	withExtra := standard(policy.GrantPrincipal)
	withExtra.ExtraActions = []string{"ecr:DescribeImages"}
	const accountsTitle = "accounts, roles and users (EcrPullPolicyAccounts)"
	for name, c := range map[string]struct {
		standard policy.Standard
		existing string
		list     string
		want     []string
	}{
		"no policy": {standard(policy.GrantPrincipal), "", "111111111111,o-a1b2c3d4e5", []string{
			accountsTitle, "+ account 111111111111",
			"+ action ecr:BatchCheckLayerAvailability", "+ action ecr:BatchGetImage", "+ action ecr:GetDownloadUrlForLayer",
			"organizations (EcrPullPolicyOrganizations)", "+ organization o-a1b2c3d4e5",
			"+ action ecr:BatchCheckLayerAvailability", "+ action ecr:BatchGetImage", "+ action ecr:GetDownloadUrlForLayer",
		}},
		"one removed, two added": {standard(policy.GrantPrincipal), byName,
			"111111111111 arn:aws:iam::333333333333:role/ci arn:aws:iam::333333333333:user/eve", []string{
				accountsTitle, "- account 222222222222",
				"+ role arn:aws:iam::333333333333:role/ci", "+ user arn:aws:iam::333333333333:user/eve",
			}},
		"additional action": {withExtra, byName, "111111111111,222222222222", []string{accountsTitle, "+ action ecr:DescribeImages"}},
		"another style": {standard(policy.GrantCondition), byName, "111111111111,222222222222", []string{
			accountsTitle, "~ granted using a condition instead of principals"}},
		"none": {standard(policy.GrantPrincipal), byName, "none", []string{
			accountsTitle, "- account 111111111111", "- account 222222222222",
			"- action ecr:BatchCheckLayerAvailability", "- action ecr:BatchGetImage", "- action ecr:GetDownloadUrlForLayer",
		}},
		"Lambda statement off": {standard(policy.GrantPrincipal), written(t, withLambda, two), "111111111111,222222222222", []string{
			"Lambda functions (EcrPullPolicyLambda)", "- functions of account 111111111111", "- functions of account 222222222222",
			"- action ecr:BatchGetImage", "- action ecr:GetDownloadUrlForLayer",
		}},
		"functions of organizations": {withLambda, written(t, standard(policy.GrantPrincipal), organizations), "o-a1b2c3d4e5 o-b1b2c3d4e5/r-ab12/ou-ab12-11111111/*", []string{
			"Lambda functions of organizational units (EcrPullPolicyLambdaOrganizationalUnits)",
			"+ functions of organizational unit o-b1b2c3d4e5/r-ab12/ou-ab12-11111111/*", "+ action ecr:BatchGetImage", "+ action ecr:GetDownloadUrlForLayer",
			"Lambda functions of organizations (EcrPullPolicyLambdaOrganizations)",
			"+ functions of organization o-a1b2c3d4e5", "+ action ecr:BatchGetImage", "+ action ecr:GetDownloadUrlForLayer",
		}},
		"widened": {standard(policy.GrantPrincipal),
			`{"Statement":[{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":"*","Action":["ecr:PutImage","ecr:BatchGetImage"]}]}`,
			"111111111111", []string{
				accountsTitle, "- all principals", "+ account 111111111111", "- action ecr:PutImage",
				"+ action ecr:BatchCheckLayerAvailability", "+ action ecr:GetDownloadUrlForLayer",
				"- all other content of the statement",
			}},
		"duplicate statement": {standard(policy.GrantPrincipal),
			strings.Replace(byName, `[{"Sid"`, `[`+byName[strings.Index(byName, `{"Sid"`):len(byName)-2]+`,{"Sid"`, 1),
			"111111111111,222222222222", []string{accountsTitle, "~ one statement instead of 2"}},
		"nonstandard statement": {standard(policy.GrantPrincipal),
			`{"Statement":{"Sid":"EcrPullPolicyFriends","Effect":"Deny","Principal":"*","Action":"*"}}`, "none", []string{
				"statement that isn't in the standard policy (EcrPullPolicyFriends)",
				"- all other content of the statement"}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := stubaws.New("123456789012", "eu-central-1")
			cloud.CreateRepository("a/api")
			cloud.SetPolicy("a/api", c.existing)
			cloud.PutList(list, c.list)
			planned := made(t, cloud, c.standard, "a/api")[0]
			if planned.Outcome != plan.Change {
				t.Fatalf("got %+v", planned)
			}
			if got, want := planned.Diff.String(), strings.Join(c.want, "\n")+"\n"; got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	s := standard(policy.GrantPrincipal)
	cloud := stubaws.New("123456789012", "eu-central-1")
	cloud.PutList(list, "111111111111")
	cloud.CreateRepository("a/has-it", "a/new", "a/broken", "a/denied", "a/full")
	cloud.SetPolicy("a/has-it", written(t, s, policy.Consumers{Accounts: []string{"111111111111"}}))
	cloud.SetPolicy("a/broken", "[]")
	cloud.SetPolicy("a/full", fmt.Sprintf(`{"Statement":[{"Sid":%q}]}`, strings.Repeat("x", 10_200)))
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if strings.Contains(string(call.Body), "a/denied") {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	planned := made(t, cloud, s, "a/has-it", "a/new", "a/broken", "a/denied", "a/full", "a/gone")
	var got []plan.Outcome
	for _, r := range planned {
		got = append(got, r.Outcome)
		if (r.Outcome == plan.Failed) != (r.Err != nil) {
			t.Errorf("%+v", r)
		}
	}
	want := []plan.Outcome{plan.Unchanged, plan.Change, plan.Failed, plan.Failed, plan.Failed, plan.Gone}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if size := (*policy.SizeError)(nil); !errors.As(planned[4].Err, &size) {
		t.Errorf("got %v", planned[4].Err)
	}
	if calls := cloud.Calls(); calls["SetRepositoryPolicy"]+calls["DeleteRepositoryPolicy"] > 0 {
		t.Errorf("unexpected writes: %v", calls)
	}
}

func TestNoList(t *testing.T) {
	cloud := stubaws.New("123456789012", "eu-central-1")
	cloud.CreateRepository("a/api", "a/edited")
	cloud.SetPolicy("a/edited", `{"Statement":[{"Sid":"EcrPullPolicyOpen","Effect":"Allow","Principal":"*","Action":"ecr:*"}]}`)
	cloud.PutList(list, "what?")
	got := made(t, cloud, standard(policy.GrantPrincipal), "a/api", "a/edited")
	if got[0].Outcome != plan.NoList || !got[1].Deletes() {
		t.Errorf("got %+v, want a repository without a usable list, and one whose policy is trimmed to nothing", got)
	}
}

// What repositories have in common is in one group, even if each of them also changes in another way.
func TestGroups(t *testing.T) {
	cloud := stubaws.New("123456789012", "eu-central-1")
	s := standard(policy.GrantPrincipal)
	names := []string{"a/1", "a/2", "b/1", "b/2", "c/1", "d/1"}
	cloud.CreateRepository(names...)
	cloud.PutList(list, "o-a1b2c3d4e5")
	cloud.PutList(list+"/a", "111111111111")
	cloud.PutList(list+"/b", "222222222222")
	cloud.SetPolicy("d/1", `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"AROAEXAMPLEEXAMPLEEX"},"Action":"ecr:PutImage"}]}`)
	planned := made(t, cloud, s, names...)
	var got []string
	for _, outcome := range []plan.Outcome{plan.Change, plan.Blocked} {
		for _, g := range plan.Groups(planned, outcome) {
			consumers := regexp.MustCompile(`\+ (account|organization) \S+`).FindAllString(g.Diff.String(), -1)
			got = append(got, fmt.Sprintln(g.Repositories, g.Additional, len(g.Diff), consumers, strings.Count(g.Diff.String(), "+ action")))
		}
	}
	want := []string{
		"[a/1 a/2 b/1 b/2 c/1] false 1 [+ organization o-a1b2c3d4e5] 3\n",
		"[a/1 a/2 b/1 b/2] true 1 [] 3\n", // the actions of the namespace lists
		"[a/1 a/2] true 1 [+ account 111111111111] 0\n",
		"[b/1 b/2] true 1 [+ account 222222222222] 0\n",
		"[d/1] false 1 [+ organization o-a1b2c3d4e5] 3\n",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestGroupsOfDeletedPolicies(t *testing.T) {
	cloud := stubaws.New("123456789012", "eu-central-1")
	s := standard(policy.GrantPrincipal)
	cloud.CreateRepository("a/1", "a/2")
	cloud.PutList(list, "none")
	for _, name := range []string{"a/1", "a/2"} {
		cloud.SetPolicy(name, written(t, s, policy.Consumers{Accounts: []string{"222222222222"}}))
	}
	groups := plan.Groups(made(t, cloud, s, "a/1", "a/2"), plan.Change)
	if len(groups) != 1 || len(groups[0].Repositories) != 2 || !groups[0].Deletes || len(groups[0].Diff) != 1 {
		t.Errorf("got %+v", groups)
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cloud := stubaws.New("123456789012", "eu-central-1")
	planner := &plan.Planner{Policies: registry.NewPolicies(ecr.NewFromConfig(cloud.Config())), Standard: standard(policy.GrantPrincipal)}
	snapshot, err := parameterstore.New(ssm.NewFromConfig(cloud.Config()), list, planner.Standard).ReadAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := planner.Plan(ctx, snapshot, []string{"a/api"}, func() {}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
