// Package access tests who can pull because of an entry in an account list: which principals, and which Lambda functions.
package access

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

var registry = policy.Registry{Partition: "aws", Region: "eu-west-1", AccountID: "999999999999"}

const (
	organization = "o-a1b2c3d4e5"
	parent       = organization + "/r-ab12/ou-ab12-00000000/"
	unit         = parent + "ou-ab12-11111111/"

	role = "arn:aws:iam::111111111111:role/team/deploy"
	user = "arn:aws:iam::111111111111:user/eve"
)

// paths are the accounts with the paths of their OUs. An account in no organization has none.
var paths = map[string]string{
	"111111111111": unit,
	"222222222222": unit + "ou-ab12-22222222/",
	"333333333333": parent + "ou-ab12-33333333/", // a sibling
	"444444444444": parent,
	"555555555555": "o-z9y8x7w6v5/r-ab12/ou-ab12-00000000/ou-ab12-11111111/",
	"666666666666": "",
}

// caller is a principal, or the Lambda service on behalf of a function.
type caller struct {
	name      string
	principal string
	context   map[string]any
}

func principal(arn string) caller {
	account := strings.Split(arn, ":")[4]
	context := map[string]any{"aws:PrincipalArn": arn, "aws:PrincipalAccount": account, "aws:PrincipalIsAWSService": "false"}
	addOrganization(context, "aws:Principal", account)
	return caller{arn, arn, context}
}

func service(name, source string) caller {
	account := strings.Split(source, ":")[4]
	context := map[string]any{"aws:SourceArn": source, "aws:SourceAccount": account, "aws:PrincipalIsAWSService": "true"}
	addOrganization(context, "aws:Source", account)
	return caller{name + " for " + source, name, context}
}

func addOrganization(context map[string]any, prefix, account string) {
	if path := paths[account]; path != "" {
		context[prefix+"OrgID"], _, _ = strings.Cut(path, "/")
		context[prefix+"OrgPaths"] = []string{path}
	}
}

const lambda = "lambda.amazonaws.com"

func function(account string) string { return "arn:aws:lambda:eu-west-1:" + account + ":function:f" }

func anyRole(account string) string { return "arn:aws:iam::" + account + ":role/any" }

// callers are all that could pull, inside and outside of what an entry names.
func callers() []caller {
	all := []caller{
		principal(role), principal(user),
		principal("arn:aws:iam::222222222222:role/team/deploy"), // with the name of the listed role
		service(lambda, function("111111111111")+":live"),
		service(lambda, strings.Replace(function("111111111111"), "eu-west-1", "us-east-1", 1)),
		service(lambda, "arn:aws:lambda:eu-west-1:111111111111:event-source-mapping:1a2b3c"),
		service("codebuild.amazonaws.com", "arn:aws:codebuild:eu-west-1:111111111111:project/p"),
		service("codebuild.amazonaws.com", function("111111111111")),
	}
	for _, account := range slices.Sorted(maps.Keys(paths)) {
		all = append(all, principal(anyRole(account)), service(lambda, function(account)))
	}
	return all
}

// pulls is a row of the table: those who can pull if a list has one entry, and nobody else.
type pulls struct {
	entry     string
	can       []string // principals
	functions []string // for which Lambda can pull
}

func table() []pulls {
	ofAccount := []string{role, user, anyRole("111111111111")}
	ofUnit := append(ofAccount, "arn:aws:iam::222222222222:role/team/deploy", anyRole("222222222222"))
	functionsOfAccount := []string{function("111111111111"), function("111111111111") + ":live"}
	functionsOfUnit := append(functionsOfAccount, function("222222222222"))
	return []pulls{
		{"none", nil, nil},
		{"111111111111", ofAccount, functionsOfAccount},
		{"arn:aws:iam::111111111111:root", ofAccount, functionsOfAccount},
		{role, []string{role}, nil},
		{user, []string{user}, nil},
		{organization, append(ofUnit, anyRole("333333333333"), anyRole("444444444444")), append(functionsOfUnit, function("333333333333"), function("444444444444"))},
		{unit + "*", ofUnit, functionsOfUnit},
	}
}

// placement is where the grants of a list are.
type placement struct {
	level string
	style policy.GrantStyle
}

func placements() []placement {
	return []placement{
		{"repository", policy.GrantPrincipal},
		{"repository", policy.GrantCondition},
	}
}

// policyFor returns the policy that a repository in scope has because of a list with one entry. It is "" for none.
func (p placement) policyFor(t *testing.T, entry string) string {
	t.Helper()
	list, err := policy.ParseList(entry, registry)
	if err != nil {
		t.Fatal(err)
	}
	standard := policy.Standard{Registry: registry, Style: p.style, Lambda: true}
	change, err := standard.Merge(policy.Document{}, []policy.Listed{{Consumers: &list.Consumers}})
	if err != nil {
		t.Fatal(err)
	}
	return change.Document
}

// question is which callers can pull under a policy.
type question struct {
	row       pulls
	placement placement
	policy    string
	without   string // the condition that the policy lacks on purpose, if any
}

func (q question) String() string {
	return fmt.Sprintf("%s level, style %s, entry %s", q.placement.level, q.placement.style, q.row.entry)
}

// Who can pull is exactly what the table says, and no condition of any statement can be left out.
func TestWhoCanPull(t *testing.T) {
	var questions []question
	for _, p := range placements() {
		for _, row := range table() {
			document := p.policyFor(t, row.entry)
			questions = append(questions, question{row, p, document, ""})
			for without, weaker := range withoutEachCondition(t, document) {
				questions = append(questions, question{row, p, weaker, without})
			}
		}
	}
	answers := ask(t, questions)
	dropped := map[string]bool{}
	for i, q := range questions {
		want := slices.Sorted(slices.Values(q.row.can))
		for _, function := range q.row.functions {
			want = append(want, lambda+" for "+function)
		}
		slices.Sort(want)
		got := answers[i]
		switch {
		case q.without != "":
			dropped[q.without] = true
			if slices.Equal(got, want) {
				t.Errorf("%s: without the condition %s, the same callers can pull: %s", q, q.without, q.policy)
			}
		case !slices.Equal(got, want):
			t.Errorf("%s:\n%s\ngot  %s\nwant %s", q, q.policy, strings.Join(got, ", "), strings.Join(want, ", "))
		}
	}
	if want := 9; len(dropped) != want {
		t.Errorf("tried to leave out %d different conditions, want %d: %v", len(dropped), want, slices.Sorted(maps.Keys(dropped)))
	}
}

// ask returns, for each question, the sorted names of the callers that can pull.
func ask(t *testing.T, questions []question) [][]string {
	t.Helper()
	actions := []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
	var requests []request
	for _, q := range questions {
		for _, c := range callers() {
			for _, action := range actions {
				r := request{json.RawMessage(q.policy), c.principal, action, registry.RepositoryARN("team-a/api"), registry.AccountID, c.context}
				if q.policy == "" {
					r.Policy = nil
				}
				requests = append(requests, r)
			}
		}
	}
	allowed := evaluate(t, requests)
	answers := make([][]string, len(questions))
	for i := range questions {
		for _, c := range callers() {
			if !slices.Contains(allowed[:len(actions)], false) {
				answers[i] = append(answers[i], c.name)
			}
			allowed = allowed[len(actions):]
		}
		slices.Sort(answers[i])
	}
	return answers
}

// withoutEachCondition returns a policy without each one of the conditions of its statements in turn, by the Sid of the
// statement, the operator, and the key.
func withoutEachCondition(t *testing.T, document string) map[string]string {
	t.Helper()
	weaker := map[string]string{}
	read := func() (d struct {
		Version   string
		Statement []map[string]any
	}) {
		if err := json.Unmarshal([]byte(document), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	if document == "" {
		return nil
	}
	for i, statement := range read().Statement {
		conditions, _ := statement["Condition"].(map[string]any)
		for operator, keys := range conditions {
			for key := range keys.(map[string]any) {
				d := read()
				weakened := d.Statement[i]["Condition"].(map[string]any)
				delete(weakened[operator].(map[string]any), key)
				if len(weakened[operator].(map[string]any)) == 0 {
					delete(weakened, operator)
				}
				text, err := json.Marshal(d)
				if err != nil {
					t.Fatal(err)
				}
				weaker[fmt.Sprintf("%s: %s %s", statement["Sid"], operator, key)] = string(text)
			}
		}
	}
	return weaker
}
