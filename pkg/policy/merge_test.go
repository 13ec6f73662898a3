package policy_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

const (
	organizations = `{"StringEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5"]}}`
	units         = `{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"]}}`
	sources       = `{"StringLike":{"aws:SourceArn":["arn:aws:lambda:eu-west-1:111111111111:function:*","arn:aws:lambda:eu-west-1:222222222222:function:*"]}}`
	service       = `{"Service":["lambda.amazonaws.com"]}`

	inRegion            = `"ArnLike":{"aws:SourceArn":["arn:aws:lambda:eu-west-1:*:function:*"]}`
	sourceOrganizations = `{` + inRegion + `,"StringEquals":{"aws:SourceOrgID":["o-a1b2c3d4e5"]}}`
	sourceUnits         = `{` + inRegion + `,"ForAnyValue:StringLike":{"aws:SourceOrgPaths":["o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"]}}`
)

func TestMergeBuilds(t *testing.T) {
	principalStyle := standard(policy.GrantPrincipal)
	conditionStyle := standard(policy.GrantCondition)
	principalStyle.Lambda, conditionStyle.Lambda = true, true
	roles := `"arn:aws:iam::333333333333:role/team/deploy","arn:aws:iam::333333333333:user/eve"`

	tests := []struct {
		name     string
		standard policy.Standard
		want     string
	}{
		{"principal", principalStyle, document(
			statement("Accounts", `{"AWS":["arn:aws:iam::111111111111:root","arn:aws:iam::222222222222:root",`+roles+`]}`, pull, ""),
			statement("Organizations", `"*"`, pull, organizations),
			statement("OrganizationalUnits", `"*"`, pull, units),
			statement("Lambda", service, lambda, sources),
			statement("LambdaOrganizations", service, lambda, sourceOrganizations),
			statement("LambdaOrganizationalUnits", service, lambda, sourceUnits),
		)},
		{"condition", conditionStyle, document(
			statement("Accounts", `"*"`, pull, `{"StringEquals":{"aws:PrincipalAccount":["111111111111","222222222222"]}}`),
			statement("Principals", `"*"`, pull, `{"ArnEquals":{"aws:PrincipalArn":[`+roles+`]}}`),
			statement("Organizations", `"*"`, pull, organizations),
			statement("OrganizationalUnits", `"*"`, pull, units),
			statement("Lambda", service, lambda, sources),
			statement("LambdaOrganizations", service, lambda, sourceOrganizations),
			statement("LambdaOrganizationalUnits", service, lambda, sourceUnits),
		)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			change := mustMerge(t, test.standard, "", lists(all()))
			if change.Document != test.want {
				t.Errorf("got  %s\nwant %s", change.Document, test.want)
			}
			again := mustMerge(t, test.standard, change.Document, lists(all()))
			if again.Changed {
				t.Errorf("its own document is changed: %+v", again)
			}
		})
	}
}

func TestMergeBuildsOnlyWhatIsNeeded(t *testing.T) {
	role := "arn:aws:iam::333333333333:role/x"
	for _, style := range []policy.GrantStyle{policy.GrantPrincipal, policy.GrantCondition} {
		s := standard(style)
		s.Lambda = true
		// A role entry must not let all functions of its account.
		change := mustMerge(t, s, "", lists(&policy.Consumers{Principals: []string{role}}))
		if strings.Contains(change.Document, "lambda") || len(change.Added) != 1 {
			t.Errorf("%s: %s", style, change.Document)
		}
		change = mustMerge(t, s, "", lists(&policy.Consumers{Organizations: []string{"o-a1b2c3d4e5"}}))
		want := document(statement("Organizations", `"*"`, pull, organizations), statement("LambdaOrganizations", service, lambda, sourceOrganizations))
		if change.Document != want {
			t.Errorf("%s: %s", style, change.Document)
		}
	}
}

// A document from a version without the statement for the functions of
// organizations gets only that statement, and only if an organization is listed.
func TestMergeAddsFunctionsOfOrganizations(t *testing.T) {
	s := standard(policy.GrantPrincipal)
	c := accounts("111111111111", "222222222222")
	before := mustMerge(t, s, "", lists(c)).Document
	s.Lambda = true
	withFunctions := mustMerge(t, s, before, lists(c)).Document
	if change := mustMerge(t, s, withFunctions, lists(c)); change.Changed {
		t.Errorf("without organizations: %+v", change)
	}
	c.Organizations = []string{"o-a1b2c3d4e5"}
	old := mustMerge(t, standard(policy.GrantPrincipal), before, lists(c)).Document
	old = strings.TrimSuffix(old, "]}") + "," + statement("Lambda", service, lambda, sources) + "]}"
	if change := mustMerge(t, s, old, lists(c)); !reflect.DeepEqual(change.Added, []string{"EcrPullPolicyLambdaOrganizations"}) || change.Removed != nil {
		t.Errorf("with an organization: %+v", change)
	}
}

func TestMergePartitions(t *testing.T) {
	for _, partition := range []string{"aws", "aws-cn", "aws-us-gov"} {
		s := policy.Standard{Registry: policy.Registry{Partition: partition, Region: "r-1", AccountID: "999999999999"}, Style: policy.GrantPrincipal, Lambda: true}
		change := mustMerge(t, s, "", lists(accounts("111111111111")))
		want := document(
			statement("Accounts", `{"AWS":["arn:`+partition+`:iam::111111111111:root"]}`, pull, ""),
			statement("Lambda", service, lambda, `{"StringLike":{"aws:SourceArn":["arn:`+partition+`:lambda:r-1:111111111111:function:*"]}}`),
		)
		if change.Document != want {
			t.Errorf("got  %s\nwant %s", change.Document, want)
		}
		bare := strings.ReplaceAll(want, "arn:"+partition+":iam::111111111111:root", "111111111111")
		if mustMerge(t, s, bare, lists(accounts("111111111111"))).Changed {
			t.Errorf("%s: a bare account ID is a change", partition)
		}
	}
}

func TestMergeExtraActions(t *testing.T) {
	s := standard(policy.GrantPrincipal)
	s.Lambda = true
	s.ExtraActions = []string{"ecr:ListImages", "ecr:DescribeImages", "ecr:ListImages", "ecr:BatchGetImage"}
	change := mustMerge(t, s, "", lists(accounts("111111111111")))
	for _, want := range []string{
		`"Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:DescribeImages","ecr:GetDownloadUrlForLayer","ecr:ListImages"]}`,
		`"Action":` + lambda + `,"Condition"`,
	} {
		if !strings.Contains(change.Document, want) {
			t.Errorf("%s lacks %s", change.Document, want)
		}
	}
}

func TestMergeSortsItself(t *testing.T) {
	change := mustMerge(t, standard(policy.GrantPrincipal), "", lists(accounts("222222222222", "111111111111", "222222222222")))
	if want := document(grant("Accounts", "111111111111", "222222222222")); change.Document != want {
		t.Errorf("got %s", change.Document)
	}
}

func TestMergeDoesNotEscapeHTML(t *testing.T) {
	role := "arn:aws:iam::111111111111:role/<&>/x"
	change := mustMerge(t, standard(policy.GrantCondition), "", lists(&policy.Consumers{Principals: []string{role}}))
	if !strings.Contains(change.Document, role) {
		t.Errorf("got %s", change.Document)
	}
}

// unmanaged has what encoding/json would lose: unknown members, order,
// duplicate members, forms of numbers, escapes, bytes that aren't UTF-8, wrong
// case.
func unmanaged() []string {
	return []string{
		`{"Sid":"LambdaECRImageRetrievalPolicy","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["ecr:SetRepositoryPolicy"]}`,
		`{"zeta":1e400,"Alpha":[1.0,-0,1E+2,{"b":null,"a":"\u0041\/\ud800<&>"}],"Alpha":2,"":{}}`,
		`{"sid":"EcrPullPolicyAccounts"}`,
		`{"sid":"EcrPullPolicyAccounts","SID":"EcrPullPolicyAccounts"}`,
		`{"Sid":["EcrPullPolicyAccounts"]}`,
		`{"Sid":null}`,
		`{"Sid":"ecrPullPolicyAccounts"}`,
		`{"Sid":" EcrPullPolicy"}`,
		`{"Sid":"EcrPullPolicyAccounts","Sid":"Other"}`,
		"{\"Sid\":\"raw \xff\xfe \u2028\"}",
		`"EcrPullPolicyAccounts"`, `1.0`, `null`, `true`, `[{"Sid":"EcrPullPolicyAccounts"}]`, `{}`,
	}
}

func TestMergeKeepsUnmanagedStatements(t *testing.T) {
	s := standard(policy.GrantPrincipal)
	own := grant("Accounts", "111111111111")
	existing := "{\n \"Id\" : \"\\u0041\xff\", \"version\": 1.0, \"statement\": [ ],\n \"Statement\": [ " + own + " , " + strings.Join(unmanaged(), " ,\n ") + " ] , \"Id\": 2 }"
	change := mustMerge(t, s, existing, lists(accounts("222222222222")))
	want := "{\"Id\":\"\\u0041\xff\",\"version\":1.0,\"statement\":[],\"Statement\":[" + strings.Join(unmanaged(), ",") + "," + grant("Accounts", "222222222222") + "],\"Id\":2}"
	if change.Document != want {
		t.Errorf("got  %s\nwant %s", change.Document, want)
	}
	change = mustMerge(t, s, change.Document, lists(none()))
	want = strings.Replace(want, ","+grant("Accounts", "222222222222"), "", 1)
	if change.Document != want {
		t.Errorf("got  %s\nwant %s", change.Document, want)
	}
	if change = mustMerge(t, s, existing, lists(accounts("111111111111"))); change.Changed || change.Document != existing {
		t.Errorf("unmanaged statements alone are a change: %+v", change)
	}
}

func TestMergeExistingDocument(t *testing.T) {
	own := grant("Accounts", "111111111111")
	tests := []struct {
		name, existing string
		list           *policy.Consumers
		want           policy.Change
	}{
		{"no policy", "", accounts("111111111111"), policy.Change{Document: document(own), Changed: true, Added: []string{"EcrPullPolicyAccounts"}}},
		{"no policy, none", "", none(), policy.Change{}},
		{"empty array, none", document(), none(), policy.Change{Document: document()}},
		{"empty array, unreadable", document(), nil, policy.Change{Document: document()}},
		{"last statement goes", document(own), none(), policy.Change{Changed: true, Removed: []string{"EcrPullPolicyAccounts"}}},
		{"managed object", `{"Version":"2008-10-17","Statement":` + own + `}`, accounts("222222222222"), policy.Change{
			Document: document(grant("Accounts", "222222222222")), Changed: true,
			Added: []string{"EcrPullPolicyAccounts"}, Removed: []string{"EcrPullPolicyAccounts"}}},
		{"equal managed object", `{"Statement":` + own + `}`, accounts("111111111111"), policy.Change{Document: `{"Statement":` + own + `}`}},
		{"unmanaged object", `{"Statement":{"Sid":"Other"},"Id":1}`, accounts("111111111111"), policy.Change{
			Document: `{"Statement":[{"Sid":"Other"},` + own + `],"Id":1}`, Changed: true, Added: []string{"EcrPullPolicyAccounts"}}},
		{"escaped names and Sid", `{"St\u0061tement":[{"S\u0069d":"\u0045crPullPolicyOld"},{"Sid":"Other"}]}`, none(), policy.Change{
			Document: `{"St\u0061tement":[{"Sid":"Other"}]}`, Changed: true, Removed: []string{"EcrPullPolicyOld"}}},
		{"Sids of no list", document(grant("Old", "111111111111"), grant("", "111111111111"), grant("Accounts0", "111111111111"), grant("Accounts01", "111111111111"), grant("Accounts1", "111111111111"), grant("Accounts-1", "111111111111"), own),
			accounts("111111111111"), policy.Change{Document: document(own), Changed: true, Removed: []string{
				"EcrPullPolicy", "EcrPullPolicyAccounts-1", "EcrPullPolicyAccounts0", "EcrPullPolicyAccounts01", "EcrPullPolicyAccounts1", "EcrPullPolicyOld"}}},
		{"duplicate Sids", document(own, own), accounts("111111111111"), policy.Change{Document: document(own), Changed: true,
			Added: []string{"EcrPullPolicyAccounts"}, Removed: []string{"EcrPullPolicyAccounts"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := mustMerge(t, standard(policy.GrantPrincipal), test.existing, lists(test.list))
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestMergeWithoutListsChangesNothing(t *testing.T) {
	existing := document(grant("Accounts", "111111111111"), `{"Sid":"Other"}`)
	if got := mustMerge(t, standard(policy.GrantPrincipal), existing, nil); got.Changed || got.Document != existing {
		t.Errorf("got %+v", got)
	}
}

func TestParseDocumentRejectsUnclearText(t *testing.T) {
	for existing, reason := range map[string]string{
		" ":                               "invalid JSON",
		"{":                               "invalid JSON",
		`{"Statement":[]} {}`:             "invalid JSON",
		`{"Statement":[],}`:               "invalid JSON",
		`[]`:                              "not a JSON object",
		`null`:                            "not a JSON object",
		`1e400`:                           "not a JSON object",
		`"{}"`:                            "not a JSON object",
		`{"Statement":[],"Statement":[]}`: "two Statement elements",
		`{"Version":"2008-10-17"}`:        "no Statement element",
		`{"statement":[{"Sid":"Other"}]}`: "no Statement element",
		`{"Statements":[]}`:               "no Statement element",
		`{"Statement":1}`:                 "invalid Statement element",
		`{"Statement":null}`:              "invalid Statement element",
		`{"Statement":"EcrPullPolicy"}`:   "invalid Statement element",
		`{"Statement":` + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + `}`: "invalid JSON",
	} {
		doc, err := policy.ParseDocument(existing, registry)
		mustContain(t, err, "policy document: "+reason)
		if !reflect.DeepEqual(doc, policy.Document{}) {
			t.Errorf("a document comes with the error: %+v", doc)
		}
	}
}

func TestMergeNamespacedLists(t *testing.T) {
	s := standard(policy.GrantPrincipal)
	base, team, api := accounts("111111111111"), accounts("222222222222"), accounts("333333333333")
	change := mustMerge(t, s, "", lists(base, team, api))
	want := document(grant("Accounts", "111111111111"), grant("Accounts1", "222222222222"), grant("Accounts2", "333333333333"))
	if change.Document != want {
		t.Fatalf("got %s", change.Document)
	}
	tests := []struct {
		name  string
		lists []policy.Listed
		want  string // "" is no change
	}{
		{"same", lists(base, team, api), ""},
		{"all unreadable", lists(nil, nil, nil), ""},
		{"one unreadable", lists(base, nil, api), ""},
		{"account list unreadable, team revokes", lists(nil, none(), nil), document(grant("Accounts", "111111111111"), grant("Accounts2", "333333333333"))},
		{"account list revokes", lists(none(), nil, nil), document(grant("Accounts1", "222222222222"), grant("Accounts2", "333333333333"))},
		{"fewer lists", lists(base, team), document(grant("Accounts", "111111111111"), grant("Accounts1", "222222222222"))},
		{"team changes", lists(nil, accounts("444444444444"), nil), document(grant("Accounts", "111111111111"), grant("Accounts1", "444444444444"), grant("Accounts2", "333333333333"))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := mustMerge(t, s, want, test.lists)
			if got.Changed != (test.want != "") || got.Changed && got.Document != test.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestMergeOrdersByDepthThenKind(t *testing.T) {
	deep := make([]policy.Listed, 12)
	for i := range deep {
		deep[i] = policy.Listed{Consumers: &policy.Consumers{Organizations: []string{"o-a1b2c3d4e5"}}}
	}
	s := standard(policy.GrantPrincipal)
	s.Lambda = true
	document := mustMerge(t, s, "", deep).Document
	last := -1
	for _, sid := range []string{
		"Organizations", "LambdaOrganizations", "Organizations1", "LambdaOrganizations1", "Organizations2", "Organizations10", "LambdaOrganizations10", "Organizations11",
	} {
		at := strings.Index(document, `"EcrPullPolicy`+sid+`"`)
		if at <= last {
			t.Errorf("%s is at %d, after %d", sid, at, last)
		}
		last = at
	}
}

// A list that can't be used keeps its statements, whatever the stack's settings
// are now, byte for byte.
func TestMergeUnusableListKeepsStatements(t *testing.T) {
	kept := []string{
		// With other actions, and as ECR may write it.
		`{"Effect":"Allow","Sid":"EcrPullPolicyAccounts","Principal":"*","Action":"ECR:listimages","Condition":{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}}`,
		statement("Principals", `"*"`, pull, `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::333333333333:role/team/deploy"}}`),
		statement("Organizations", `{"AWS":"*"}`, pull, `{"stringequals":{"AWS:principalorgid":"o-a1b2c3d4e5"}}`),
		statement("OrganizationalUnits", `{"AWS":["*"]}`, pull, units),
		statement("Lambda", service, lambda, sources),
		statement("LambdaOrganizations", service, lambda, `{"arnlike":{"AWS:sourcearn":"arn:aws:lambda:eu-west-1:*:function:*"},"stringequals":{"AWS:sourceorgid":"o-a1b2c3d4e5"}}`),
		statement("LambdaOrganizationalUnits", service, lambda, sourceUnits),
	}
	named := `{"Effect":"Allow","Sid":"EcrPullPolicyAccounts1","Principal":{"AWS":["111111111111"]},"Action":"ECR:listimages"}`
	for _, test := range []struct {
		style policy.GrantStyle
		kept  []string
	}{
		{policy.GrantPrincipal, append(kept, named)},
		{policy.GrantCondition, kept},
	} {
		s := standard(test.style)
		existing := document(test.kept...)
		if change := mustMerge(t, s, existing, lists(nil, nil)); change.Changed || change.Document != existing {
			t.Errorf("%s: %+v", test.style, change)
		}
		added := mustMerge(t, standard(policy.GrantCondition), "", lists(nil, nil, accounts("444444444444"))).Document
		want := document(append(test.kept, strings.TrimSuffix(strings.TrimPrefix(added, `{"Version":"2012-10-17","Statement":[`), "]}"))...)
		if change := mustMerge(t, s, existing, lists(nil, nil, accounts("444444444444"))); change.Document != want {
			t.Errorf("%s: got  %s\nwant %s", test.style, change.Document, want)
		}
	}
}

// A statement of which nothing conforms to the standard is removed.
func TestMergeUnusableListRemovesStatements(t *testing.T) {
	root := `{"AWS":["arn:aws:iam::111111111111:root"]}`
	pinned := `{"StringEquals":{"aws:PrincipalAccount":["111111111111"]}}`
	tests := map[string]string{
		"effect in lower case":           strings.Replace(grant("Accounts", "111111111111"), "Allow", "allow", 1),
		"no effect":                      strings.Replace(grant("Accounts", "111111111111"), `"Effect":"Allow",`, "", 1),
		"no action":                      `{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":` + root + `}`,
		"no principal":                   `{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Action":` + pull + `}`,
		"empty actions":                  statement("Accounts", root, `[]`, ""),
		"action of no string":            statement("Accounts", root, `[1]`, ""),
		"action null":                    statement("Accounts", root, `[null]`, ""),
		"action object":                  statement("Accounts", root, `{}`, ""),
		"push alone":                     statement("Accounts", root, `["ecr:PutImage"]`, ""),
		"not action":                     strings.Replace(grant("Accounts", "111111111111"), `"Action"`, `"NotAction"`, 1),
		"not principal":                  strings.Replace(grant("Accounts", "111111111111"), `"Principal"`, `"NotPrincipal"`, 1),
		"deleted role":                   statement("Accounts", `{"AWS":"AROAEXAMPLEEXAMPLE123"}`, pull, ""),
		"deny of a deleted role":         strings.Replace(statement("Accounts", `{"AWS":"AROAEXAMPLEEXAMPLE123"}`, pull, ""), "Allow", "Deny", 1),
		"deleted role by condition":      statement("Principals", `"*"`, pull, `{"ArnEquals":{"aws:PrincipalArn":"AROAEXAMPLEEXAMPLE123"}}`),
		"policy variable":                statement("Principals", `"*"`, pull, `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/${aws:username}/x"}}`),
		"root ARN as account":            statement("Accounts", `"*"`, pull, `{"StringEquals":{"aws:PrincipalAccount":["arn:aws:iam::111111111111:root"]}}`),
		"account as ARN":                 statement("Principals", `"*"`, pull, `{"ArnEquals":{"aws:PrincipalArn":"111111111111"}}`),
		"long s":                         statement("Accounts", root, `["ecr:Li\u017ftImages"]`, ""),
		"two actions members":            strings.Replace(grant("Accounts", "111111111111"), `"Action"`, `"Action":"ecr:ListImages","Action"`, 1),
		"actions in two cases":           strings.Replace(grant("Accounts", "111111111111"), `"Action"`, `"action":"ecr:*","Action"`, 1),
		"effects in two cases":           strings.Replace(grant("Accounts", "111111111111"), `"Effect"`, `"Effect":"Deny","effect"`, 1),
		"wrong case":                     strings.Replace(grant("Accounts", "111111111111"), `"Action"`, `"action"`, 1),
		"all principals":                 statement("Accounts", `"*"`, pull, ""),
		"all principals by AWS":          statement("Accounts", `{"AWS":"*"}`, pull, ""),
		"empty principals":               statement("Accounts", `{"AWS":[]}`, pull, ""),
		"empty principal":                statement("Accounts", `{}`, pull, ""),
		"principal string":               statement("Accounts", `"111111111111"`, pull, ""),
		"principal number":               statement("Accounts", `1`, pull, ""),
		"principal of no string":         statement("Accounts", `{"AWS":[111111111111]}`, pull, ""),
		"service":                        statement("Accounts", service, pull, ""),
		"root as a service":              statement("Accounts", `{"Service":"arn:aws:iam::111111111111:root"}`, pull, ""),
		"other partition":                statement("Accounts", `{"AWS":"arn:aws-cn:iam::111111111111:root"}`, pull, ""),
		"session":                        statement("Accounts", `{"AWS":"arn:aws:sts::111111111111:assumed-role/a/b"}`, pull, ""),
		"wildcard role":                  statement("Accounts", `{"AWS":"arn:aws:iam::111111111111:role/*"}`, pull, ""),
		"list entry as a principal":      statement("Accounts", `{"AWS":"none"}`, pull, ""),
		"other condition":                statement("Accounts", `"*"`, pull, organizations),
		"pattern of accounts":            statement("Accounts", `"*"`, pull, `{"StringLike":{"aws:PrincipalAccount":["1*"]}}`),
		"account of a star":              statement("Accounts", `"*"`, pull, `{"StringEquals":{"aws:PrincipalAccount":["*"]}}`),
		"no account":                     statement("Accounts", `"*"`, pull, `{"StringEquals":{"aws:PrincipalAccount":[]}}`),
		"accounts unless null":           statement("Accounts", `"*"`, pull, `{"StringEqualsIfExists":{"aws:PrincipalAccount":["111111111111"]}}`),
		"no condition in condition":      statement("Accounts", `"*"`, pull, `{}`),
		"condition string":               statement("Accounts", `"*"`, pull, `"x"`),
		"account as a number":            statement("Accounts", `"*"`, pull, `{"StringEquals":{"aws:PrincipalAccount":111111111111}}`),
		"root among roles":               statement("Principals", root, pull, ""),
		"all principals among roles":     statement("Principals", `"*"`, pull, pinned),
		"organization unpinned":          statement("Organizations", `"*"`, pull, ""),
		"role of an organization":        statement("Organizations", `{"AWS":"arn:aws:iam::333333333333:role/x"}`, pull, ""),
		"pattern of no action":           statement("Accounts", root, `["xxcr:BatchGetImage"]`, ""),
		"organization of a star":         statement("Organizations", `"*"`, pull, `{"StringEquals":{"aws:PrincipalOrgID":["*"]}}`),
		"organization with accounts":     statement("Organizations", root, pull, organizations),
		"unit of a star":                 statement("OrganizationalUnits", `"*"`, pull, `{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["*"]}}`),
		"unit of all":                    statement("OrganizationalUnits", `"*"`, pull, `{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["o-a1b2c3d4e5/*"]}}`),
		"unit for all values":            statement("OrganizationalUnits", `"*"`, pull, strings.Replace(units, "ForAnyValue", "ForAllValues", 1)),
		"function unpinned":              statement("Lambda", service, lambda, ""),
		"function of any account":        statement("Lambda", service, lambda, `{"StringLike":{"aws:SourceArn":["arn:aws:lambda:eu-west-1:*:function:*"]}}`),
		"function of another Region":     statement("Lambda", service, lambda, strings.ReplaceAll(sources, "eu-west-1", "us-east-1")),
		"another service":                statement("Lambda", `{"Service":"ec2.amazonaws.com"}`, lambda, sources),
		"all principals as the service":  statement("Lambda", `"*"`, lambda, sources),
		"functions without organization": statement("LambdaOrganizations", service, lambda, `{`+inRegion+`}`),
		"functions without unit":         statement("LambdaOrganizationalUnits", service, lambda, `{`+inRegion+`}`),
		"functions of all organizations": statement("LambdaOrganizations", service, lambda, strings.Replace(sourceOrganizations, "o-a1b2c3d4e5", "*", 1)),
		"functions of another Region":    statement("LambdaOrganizations", service, lambda, strings.Replace(sourceOrganizations, "eu-west-1", "us-east-1", 1)),
		"unit as an organization":        statement("LambdaOrganizations", service, lambda, sourceUnits),
		"organization of principals":     statement("LambdaOrganizations", `"*"`, lambda, sourceOrganizations),
	}
	for name, unwanted := range tests {
		t.Run(name, func(t *testing.T) {
			change := mustMerge(t, standard(policy.GrantPrincipal), document(unwanted), lists(nil))
			if !change.Changed || change.Document != "" || len(change.Removed) != 1 || change.Added != nil {
				t.Errorf("got %+v", change)
			}
		})
	}
}

// What was added to a statement manually is removed; the rest of it stays.
func TestMergeUnusableListTrimsStatements(t *testing.T) {
	root := `{"AWS":["arn:aws:iam::111111111111:root"]}`
	pinned := `{"StringEquals":{"aws:PrincipalAccount":["111111111111"]}}`
	listed := `["ecr:DescribeImageScanFindings","ecr:DescribeImages","ecr:DescribeRepositories"]`
	for _, test := range []struct{ name, existing, want string }{
		{"an action", statement("Accounts", root, `["ecr:BatchGetImage","ecr:PutImage"]`, ""), statement("Accounts", root, `["ecr:BatchGetImage"]`, "")},
		{"actions by a pattern", statement("Accounts", root, `["ecr:Describe*","ecr:Put?mage"]`, ""), statement("Accounts", root, listed, "")},
		{"actions by a pattern of no characters", statement("Accounts", root, `["*ecr:BatchGetImage","*:DescribeImages","ecr:*GetLifecyclePolicy","ecr:ListImages**"]`, ""), statement("Accounts", root, `["ecr:BatchGetImage","ecr:DescribeImages","ecr:GetLifecyclePolicy","ecr:ListImages"]`, "")},
		{"actions of Lambda", statement("Lambda", service, `"ecr:*"`, sources), statement("Lambda", service, lambda, sources)},
		{"another principal", statement("Accounts", `{"AWS":["*","111111111111","AROAEXAMPLEEXAMPLE123"]}`, pull, ""), statement("Accounts", root, pull, "")},
		{"a deleted role of a Deny", strings.Replace(statement("Accounts", `{"AWS":"AROAEXAMPLEEXAMPLE123","Service":["ec2.amazonaws.com"]}`, pull, ""), "Allow", "Deny", 1), strings.Replace(statement("Accounts", `{"Service":["ec2.amazonaws.com"]}`, pull, ""), "Allow", "Deny", 1)},
		{"a service", statement("Accounts", `{"AWS":"111111111111","Service":"lambda.amazonaws.com"}`, pull, ""), statement("Accounts", root, pull, "")},
		{"an account by a pattern", statement("Accounts", `"*"`, pull, `{"StringEquals":{"aws:PrincipalAccount":["111111111111","*"]}}`), statement("Accounts", `"*"`, pull, pinned)},
		{"a principal beside all", statement("Accounts", `{"AWS":["*","222222222222"]}`, pull, pinned), statement("Accounts", `"*"`, pull, pinned)},
		{"functions of all accounts", statement("Lambda", service, lambda, strings.Replace(sources, `"]`, `","*"]`, 1)), statement("Lambda", service, lambda, sources)},
		{"no functions", statement("LambdaOrganizations", service, lambda, `{"StringEquals":{"aws:SourceOrgID":["o-a1b2c3d4e5"]}}`), statement("LambdaOrganizations", service, lambda, sourceOrganizations)},
		{"any source", statement("LambdaOrganizationalUnits", service, lambda, strings.Replace(sourceUnits, "arn:aws:lambda:eu-west-1:*:function:*", "*", 1)), statement("LambdaOrganizationalUnits", service, lambda, sourceUnits)},
		{"functions in all Regions", statement("LambdaOrganizations", service, lambda, strings.Replace(sourceOrganizations, "eu-west-1", "*", 1)), statement("LambdaOrganizations", service, lambda, sourceOrganizations)},
		{"functions in similar Regions", statement("LambdaOrganizations", service, lambda, strings.Replace(sourceOrganizations, "eu-west-1", "eu-west-?", 1)), statement("LambdaOrganizations", service, lambda, sourceOrganizations)},
		{"another source", statement("LambdaOrganizations", service, lambda, strings.Replace(sourceOrganizations, `:*"]`, `:*","arn:aws:s3:::bucket"]`, 1)), statement("LambdaOrganizations", service, lambda, sourceOrganizations)},
		{"another organization", statement("LambdaOrganizations", service, lambda, strings.Replace(sourceOrganizations, `5"]`, `5","*"]`, 1)), statement("LambdaOrganizations", service, lambda, sourceOrganizations)},
		{"actions of Lambda of organizations", statement("LambdaOrganizations", service, `"ecr:*"`, sourceOrganizations), statement("LambdaOrganizations", service, lambda, sourceOrganizations)},
		{"another service", statement("Lambda", `{"Service":["lambda.amazonaws.com","ec2.amazonaws.com"]}`, lambda, sources), statement("Lambda", service, lambda, sources)},
	} {
		t.Run(test.name, func(t *testing.T) {
			change := mustMerge(t, standard(policy.GrantPrincipal), document(test.existing), lists(nil))
			if change.Document != document(test.want) || !change.Changed {
				t.Errorf("got  %s\nwant %s", change.Document, document(test.want))
			}
			if again := mustMerge(t, standard(policy.GrantPrincipal), change.Document, lists(nil)); again.Changed {
				t.Errorf("changed again: %+v", again)
			}
		})
	}
}

// What narrows a statement stays: without it the statement would grant more.
func TestMergeUnusableListWidensNothing(t *testing.T) {
	root := `{"AWS":["arn:aws:iam::111111111111:root"]}`
	for name, existing := range map[string]string{
		"deny":                     strings.Replace(grant("Accounts", "111111111111"), "Allow", "Deny", 1),
		"resource":                 strings.TrimSuffix(grant("Accounts", "111111111111"), "}") + `,"Resource":"arn:aws:ecr:eu-west-1:999999999999:repository/x"}`,
		"resource in another form": strings.Replace(statement("Accounts", `{"AWS":"111111111111"}`, pull, ""), "{", `{"Resource":"arn:aws:ecr:eu-west-1:999999999999:repository/x",`, 1),
		"condition":                statement("Accounts", root, pull, organizations),
		"another operator":         statement("Accounts", `"*"`, pull, `{"Null":{"a":["b"]},"StringEquals":{"aws:PrincipalAccount":["111111111111"]}}`),
		"another key":              statement("Accounts", `"*"`, pull, `{"StringEquals":{"a":["b"],"aws:PrincipalAccount":["111111111111"]}}`),
		"functions of an account":  statement("LambdaOrganizations", service, lambda, strings.Replace(sourceOrganizations, ":*:function:*", ":111111111111:function:f-*", 1)),
		"fewer actions":            statement("Accounts", root, `["ecr:BatchGetImage"]`, ""),
		"role named by Principals": statement("Principals", `{"AWS":["arn:aws:iam::333333333333:role/x"]}`, pull, ""),
		"two statements of a Sid":  grant("Accounts", "111111111111") + "," + grant("Accounts", "222222222222"),
		"actions no longer wanted": statement("Accounts", root, `["ecr:DescribeImages"]`, ""),
	} {
		t.Run(name, func(t *testing.T) {
			s := standard(policy.GrantPrincipal)
			s.ExtraActions = []string{"ecr:ListImages"}
			if change := mustMerge(t, s, document(existing), lists(nil)); change.Changed {
				t.Errorf("got %+v", change)
			}
		})
	}
}

// In the style condition, the statements of a list that can't be used don't
// name principals either.
func TestMergeAsConditionKeepsGrants(t *testing.T) {
	const role, other = "arn:aws:iam::333333333333:role/x", "arn:aws:iam::333333333333:role/y"
	testedRoles := func(arns string) string {
		return statement("Principals", `"*"`, pull, `{"ArnEquals":{"aws:PrincipalArn":[`+arns+`]}}`)
	}
	named := statement("Accounts", `{"AWS":["111111111111","`+role+`"]}`, pull, "")
	accounts := statement("Accounts", `"*"`, pull, `{"StringEquals":{"aws:PrincipalAccount":["111111111111"]}}`)
	narrowed := strings.TrimSuffix(statement("Accounts", `{"AWS":["111111111111","222222222222"]}`, `["ecr:BatchGetImage"]`, `{"Bool":{"aws:SecureTransport":["true"]},"StringEquals":{"aws:PrincipalAccount":["222222222222"]}}`), "}") + `,"Resource":"*","Other":1}`
	for _, test := range []struct{ name, existing, want string }{
		{"accounts and roles", document(named), document(accounts, testedRoles(`"`+role+`"`))},
		{"one statement of roles", document(testedRoles(`"`+other+`"`), named), document(accounts, testedRoles(`"`+role+`","`+other+`"`))},
		{"what narrows stays", document(narrowed), document(strings.TrimSuffix(statement("Accounts", `"*"`, `["ecr:BatchGetImage"],"Resource":["*"]`,
			`{"Bool":{"aws:SecureTransport":["true"]},"StringEquals":{"aws:PrincipalAccount":["222222222222"]}}`), "}") + `,"Other":1}`)},
		{"a pattern of roles", document(statement("Accounts", `{"AWS":["`+role+`","arn:aws:iam::333333333333:user/z"]}`, pull, `{"ArnEquals":{"aws:PrincipalArn":["arn:aws:iam::*:role/*"]}}`)),
			document(testedRoles(`"` + role + `"`))},
		{"a condition that no principal meets", document(statement("Accounts", `{"AWS":"111111111111"}`, pull, `{"StringEquals":{"aws:PrincipalAccount":["222222222222"]}}`)), ""},
		{"a deleted role", document(statement("Accounts", `{"AWS":["AROAEXAMPLEEXAMPLE123","111111111111"]}`, pull, "")), document(accounts)},
	} {
		t.Run(test.name, func(t *testing.T) {
			change, err := mergeAs(standard(policy.GrantPrincipal), policy.GrantCondition, test.existing, lists(nil))
			if err != nil || change.Document != test.want || !change.Changed {
				t.Errorf("got  %s, %v\nwant %s", change.Document, err, test.want)
			}
		})
	}
}

// A repository keeps what it has of a list that a setting made too large.
func TestMergeOversizedList(t *testing.T) {
	listed := []policy.Listed{{Consumers: accounts("111111111111"), Oversized: accounts("222222222222", "333333333333")}}
	for _, test := range []struct{ name, existing, want string }{
		{"new repository", "", document(grant("Accounts", "111111111111"))},
		{"grants of the version in use", document(grant("Accounts", "111111111111")), document(grant("Accounts", "111111111111"))},
		{"grants of the oversized version", document(grant("Accounts", "222222222222")), document(grant("Accounts", "222222222222"))},
		{"and of neither", document(grant("Accounts", "111111111111", "222222222222", "444444444444")), document(grant("Accounts", "111111111111", "222222222222"))},
		{"a Deny of the oversized version", document(strings.Replace(grant("Accounts", "222222222222"), "Allow", "Deny", 1)), document(grant("Accounts", "111111111111"))},
		{"of neither alone", document(grant("Accounts", "444444444444")), document(grant("Accounts", "111111111111"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			if change := mustMerge(t, standard(policy.GrantPrincipal), test.existing, listed); change.Document != test.want {
				t.Errorf("got  %s\nwant %s", change.Document, test.want)
			}
		})
	}
}

func TestMergeComparesByMeaning(t *testing.T) {
	two := accounts("111111111111", "222222222222")
	org := &policy.Consumers{Organizations: []string{"o-a1b2c3d4e5"}}
	organization := func(principal, condition string) string {
		return document(statement("Organizations", principal, pull, condition))
	}
	tests := []struct {
		name, existing string
		list           *policy.Consumers
		changed        bool
	}{
		{"order of principals", document(grant("Accounts", "222222222222", "111111111111")), two, false},
		{"duplicates", document(grant("Accounts", "222222222222", "111111111111", "222222222222")), two, false},
		{"account IDs", document(statement("Accounts", `{"AWS":["222222222222","arn:aws:iam::111111111111:root"]}`, pull, "")), two, false},
		{"account both ways", document(statement("Accounts", `{"AWS":["222222222222","arn:aws:iam::222222222222:root","111111111111"]}`, pull, "")), two, false},
		{"order of actions", document(statement("Accounts", `{"AWS":["111111111111","222222222222"]}`, `["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:BatchCheckLayerAvailability"]`, "")), two, false},
		{"case of actions", document(statement("Accounts", `{"AWS":["111111111111","222222222222"]}`, strings.ToLower(pull), "")), two, false},
		{"order of members", document(`{"Action":` + pull + `,"Principal":{"AWS":["111111111111","222222222222"]},"Effect":"Allow","Sid":"EcrPullPolicyAccounts"}`), two, false},
		{"one string", document(statement("Accounts", `{"AWS":"111111111111"}`, pull, "")), accounts("111111111111"), false},
		{"white space", " " + document(grant("Accounts", "111111111111")) + "\n", accounts("111111111111"), false},
		{"version", strings.Replace(document(grant("Accounts", "111111111111")), "2012", "2008", 1), accounts("111111111111"), false},
		{"order of statements", document(grant("Accounts", "111111111111"), `{"Sid":"Other"}`), accounts("111111111111"), false},
		{"order of managed statements", document(statement("Organizations", `"*"`, pull, organizations), grant("Accounts", "111111111111")), &policy.Consumers{Accounts: []string{"111111111111"}, Organizations: []string{"o-a1b2c3d4e5"}}, false},
		{"everyone by AWS", organization(`{"AWS":"*"}`, organizations), org, false},
		{"everyone by a list", organization(`{"AWS":["*"]}`, organizations), org, false},
		{"condition of a string", organization(`"*"`, `{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`), org, false},
		{"case of a condition", organization(`"*"`, `{"stringEquals":{"aws:principalorgid":"o-a1b2c3d4e5"}}`), org, false},

		{"one account more", document(grant("Accounts", "111111111111", "222222222222", "333333333333")), two, true},
		{"one account less", document(grant("Accounts", "111111111111")), two, true},
		{"one action less", document(statement("Accounts", `{"AWS":["111111111111","222222222222"]}`, lambda, "")), two, true},
		{"deny", document(strings.Replace(grant("Accounts", "111111111111", "222222222222"), "Allow", "Deny", 1)), two, true},
		{"resource", document(strings.Replace(grant("Accounts", "111111111111", "222222222222"), `"Action"`, `"Resource":"*","Action"`, 1)), two, true},
		{"not action", document(strings.Replace(grant("Accounts", "111111111111", "222222222222"), `"Action"`, `"NotAction"`, 1)), two, true},
		{"condition", document(statement("Accounts", `{"AWS":["111111111111","222222222222"]}`, pull, organizations)), two, true},
		{"no condition", organization(`"*"`, ""), org, true},
		{"Service of a star", organization(`{"Service":"*"}`, organizations), org, true},
		{"another key", organization(`"*"`, `{"StringEquals":{"aws:PrincipalAccount":"o-a1b2c3d4e5"}}`), org, true},
		{"another operator", organization(`"*"`, `{"StringLike":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`), org, true},
		{"an unknown operator", organization(`"*"`, `{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}`), org, true},
		{"case of a value", organization(`"*"`, `{"StringEquals":{"aws:PrincipalOrgID":"O-a1b2c3d4e5"}}`), org, true},
		{"Kelvin sign", strings.ReplaceAll(document(statement("Accounts", `{"AWS":["111111111111","222222222222"]}`, pull, "")), "Check", "Chec\u212a"), two, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			change := mustMerge(t, standard(policy.GrantPrincipal), test.existing, lists(test.list))
			if change.Changed != test.changed {
				t.Fatalf("got %+v", change)
			}
			if !change.Changed && (change.Document != test.existing || change.Added != nil || change.Removed != nil) {
				t.Errorf("no change, but %+v", change)
			}
			if change.Changed && (len(change.Added) != 1 || !reflect.DeepEqual(change.Added, change.Removed)) {
				t.Errorf("added %q, removed %q", change.Added, change.Removed)
			}
		})
	}
}

func TestMergeStyles(t *testing.T) {
	principal, condition := standard(policy.GrantPrincipal), standard(policy.GrantCondition)
	named := mustMerge(t, principal, "", lists(all())).Document
	there := mustMerge(t, condition, named, lists(all()))
	if !reflect.DeepEqual(there.Added, []string{"EcrPullPolicyAccounts", "EcrPullPolicyPrincipals"}) ||
		!reflect.DeepEqual(there.Removed, []string{"EcrPullPolicyAccounts"}) {
		t.Errorf("there: %+v", there)
	}
	fallback, err := mergeAs(principal, policy.GrantCondition, named, lists(all()))
	if err != nil || !reflect.DeepEqual(fallback, there) {
		t.Errorf("as condition: %+v, %v", fallback, err)
	}
	// Either style is as good, until the caller knows that all principals exist.
	if change := mustMerge(t, principal, there.Document, lists(all())); change.Changed {
		t.Errorf("by condition: %+v", change)
	}
	if change := mustMerge(t, principal, named, lists(all())); change.Changed {
		t.Errorf("by name: %+v", change)
	}
	back, err := mergeAs(principal, policy.GrantPrincipal, there.Document, lists(all()))
	if err != nil || back.Document != named || !reflect.DeepEqual(back.Removed, []string{"EcrPullPolicyAccounts", "EcrPullPolicyPrincipals"}) {
		t.Errorf("back: %+v, %v", back, err)
	}
	// What changes a document by condition leaves it so.
	if change := mustMerge(t, principal, there.Document, lists(accounts("111111111111"))); change.Document !=
		mustMerge(t, condition, "", lists(accounts("111111111111"))).Document {
		t.Errorf("got %s", change.Document)
	}
	for _, c := range []policy.Consumers{{Accounts: all().Accounts}, {Principals: all().Principals}} {
		existing := mustMerge(t, condition, "", lists(&c)).Document
		if change := mustMerge(t, principal, existing, lists(all())); change.Document != there.Document {
			t.Errorf("got %s", change.Document)
		}
	}
	// Organizations are granted by condition in both styles.
	existing := mustMerge(t, principal, "", lists(&policy.Consumers{Organizations: all().Organizations})).Document
	if change := mustMerge(t, principal, existing, lists(all())); change.Document != named {
		t.Errorf("got %s", change.Document)
	}
	// Each list may be in another style.
	mixed := document(grant("Accounts", "111111111111"), statement("Accounts1", `"*"`, pull, `{"StringEquals":{"aws:PrincipalAccount":["222222222222"]}}`))
	if change := mustMerge(t, principal, mixed, lists(accounts("111111111111"), accounts("222222222222"))); change.Changed {
		t.Errorf("mixed: %+v", change)
	}
	// The standard's style condition leaves no name.
	if change, err := mergeAs(condition, policy.GrantPrincipal, "", lists(all())); err != nil || change.Document != there.Document {
		t.Errorf("got %s, %v", change.Document, err)
	}
}

func TestNaming(t *testing.T) {
	s := standard(policy.GrantPrincipal)
	arns := s.Principals(*all())
	if want := []string{"arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root", "arn:aws:iam::333333333333:role/team/deploy", "arn:aws:iam::333333333333:user/eve"}; !reflect.DeepEqual(arns, want) {
		t.Errorf("principals %q, want %q", arns, want)
	}
	text, err := s.Naming(arns[:2])
	if want := document(grant("Accounts", "111111111111", "222222222222")); text != want || err != nil {
		t.Errorf("got  %s, %v\nwant %s", text, err, want)
	}
	if _, err := s.Naming(s.Principals(*manyAccounts(400))); !isSizeError(err) {
		t.Errorf("got %v", err)
	}
	if got := standard(policy.GrantCondition).Principals(*all()); got != nil {
		t.Errorf("by condition, named are %q", got)
	}
}

// Consumers that ParseList can't return get no grants.
func TestMergeRejectsImpossibleConsumers(t *testing.T) {
	for _, style := range []policy.GrantStyle{policy.GrantPrincipal, policy.GrantCondition} {
		for _, c := range []policy.Consumers{
			{Accounts: []string{"*"}},
			{Accounts: []string{"111111111111", ""}},
			{Principals: []string{"*"}},
			{Principals: []string{"111111111111"}},
			{Principals: []string{"arn:aws:iam::111111111111:role/*"}},
			{Organizations: []string{"*"}},
			{OrganizationalUnits: []string{"o-a1b2c3d4e5/*"}},
		} {
			change, err := merge(standard(style), "", lists(&c))
			mustContain(t, err, "no valid account list")
			if change.Document != "" || change.Changed {
				t.Errorf("%+v: %+v", c, change)
			}
		}
	}
}

// IAM's quotation marks are optional for numbers and booleans, so that a condition that somebody added can have them:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func TestMergeUnusableListKeepsStatementsUnderNumbersAndBooleans(t *testing.T) {
	root := `{"AWS":["arn:aws:iam::111111111111:root"]}`
	for name, condition := range map[string]string{
		"boolean":           `{"Bool":{"aws:SecureTransport":true}}`,
		"booleans":          `{"Bool":{"aws:SecureTransport":[true]}}`,
		"number":            `{"NumericLessThan":{"aws:MultiFactorAuthAge":3600}}`,
		"beside our own":    `{"Bool":{"aws:SecureTransport":true},"StringEquals":{"aws:PrincipalAccount":["111111111111"]}}`,
		"boolean as string": `{"Bool":{"aws:SecureTransport":"true"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			existing := document(statement("Accounts", root, pull, condition))
			if change := mustMerge(t, standard(policy.GrantPrincipal), existing, lists(nil, accounts("444444444444"))); !strings.Contains(change.Document, `"arn:aws:iam::111111111111:root"`) {
				t.Errorf("the account lost its pull: %s", change.Document)
			}
		})
	}
}

// IAM accepts a condition without values, which holds for no request. Null in
// its place would be another value, which no policy can have.
func TestMergeUnusableListKeepsConditionsWithoutValues(t *testing.T) {
	existing := document(statement("Accounts", `{"AWS":["arn:aws:iam::111111111111:root"]}`, `["ecr:BatchGetImage","ecr:PutImage"]`, `{"StringEquals":{"aws:PrincipalTag/team":[]}}`))
	for _, style := range []policy.GrantStyle{policy.GrantPrincipal, policy.GrantCondition} {
		change, err := mergeAs(standard(policy.GrantPrincipal), style, existing, lists(nil, accounts("222222222222")))
		if err != nil || !strings.Contains(change.Document, `"aws:PrincipalTag/team":[]`) {
			t.Errorf("%s: got %s, %v", style, change.Document, err)
		}
	}
}

// A Deny grants nothing. Taking it away would.
func TestMergeUnusableListKeepsADenyThatItCannotRead(t *testing.T) {
	for name, deny := range map[string]string{
		"NotPrincipal": `{"Sid":"EcrPullPolicyAccounts","Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::111111111111:root"]},"Action":["ecr:BatchGetImage"]}`,
		"NotAction":    `{"Sid":"EcrPullPolicyAccounts","Effect":"Deny","Principal":"*","NotAction":["ecr:BatchGetImage"]}`,
		"boolean":      `{"Sid":"EcrPullPolicyAccounts","Effect":"Deny","Principal":"*","Action":["ecr:BatchGetImage"],"Condition":{"Bool":{"aws:SecureTransport":false}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			change := mustMerge(t, standard(policy.GrantPrincipal), document(deny), lists(nil, accounts("444444444444")))
			if !strings.Contains(change.Document, deny) {
				t.Errorf("the Deny is gone: %s", change.Document)
			}
		})
	}
}

// Only a list that is none revokes grants: consumers that weren't read from a
// list don't.
func TestMergeRejectsConsumersOfNoList(t *testing.T) {
	existing := document(grant("Accounts", "111111111111"))
	unread, err := policy.ParseList("111", registry)
	if err == nil {
		t.Fatal("no error")
	}
	both := all()
	both.None = true
	for name, test := range map[string]struct {
		consumers *policy.Consumers
		reason    string
	}{
		"zero value":      {&policy.Consumers{}, "no consumers; set None"},
		"empty slices":    {&policy.Consumers{Accounts: []string{}}, "no consumers"},
		"of a list error": {&unread.Consumers, "no consumers"},
		"none and others": {both, "both None and consumers are set"},
	} {
		t.Run(name, func(t *testing.T) {
			s := standard(policy.GrantPrincipal)
			change, err := merge(s, existing, lists(accounts("111111111111"), test.consumers))
			mustContain(t, err, "account list at depth 1: "+test.reason)
			if !reflect.DeepEqual(change, policy.Change{}) {
				t.Errorf("a change comes with the error: %+v", change)
			}
			mustContain(t, s.Fits("", *test.consumers), test.reason)
		})
	}
	for _, c := range []policy.Consumers{
		{Accounts: all().Accounts}, {Principals: all().Principals}, {Organizations: all().Organizations}, {OrganizationalUnits: all().OrganizationalUnits},
	} {
		c.None = true
		mustContain(t, standard(policy.GrantPrincipal).Fits("", c), "both None and consumers are set")
	}
}

func TestMergeRejectsDocumentOfAnotherRegistry(t *testing.T) {
	doc, err := policy.ParseDocument(document(grant("Accounts", "111111111111")), registry)
	if err != nil {
		t.Fatal(err)
	}
	s := standard(policy.GrantPrincipal)
	s.Registry.Region = "us-east-1"
	_, err = s.Merge(doc, lists(none()))
	mustContain(t, err, "another registry")
	if change, err := s.Merge(policy.Document{}, lists(none())); err != nil || change.Changed {
		t.Errorf("got %+v, %v", change, err)
	}
}

func TestMergeAsRejectsUnknownStyle(t *testing.T) {
	for _, style := range []policy.GrantStyle{"", "both"} {
		_, err := mergeAs(standard(policy.GrantPrincipal), style, "", lists(all()))
		mustContain(t, err, "unknown grant style")
	}
}

// A document is the same after any number of questions.
func TestDocumentIsNotModified(t *testing.T) {
	existing := " " + document(`{"Sid":"Team","Principal":{"AWS":"111111111111"}}`, statement("Accounts", `{"AWS":["222222222222","111111111111","*"]}`, `["ecr:*"]`, ""))
	doc, err := policy.ParseDocument(existing, registry)
	if err != nil {
		t.Fatal(err)
	}
	grants, unmanaged := doc.Grants(), doc.UnmanagedPrincipals()
	for _, g := range doc.Grants() {
		g.Actions[0], g.Consumers[0] = "", ""
	}
	for _, list := range [][]policy.Listed{lists(nil), lists(all()), lists(none()), {{Consumers: accounts("111111111111"), Oversized: all()}}} {
		for _, style := range []policy.GrantStyle{policy.GrantPrincipal, policy.GrantCondition} {
			got, err := standard(policy.GrantPrincipal).MergeAs(style, doc, list)
			want, wantErr := mergeAs(standard(policy.GrantPrincipal), style, existing, list)
			if err != nil || wantErr != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v, %v\nwant %+v, %v", got, err, want, wantErr)
			}
		}
	}
	if doc.String() != existing || !reflect.DeepEqual(doc.Grants(), grants) || !reflect.DeepEqual(doc.UnmanagedPrincipals(), unmanaged) {
		t.Errorf("got %s, %+v, %q", doc, doc.Grants(), doc.UnmanagedPrincipals())
	}
}
