// Package access tests who can pull because of an entry in an account list, and from which repositories: which
// principals, and which Lambda functions.
package access

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
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

// pulls is a row of the table: those who can pull if a list has one entry, and no one else.
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

// coverage is a list for a part of the repositories.
type coverage struct {
	namespace        string // of the list; "" for the account list
	include, exclude string // patterns of the repositories in scope
	in               []string
}

// repositories are inside and outside of each coverage.
func repositories() []string {
	return []string{"team-a", "team-a/api", "team-ab/api", "sandbox/team-a", "web"}
}

func coverages() []coverage {
	return []coverage{
		{"", "**", "sandbox/**", []string{"team-a", "team-a/api", "team-ab/api", "web"}},
		{"", "team-*/**", "", []string{"team-a", "team-a/api", "team-ab/api"}},
		{"team-a", "**", "sandbox/**", []string{"team-a", "team-a/api"}},
	}
}

// placement is where the grants of a list are.
type placement struct {
	level policy.Level
	style policy.GrantStyle
}

func placements() []placement {
	return []placement{
		{policy.LevelRepository, policy.GrantPrincipal},
		{policy.LevelRepository, policy.GrantCondition},
		{policy.LevelRegistry, policy.GrantPrincipal},
		{policy.LevelRegistry, policy.GrantCondition},
	}
}

// policies are the policies of a registry and of its repositories in scope. A policy that doesn't exist is "".
type policies struct {
	registry     string
	repositories map[string]string
}

// policiesFor returns the policies that a list with one entry leads to.
func (p placement) policiesFor(t *testing.T, entry string, on coverage) policies {
	t.Helper()
	list, err := policy.ParseList(entry, registry)
	if err != nil {
		t.Fatal(err)
	}
	inScope, err := scope.New([]string{on.include}, []string{on.exclude})
	if err != nil {
		t.Fatal(err)
	}
	standard := policy.Standard{
		Registry: registry, Style: p.style, Lambda: true, Level: p.level,
		Scope: policy.Scope{Include: []string{on.include}, Exclude: []string{on.exclude}},
	}
	const root = "/ecr-pull-policy/accounts"
	name := strings.TrimSuffix(root+"/"+on.namespace, "/")
	lists := accountlist.NewSnapshot(root, nil, []accountlist.List{{Name: name, Consumers: &list.Consumers}})
	merge := func(parse func(string, policy.Registry) (policy.Document, error), listed []policy.Listed) string {
		none, err := parse("", registry)
		if err != nil {
			t.Fatal(err)
		}
		change, err := standard.Merge(none, listed)
		if err != nil {
			t.Fatal(err)
		}
		return change.Document
	}
	all := policies{merge(policy.ParseRegistryDocument, lists.ListedByNamespace()), map[string]string{}}
	for _, repository := range repositories() {
		if inScope.Contains(repository) {
			all.repositories[repository] = merge(policy.ParseDocument, lists.Listed(repository))
		}
	}
	return all
}

// weaker returns the policies without each element of their statements that limits who can pull or from where, in turn,
// by what is left out.
func (p policies) weaker(t *testing.T) map[string]policies {
	t.Helper()
	all := map[string]policies{}
	for without, text := range withoutEachElement(t, p.registry) {
		all["registry policy, "+without] = policies{text, p.repositories}
	}
	for _, document := range p.repositories {
		for without, text := range withoutEachElement(t, document) {
			weakened := maps.Clone(p.repositories)
			for repository := range weakened {
				if weakened[repository] == document {
					weakened[repository] = text
				}
			}
			all["repository policy, "+without] = policies{p.registry, weakened}
		}
	}
	return all
}

// question is which callers can pull from which repositories under policies.
type question struct {
	row       pulls
	on        coverage
	placement placement
	policies  policies
	without   string // what the policies lack on purpose, if anything
}

func (q question) String() string {
	return fmt.Sprintf("%s level, style %s, entry %s, namespace %q, include %q, exclude %q",
		q.placement.level, q.placement.style, q.row.entry, q.on.namespace, q.on.include, q.on.exclude)
}

// want returns the answer of the table.
func (q question) want() []string {
	var all []string
	for _, repository := range q.on.in {
		for _, principal := range q.row.can {
			all = append(all, pull(principal, repository))
		}
		for _, function := range q.row.functions {
			all = append(all, pull(lambda+" for "+function, repository))
		}
	}
	slices.Sort(all)
	return all
}

func pull(caller, repository string) string { return caller + " from " + repository }

// Who can pull, and from where, is exactly what the table says at both policy levels. No condition and no Resource or
// NotResource element of any statement can be left out.
func TestWhoCanPull(t *testing.T) {
	var questions []question
	for _, p := range placements() {
		for _, row := range table() {
			for _, on := range coverages() {
				all := p.policiesFor(t, row.entry, on)
				questions = append(questions, question{row, on, p, all, ""})
				for without, weaker := range all.weaker(t) {
					questions = append(questions, question{row, on, p, weaker, without})
				}
			}
		}
	}
	answers := ask(t, questions)
	dropped := map[string]bool{}
	for i, q := range questions {
		got, want := answers[i], q.want()
		switch {
		case q.without != "":
			dropped[q.without] = true
			if slices.Equal(got, want) {
				t.Errorf("%s: without %s, the same callers can pull: %s", q, q.without, q.policies)
			}
		case !slices.Equal(got, want):
			t.Errorf("%s:\n%s\ngot  %s\nwant %s", q, q.policies, strings.Join(got, ", "), strings.Join(want, ", "))
		}
	}
	// The policies of repositories have 9 conditions. The 4 conditions in the registry policy are tried with either
	// element: Resource and NotResource.
	if want := 9 + 4 + 4*2; len(dropped) != want {
		t.Errorf("tried to leave out %d different elements, want %d:\n%s", len(dropped), want, strings.Join(slices.Sorted(maps.Keys(dropped)), "\n"))
	}
}

// ask returns, for each question, who can pull from which repository, sorted.
func ask(t *testing.T, questions []question) [][]string {
	t.Helper()
	var requests []request
	index := map[string]int{} // of the requests, so that none is evaluated twice
	key := func(document string, c caller, action, repository string) string {
		return strings.Join([]string{document, c.name, action, repository}, " ")
	}
	answer(questions, func(document string, c caller, action, repository string) bool {
		if _, ok := index[key(document, c, action, repository)]; !ok {
			index[key(document, c, action, repository)] = len(requests)
			requests = append(requests, request{json.RawMessage(document), c.principal, action, registry.RepositoryARN(repository), registry.AccountID, c.context})
		}
		return false
	})
	allowed := evaluate(t, requests)
	return answer(questions, func(document string, c caller, action, repository string) bool {
		return allowed[index[key(document, c, action, repository)]]
	})
}

// answer returns, for each question, who can pull from which repository, sorted. A pull needs all of its actions. For
// each of them, one of the two policies is enough:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
func answer(questions []question, allows func(document string, c caller, action, repository string) bool) [][]string {
	answers := make([][]string, len(questions))
	for i, q := range questions {
		for _, c := range callers() {
			for _, repository := range repositories() {
				documents := slices.DeleteFunc([]string{q.policies.registry, q.policies.repositories[repository]}, func(d string) bool { return d == "" })
				allowed := 0
				actions := []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
				for _, action := range actions {
					if slices.ContainsFunc(documents, func(d string) bool { return allows(d, c, action, repository) }) {
						allowed++
					}
				}
				if allowed == len(actions) {
					answers[i] = append(answers[i], pull(c.name, repository))
				}
			}
		}
		slices.Sort(answers[i])
	}
	return answers
}

// withoutEachElement returns a policy without each one of the conditions, and of the Resource and NotResource elements,
// of its statements in turn, by the Sid of the statement without the name of its list, and what is left out.
func withoutEachElement(t *testing.T, document string) map[string]string {
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
	add := func(d any, sid any, without string) {
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		weaker[listSuffix.ReplaceAllString(fmt.Sprint(sid), "")+": "+without] = string(text)
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
				add(d, statement["Sid"], operator+" "+key)
			}
		}
		for _, element := range []string{"Resource", "NotResource"} {
			d := read()
			if _, ok := statement[element]; ok {
				delete(d.Statement[i], element)
				add(d, statement["Sid"], element)
			}
		}
	}
	return weaker
}

// listSuffix is the end of the Sid of a statement for a namespace list.
var listSuffix = regexp.MustCompile(`(\d+|Inteam.*)$`)
