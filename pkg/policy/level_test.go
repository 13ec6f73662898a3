package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

const arnPrefix = "arn:aws:ecr:eu-west-1:999999999999:repository/"

// onNames is a statement of a registry policy for repositories with patterns of
// names, as Merge writes it.
func onNames(sid, actions, condition string, names ...string) string {
	return statement(sid, `"*"`, actions+`,"Resource":["`+arnPrefix+strings.Join(names, `","`+arnPrefix)+`"]`, condition)
}

// byAccount is such a statement for accounts.
func byAccount(sid string, ids []string, names ...string) string {
	return onNames(sid, pull, `{"StringEquals":{"aws:PrincipalAccount":["`+strings.Join(ids, `","`)+`"]}}`, names...)
}

func listOn(namespace string, c *policy.Consumers) policy.Listed {
	return policy.Listed{Namespace: namespace, Consumers: c}
}

func mustMergeRegistry(t *testing.T, s policy.Standard, existing string, l ...policy.Listed) policy.Change {
	t.Helper()
	change, err := mergeRegistry(s, existing, l...)
	if err != nil {
		t.Fatalf("Merge(%s): %v", existing, err)
	}
	return change
}

func TestMergeBuildsTheRegistryPolicy(t *testing.T) {
	s := atRegistry("", "")
	s.Lambda = true
	replication := `{"Sid":"Replication","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:ReplicateImage","Resource":"*","Zeta":1.0}`
	roles := `"arn:aws:iam::333333333333:role/team/deploy","arn:aws:iam::333333333333:user/eve"`
	want := document(
		replication,
		byAccount("Accounts", all().Accounts, "*"),
		onNames("Principals", pull, `{"ArnEquals":{"aws:PrincipalArn":[`+roles+`]}}`, "*"),
		onNames("Organizations", pull, organizations, "*"),
		onNames("OrganizationalUnits", pull, units, "*"),
		byAccount("AccountsInteamDasha", []string{"444444444444"}, "team-a", "team-a/*"),
		byAccount("AccountsInteamDashaSlashapiUnderscorev2Dotx", []string{"555555555555"}, "team-a/api_v2.x", "team-a/api_v2.x/*"),
	)
	given := []policy.Listed{
		listOn("team-a/api_v2.x", accounts("555555555555")), listOn("", all()),
		listOn("team-a", accounts("444444444444")), listOn("team-b", none()), listOn("Team-C", accounts("666666666666")),
	}
	change := mustMergeRegistry(t, s, document(replication), given...)
	if change.Document != want {
		t.Errorf("got  %s\nwant %s", change.Document, want)
	}
	// As ECR may return it.
	returned := strings.ReplaceAll(want, `"Resource":["`+arnPrefix+`*"]`, `"Resource":"`+arnPrefix+`*"`)
	returned = strings.ReplaceAll(returned, `["`+arnPrefix+`team-a","`+arnPrefix+`team-a/*"]`, `["`+arnPrefix+`team-a/*","`+arnPrefix+`team-a"]`)
	if again := mustMergeRegistry(t, s, returned, given...); again.Changed || again.Document != returned {
		t.Errorf("got %+v", again)
	}
	if none := mustMergeRegistry(t, s, want, listOn("", none()), listOn("team-a", none()), listOn("team-a/api_v2.x", none())); none.Document != document(replication) {
		t.Errorf("got %s", none.Document)
	}
	doc, err := policy.ParseRegistryDocument(want, registry)
	if err != nil {
		t.Fatal(err)
	}
	if got := doc.Namespaces(); !slices.Equal(got, []string{"", "team-a", "team-a/api_v2.x"}) {
		t.Errorf("namespaces %q", got)
	}
	for i, g := range doc.Grants() {
		namespace := []string{"", "", "", "", "team-a", "team-a/api_v2.x"}[i]
		if g.Namespace != namespace || g.Unclear || g.Kind == "" || g.List != 0 {
			t.Errorf("got %+v", g)
		}
	}
}

// A document with names is as good, but what is written names no principal.
func TestMergeRegistryPolicyStyles(t *testing.T) {
	s := atRegistry("", "")
	names := func(sid, id string) string {
		return statement(sid, `{"AWS":["arn:aws:iam::`+id+`:root"]}`, pull+`,"Resource":["`+arnPrefix+`*"]`, "")
	}
	existing := document(names("Accounts", "111111111111"))
	if change := mustMergeRegistry(t, s, existing, listOn("", accounts("111111111111"))); change.Changed {
		t.Errorf("got %+v", change)
	}
	want := document(byAccount("Accounts", []string{"111111111111"}, "*"), byAccount("AccountsIna", []string{"222222222222"}, "a", "a/*"))
	if change := mustMergeRegistry(t, s, existing, listOn("", accounts("111111111111")), listOn("a", accounts("222222222222"))); change.Document != want {
		t.Errorf("got %s", change.Document)
	}
	if change := mustMergeRegistry(t, s, existing, listOn("a", accounts("222222222222"))); change.Document != want {
		t.Errorf("got %s", change.Document)
	}
}

// The statements of a list that can't be used, or that isn't there, stay, but for
// what no such list grants.
func TestMergeRegistryPolicyKeepsStatements(t *testing.T) {
	one := []string{"111111111111"}
	resource := func(sid, element string) string {
		return strings.Replace(byAccount(sid, one, "*"), `"Resource":["`+arnPrefix+`*"]`, element, 1)
	}
	team := byAccount("AccountsInteamDasha", one, "team-a", "team-a/*")
	for _, test := range []struct{ name, existing, want string }{
		{"account list", byAccount("Accounts", one, "*"), byAccount("Accounts", one, "*")},
		{"part of the scope", byAccount("Accounts", one, "team-b", "x*"), byAccount("Accounts", one, "team-b", "x*")},
		{"NotResource", resource("Accounts", `"NotResource":["`+arnPrefix+`sandbox"]`), resource("Accounts", `"NotResource":["`+arnPrefix+`sandbox"]`)},
		{"all resources", resource("Accounts", `"Resource":"*"`), byAccount("Accounts", one, "*")},
		{"another registry", resource("Accounts", `"Resource":"arn:aws:ecr:eu-west-1:888888888888:repository/*"`), ""},
		{"resource without meaning", resource("Accounts", `"Resource":1`), ""},
		{"two elements", resource("Accounts", `"Resource":"*","NotResource":"x"`), ""},
		{"namespace", team, team},
		{"part of a namespace", byAccount("AccountsInteamDasha", one, "team-a/api"), byAccount("AccountsInteamDasha", one, "team-a/api")},
		{"namespace on more", byAccount("AccountsInteamDasha", one, "team-a/*", "team-b", "team*"), team},
		{"namespace on another", byAccount("AccountsInteamDasha", one, "team-b"), ""},
		{"namespace on all", resource("AccountsInteamDasha", `"Resource":"*"`), team},
		{"namespace on all but another", resource("AccountsInteamDasha", `"NotResource":"`+arnPrefix+`team-b/*"`), team},
		{"namespace on all but a part of it", resource("AccountsInteamDasha", `"NotResource":"`+arnPrefix+`*/api"`), ""},
		{"pattern with ?", byAccount("AccountsInteamDasha", one, "?eam-a*"), ""},
		{"more actions", onNames("AccountsInteamDasha", `"ecr:*"`, `{"StringEquals":{"aws:PrincipalAccount":["111111111111","*"]}}`, "team-a"),
			onNames("AccountsInteamDasha", `["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:BatchGetRepositoryScanningConfiguration","ecr:BatchImportUpstreamImage","ecr:DescribeImageScanFindings","ecr:DescribeImages","ecr:DescribeRepositories","ecr:GetDownloadUrlForLayer","ecr:GetImageCopyStatus","ecr:GetLifecyclePolicy","ecr:GetRepositoryPolicy","ecr:ListImages","ecr:ListTagsForResource"]`, `{"StringEquals":{"aws:PrincipalAccount":["111111111111"]}}`, "team-a")},
		{"Lambda", statement("Lambda", service, lambda+`,"Resource":"*"`, sources), ""},
		{"depth of a repository", byAccount("Accounts1", one, "*"), ""},
		{"no namespace", byAccount("AccountsIn", one, "*"), ""},
		{"namespace of no repository", byAccount("AccountsInSlasha", one, "*"), ""},
		{"namespace in uppercase", byAccount("AccountsInTeam", one, "*"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := ""
			if test.want != "" {
				want = document(test.want)
			}
			for _, lists := range [][]policy.Listed{{{}}, {{}, {Namespace: "team-a"}}} {
				change := mustMergeRegistry(t, atRegistry("", ""), document(test.existing), lists...)
				if change.Document != want || change.Changed != (test.existing != test.want) {
					t.Errorf("got  %s\nwant %s", change.Document, want)
				}
				if again := mustMergeRegistry(t, atRegistry("", ""), change.Document, lists...); again.Changed {
					t.Errorf("changed again: %+v", again)
				}
			}
		})
	}
}

func TestRegistryPolicySize(t *testing.T) {
	s := atRegistry("", "")
	s.Lambda = true
	_, err := mergeRegistry(s, "", listOn("", manyAccounts(400)), listOn("a", manyAccounts(400)))
	if !isSizeError(err) {
		t.Fatalf("got %v", err)
	}
	mustContain(t, err, "the registry policy would have 1", "ECR's limit is 10240, which all lists share; to make it smaller, list an organization",
		"or set the policy level to repository")
	if strings.Contains(err.Error(), "Lambda") || strings.Contains(err.Error(), "grant style") {
		t.Errorf("got %v", err)
	}
	if err := s.Fits("a", *manyAccounts(197)); !isSizeError(err) || strings.Contains(err.Error(), "grant style") {
		t.Errorf("got %v", err)
	}
}

// At the level of the registry, the policies of repositories have the Lambda
// service, and what is left of the other grants, as long as the lists have it.
func TestMergeFollowsAtTheOtherLevel(t *testing.T) {
	s := atRegistry("", "")
	s.Lambda = true
	function := statement("Lambda", service, lambda, `{"StringLike":{"aws:SourceArn":["arn:aws:lambda:eu-west-1:111111111111:function:*"]}}`)
	deny := strings.Replace(grant("Accounts", "111111111111"), "Allow", "Deny", 1)
	for _, test := range []struct {
		name, existing string
		list           *policy.Consumers
		want           []string
	}{
		{"nothing there", "", accounts("111111111111"), []string{function}},
		{"what stays", document(grant("Accounts", "111111111111"), function), accounts("111111111111"), []string{grant("Accounts", "111111111111"), function}},
		{"revoked", document(grant("Accounts", "111111111111", "222222222222")), accounts("111111111111"), []string{grant("Accounts", "111111111111"), function}},
		{"added", document(grant("Accounts", "222222222222")), accounts("111111111111", "222222222222"), []string{
			grant("Accounts", "222222222222"), strings.Replace(function, `:*"]`, `:*","arn:aws:lambda:eu-west-1:222222222222:function:*"]`, 1)}},
		{"none", document(grant("Accounts", "222222222222"), function), none(), nil},
		{"unusable", document(grant("Accounts", "222222222222"), deny, function), nil, []string{grant("Accounts", "222222222222"), deny, function}},
		{"a Deny", document(deny), accounts("111111111111"), []string{function}},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := ""
			if test.want != nil {
				want = document(test.want...)
			}
			change := mustMerge(t, s, test.existing, lists(test.list))
			if change.Document != want || change.Changed != (test.existing != want) {
				t.Errorf("got  %s\nwant %s", change.Document, want)
			}
		})
	}
	// Additional actions follow the standard: otherwise, a statement would stay for
	// an action that the registry policy doesn't have.
	s.Lambda = false
	extra := statement("Accounts", `{"AWS":["arn:aws:iam::111111111111:root"]}`, strings.Replace(pull, "]", `,"ecr:ListImages"]`, 1), "")
	if change := mustMerge(t, s, document(extra), lists(accounts("111111111111"))); change.Document != document(grant("Accounts", "111111111111")) {
		t.Errorf("got %s", change.Document)
	}
	only := statement("Accounts", `{"AWS":["arn:aws:iam::111111111111:root"]}`, `["ecr:ListImages"]`, "")
	if change := mustMerge(t, s, document(only), lists(accounts("111111111111"))); change.Document != "" || !change.Changed {
		t.Errorf("got %s", change.Document)
	}
	if change := mustMerge(t, s, document(extra), lists(nil)); change.Changed {
		t.Errorf("got %s", change.Document)
	}
	// The other way round, and whatever a registry policy can't express.
	back := standard(policy.GrantPrincipal)
	back.Scope.Include = []string{"team-?"}
	existing := document(byAccount("Accounts", []string{"111111111111", "222222222222"}, "*"), byAccount("AccountsIna", []string{"111111111111"}, "a", "a/*"))
	change := mustMergeRegistry(t, back, existing, listOn("", accounts("222222222222", "333333333333")), listOn("b", accounts("444444444444")))
	if want := document(byAccount("Accounts", []string{"222222222222"}, "*"), byAccount("AccountsIna", []string{"111111111111"}, "a", "a/*")); change.Document != want {
		t.Errorf("got  %s\nwant %s", change.Document, want)
	}
	if change := mustMergeRegistry(t, back, "", listOn("", accounts("222222222222"))); change.Changed {
		t.Errorf("got %+v", change)
	}
}

func TestGrantsAll(t *testing.T) {
	ofRegistry := document(byAccount("Accounts", []string{"111111111111", "222222222222"}, "*"),
		onNames("Organizations", pull, organizations, "*"), byAccount("AccountsInteamDasha", []string{"333333333333"}, "team-a", "team-a/*"))
	function := statement("Lambda", service, lambda, sources)
	usable := lists(none(), none(), none())
	for _, test := range []struct {
		name, registry, repository string
		want                       bool // the registry policy grants all that the policy of team-a/api does
		back                       bool // and the other way round
	}{
		{"the same", ofRegistry, document(grant("Accounts", "111111111111", "222222222222"), statement("Organizations", `"*"`, pull, organizations), grant("Accounts1", "333333333333"), function), true, true},
		{"less on the repository", ofRegistry, document(grant("Accounts", "111111111111")), true, false},
		{"nothing on the repository", ofRegistry, "", true, false},
		{"nothing in the registry policy", "", document(grant("Accounts", "111111111111")), false, true},
		{"another account", ofRegistry, document(grant("Accounts", "444444444444")), false, false},
		{"accounts of other lists", ofRegistry, document(grant("Accounts", "333333333333"), grant("Accounts2", "111111111111", "222222222222"), statement("Organizations1", `"*"`, pull, organizations)), true, true},
		{"another action", ofRegistry, document(statement("Accounts", `{"AWS":"111111111111"}`, `["ecr:ListImages"]`, "")), false, false},
		{"another namespace", document(byAccount("AccountsInteamDashb", []string{"333333333333"}, "team-b", "team-b/*")), document(grant("Accounts1", "333333333333")), false, true},
		{"other repositories", document(byAccount("Accounts", []string{"111111111111"}, "team-b/*")), document(grant("Accounts", "111111111111")), false, true},
		{"all but the repository", strings.Replace(document(byAccount("Accounts", []string{"111111111111"}, "team-a/*")), `"Resource"`, `"NotResource"`, 1), document(grant("Accounts", "111111111111")), false, true},
		{"all but another", strings.Replace(document(byAccount("Accounts", []string{"111111111111"}, "team-b/*")), `"Resource"`, `"NotResource"`, 1), document(grant("Accounts", "111111111111")), true, true},
		{"under one more condition", document(onNames("Accounts", pull, `{"Bool":{"aws:SecureTransport":"true"},"StringEquals":{"aws:PrincipalAccount":["111111111111"]}}`, "*")), document(grant("Accounts", "111111111111")), false, true},
		{"a Deny", ofRegistry, document(strings.Replace(grant("Accounts", "111111111111"), "Allow", "Deny", 1)), false, false},
		{"to all", ofRegistry, document(statement("Accounts", `"*"`, pull, "")), false, false},
		{"of no list", ofRegistry, document(grant("Old", "111111111111")), false, false},
		{"Lambda", "", document(function), true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ofRegistry, err := policy.ParseRegistryDocument(test.registry, registry)
			if err != nil {
				t.Fatal(err)
			}
			ofRepository, err := policy.ParseDocument(test.repository, registry)
			if err != nil {
				t.Fatal(err)
			}
			if got := ofRegistry.GrantsAll(ofRepository, usable, "team-a/api"); got != test.want {
				t.Errorf("the registry policy grants all: %t", got)
			}
			if got := ofRepository.GrantsAll(ofRegistry, usable, "team-a/api"); got != test.back {
				t.Errorf("the policy of the repository grants all: %t", got)
			}
		})
	}
}

// Each statement goes as soon as the registry policy grants the same, and no
// earlier.
func TestMergeRemovesWhatIsCovered(t *testing.T) {
	s := atRegistry("", "")
	existing := document(`{"Sid":"Other"}`, grant("Accounts", "111111111111"), grant("Accounts1", "222222222222"), grant("Accounts2", "333333333333"))
	doc, err := policy.ParseDocument(existing, registry)
	if err != nil {
		t.Fatal(err)
	}
	ofRegistry, err := policy.ParseRegistryDocument(document(byAccount("Accounts", []string{"111111111111"}, "*"), byAccount("AccountsInteamDashaSlashapi", []string{"333333333333"}, "team-a/api")), registry)
	if err != nil {
		t.Fatal(err)
	}
	covered := doc.CoveredBy(ofRegistry, "team-a/api")
	// The list at depth 2 can't be used.
	change, err := s.Merge(covered, lists(accounts("111111111111"), accounts("222222222222"), nil))
	if want := document(`{"Sid":"Other"}`, grant("Accounts1", "222222222222")); err != nil || change.Document != want {
		t.Errorf("got %s, %v", change.Document, err)
	}
	// Revoked by the list, so that the registry policy needn't grant it.
	change, err = s.Merge(covered, lists(accounts("111111111111"), none(), nil))
	if err != nil || change.Document != document(`{"Sid":"Other"}`) {
		t.Errorf("got %s, %v", change.Document, err)
	}
	// At the level of the repository, nothing is taken away.
	change, err = standard(policy.GrantPrincipal).Merge(covered, lists(accounts("111111111111"), accounts("222222222222"), nil))
	if err != nil || change.Changed {
		t.Errorf("got %s, %v", change.Document, err)
	}
}

// A consumer that moves to another list for the same repositories keeps its
// grants on them at the other level, and no others.
func TestMergeFollowsConsumersToOtherLists(t *testing.T) {
	const x, y = "111111111111", "222222222222"
	for _, test := range []struct {
		name  string
		has   string
		lists []*policy.Consumers
		want  string
	}{
		{"to a namespace", grant("Accounts", x, y), []*policy.Consumers{accounts(y), accounts(x), none()}, grant("Accounts", x, y)},
		{"to the account list", grant("Accounts2", x, y), []*policy.Consumers{accounts(x), none(), accounts(y)}, grant("Accounts2", x, y)},
		{"to no list", grant("Accounts", x, y), []*policy.Consumers{accounts(y), none(), none()}, grant("Accounts", y)},
		{"to no list that can be used", grant("Accounts", x, y), []*policy.Consumers{accounts(y), nil, none()}, grant("Accounts", y)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if change := mustMerge(t, atRegistry("", ""), document(test.has), lists(test.lists...)); change.Document != document(test.want) {
				t.Errorf("got  %s\nwant %s", change.Document, document(test.want))
			}
		})
	}

	s := standard(policy.GrantPrincipal)
	all, team, api := []string{"*"}, []string{"team-a", "team-a/*"}, []string{"team-a/api", "team-a/api/*"}
	const inTeam, inAPI = "AccountsInteamDasha", "AccountsInteamDashaSlashapi"
	named := statement("Accounts", `{"AWS":["arn:aws:iam::111111111111:root","arn:aws:iam::222222222222:root"]}`, pull+`,"Resource":["`+arnPrefix+`*"]`, "")
	of := func(account, team, api *policy.Consumers) []policy.Listed {
		return []policy.Listed{listOn("", account), listOn("team-a", team), listOn("team-a/api", api)}
	}
	for _, test := range []struct {
		name  string
		has   []string
		lists []policy.Listed
		want  []string
	}{
		{"to a namespace", []string{byAccount("Accounts", []string{x, y}, all...)}, of(accounts(y), accounts(x), none()),
			[]string{byAccount("Accounts", []string{y}, all...), byAccount(inTeam, []string{x}, team...)}},
		{"to a namespace, with names", []string{named}, of(accounts(y), accounts(x), none()),
			[]string{byAccount("Accounts", []string{y}, all...), byAccount(inTeam, []string{x}, team...)}},
		{"to the statement of a namespace", []string{byAccount("Accounts", []string{x}, all...), byAccount(inTeam, []string{y}, team...)}, of(none(), accounts(x, y), none()),
			[]string{byAccount(inTeam, []string{x, y}, team...)}},
		{"to two namespaces, one in the other", []string{byAccount("Accounts", []string{x}, all...)}, of(none(), accounts(x), accounts(x)),
			[]string{byAccount(inTeam, []string{x}, team...)}},
		{"from one namespace to another", []string{byAccount(inTeam, []string{x}, team...)}, of(none(), none(), accounts(x)),
			[]string{byAccount(inAPI, []string{x}, api...)}},
		{"from a part of the registry", []string{byAccount("Accounts", []string{x}, "team-a/api", "team-b")}, of(none(), accounts(x), none()),
			[]string{byAccount(inTeam, []string{x}, "team-a/api")}},
		{"to the account list", []string{byAccount(inTeam, []string{x}, team...)}, of(accounts(x), none(), none()),
			[]string{byAccount(inTeam, []string{x}, team...)}},
		{"nowhere", []string{byAccount(inTeam, []string{x}, team...)}, of(accounts(y), none(), none()), nil},
		{"to the namespace of no statement", []string{byAccount(inAPI, []string{x}, api...)}, of(none(), none(), none()), nil},
		{"from a list that can't be used", []string{byAccount("Accounts", []string{x}, all...)}, of(nil, accounts(x), none()),
			[]string{byAccount("Accounts", []string{x}, all...)}},
	} {
		t.Run("registry policy "+test.name, func(t *testing.T) {
			want := ""
			if test.want != nil {
				want = document(test.want...)
			}
			change := mustMergeRegistry(t, s, document(test.has...), test.lists...)
			if change.Document != want {
				t.Fatalf("got  %s\nwant %s", change.Document, want)
			}
			if again := mustMergeRegistry(t, s, want, test.lists...); again.Changed {
				t.Errorf("changed again: %+v", again)
			}
		})
	}
	// What doesn't fit doesn't delay a revocation.
	many := manyAccounts(400)
	existing := document(byAccount("Accounts", append([]string{x}, many.Accounts...), all...))
	change := mustMergeRegistry(t, s, existing, listOn("", accounts(x)), listOn("a", many), listOn("b", many))
	if want := document(byAccount("Accounts", []string{x}, all...)); change.Document != want {
		t.Errorf("got %s", change.Document)
	}
}

// Another list can lose the consumer, so that it doesn't replace the statement of
// one that can't be used.
func TestUnusableListIsNotCoveredByAnother(t *testing.T) {
	ofRegistry, err := policy.ParseRegistryDocument(document(byAccount("Accounts", []string{"111111111111"}, "*")), registry)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := policy.ParseDocument(document(grant("Accounts1", "111111111111")), registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		list    *policy.Consumers
		removed bool
	}{{nil, false}, {accounts("111111111111"), true}} {
		if got := ofRegistry.GrantsAll(doc, lists(none(), c.list), "team-a/api"); got != c.removed {
			t.Errorf("the registry policy grants all: %t", got)
		}
		change, err := atRegistry("", "").Merge(doc.CoveredBy(ofRegistry, "team-a/api"), lists(accounts("111111111111"), c.list))
		if err != nil || change.Changed != c.removed {
			t.Errorf("got %s, %v", change.Document, err)
		}
	}
}

func TestUnknownLevel(t *testing.T) {
	s := standard(policy.GrantPrincipal)
	s.Level = "both"
	mustContain(t, s.Validate(), `unknown policy level "both"; use repository or registry`)
	mustContain(t, atRegistry("team-?", "x*").Validate(), `"team-?"`, `"x*"`)
	s = standard(policy.GrantPrincipal)
	s.Scope.Include = []string{"team-?"}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}
