package policy_test

import (
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func TestMergeMarksTheOnlyPolicy(t *testing.T) {
	s := atRegistry("", "")
	team := listOn("team-a", accounts("222222222222"))
	account := listOn("", accounts("111111111111"))
	foreign := `{"Sid":"EcrPull","Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*","Zeta":1.0}`
	unmarked := document(foreign, byAccount("Accounts", []string{"111111111111"}, "*"), byAccount("AccountsInteamDasha", []string{"222222222222"}, "team-a", "team-a/*"))
	marked := document(foreign, byAccount("OnlyAccounts", []string{"111111111111"}, "*"), byAccount("OnlyAccountsInteamDasha", []string{"222222222222"}, "team-a", "team-a/*"))
	mixed := document(foreign, byAccount("OnlyAccounts", []string{"111111111111"}, "*"), byAccount("AccountsInteamDasha", []string{"222222222222"}, "team-a", "team-a/*"))

	parse := func(text string) policy.Document {
		doc, err := policy.ParseRegistryDocument(text, registry)
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	for text, want := range map[string]bool{marked: true, mixed: false, unmarked: false, document(foreign): false, "": false} {
		if got := parse(text).IsOnly(); got != want {
			t.Errorf("IsOnly is %t for %s", got, text)
		}
	}
	atRepositories, withLambda := s, s
	atRepositories.Level = policy.LevelRepository
	withLambda.Lambda = true
	for _, test := range []struct {
		name     string
		standard policy.Standard
		existing policy.Document
		lists    []policy.Listed
		want     string
	}{
		{"set", s, parse(unmarked).AsOnly(), []policy.Listed{account, team}, marked},
		{"kept", s, parse(marked), []policy.Listed{account, team}, marked},
		{"kept without usable lists", s, parse(marked), []policy.Listed{{}, {Namespace: "team-a"}}, marked},
		{"on a new statement", s, parse(document(foreign, byAccount("OnlyAccounts", []string{"111111111111"}, "*"))), []policy.Listed{account, team}, marked},
		{"never set by itself", s, parse(unmarked), []policy.Listed{account, team}, unmarked},
		{"not on each statement", s, parse(mixed), []policy.Listed{account, team}, unmarked},
		{"at the level of the repositories", atRepositories, parse(marked), []policy.Listed{account, team}, unmarked},
		{"with statements for Lambda", withLambda, parse(marked), []policy.Listed{account, team}, unmarked},
		{"without a managed statement", s, parse(marked), []policy.Listed{listOn("", none()), listOn("team-a", none())}, document(foreign)},
	} {
		change, err := test.standard.Merge(test.existing, test.lists)
		if err != nil || change.Document != test.want {
			t.Errorf("%s: got  %s, %v\nwant %s", test.name, change.Document, err, test.want)
		}
		if change.Changed != (change.Document != test.existing.String()) {
			t.Errorf("%s: changed is %t", test.name, change.Changed)
		}
	}
	// A statement that only denies is kept as it is, but for its Sid.
	denied := func(sid string) string {
		return document(`{"Zeta":1.0,"Sid":"` + sid + `","Effect":"Deny","Principal":5}`)
	}
	if change, err := s.Merge(parse(denied("EcrPullPolicyAccounts")).AsOnly(), []policy.Listed{{}}); err != nil || change.Document != denied("EcrPullPolicyOnlyAccounts") {
		t.Errorf("got %s, %v", change.Document, err)
	}
	// In the policy of a repository, the mark means nothing.
	if change := mustMerge(t, atRepositories, document(grant("OnlyAccounts", "111111111111")), []policy.Listed{account}); change.Document != document(grant("Accounts", "111111111111")) {
		t.Errorf("got %s", change.Document)
	}
}

// Somebody can write the mark more than once.
func TestMergeRemovesRepeatedMarks(t *testing.T) {
	for _, test := range []struct {
		merge          func(policy.Standard, string) (policy.Change, error)
		existing, want string
	}{
		{func(s policy.Standard, text string) (policy.Change, error) { return merge(s, text, lists(nil)) },
			grant("OnlyOnlyAccounts", "111111111111"), grant("Accounts", "111111111111")},
		{func(s policy.Standard, text string) (policy.Change, error) {
			return mergeRegistry(s, text, listOn("", nil))
		},
			byAccount("OnlyOnlyAccounts", []string{"111111111111"}, "*"), byAccount("Accounts", []string{"111111111111"}, "*")},
	} {
		change, err := test.merge(standard(policy.GrantPrincipal), document(test.existing))
		if err != nil || change.Document != document(test.want) {
			t.Errorf("got %s, %v", change.Document, err)
		}
		if again, err := test.merge(standard(policy.GrantPrincipal), change.Document); err != nil || again.Changed {
			t.Errorf("changed again: %+v, %v", again, err)
		}
	}
}

// Consumers come before the mark, which a document of any size can do without.
func TestMergeDropsTheMarkForSpace(t *testing.T) {
	s := atRegistry("", "")
	list := listOn("", accounts("111111111111"))
	used := len(byAccount("Accounts", []string{"111111111111"}, "*")) + len(document("", ""))
	filler := `{"Sid":"` + strings.Repeat("x", policy.MaxDocumentCharacters-used-len(`{"Sid":""}`)) + `"}`
	full := document(filler, byAccount("Accounts", []string{"111111111111"}, "*"))
	doc, err := policy.ParseRegistryDocument(full, registry)
	if err != nil || len(full) != policy.MaxDocumentCharacters {
		t.Fatal(len(full), err)
	}
	if change, err := s.Merge(doc.AsOnly(), []policy.Listed{list}); err != nil || change.Changed {
		t.Errorf("got %+v, %v", change, err)
	}
}
