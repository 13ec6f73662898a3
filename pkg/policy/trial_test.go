package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

const deploy = "arn:aws:iam::333333333333:role/team/deploy"

func TestPrincipals(t *testing.T) {
	l := lists(all(), nil, accounts("444444444444"))
	principals := []string{deploy, "arn:aws:iam::333333333333:user/eve"}
	roots := []string{"arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root", principals[0], principals[1], "arn:aws:iam::444444444444:root"}
	if got := standard(policy.GrantPrincipal).Principals(l); !slices.Equal(got, roots) {
		t.Errorf("got %q", got)
	}
	if got := standard(policy.GrantCondition).Principals(l); !slices.Equal(got, principals) {
		t.Errorf("in style condition: got %q", got)
	}
}

func TestNamed(t *testing.T) {
	s := standard(policy.GrantPrincipal)
	got := s.Named(document(`{"Sid":"Mine","Principal":{"AWS":"222222222222"}}`, grant("Accounts1", "111111111111"),
		statement("Accounts", `"*"`, pull, `{"StringEquals":{"aws:PrincipalAccount":"333333333333"}}`),
		statement("Lambda", service, lambda, sources)))
	if !slices.Equal(got, []string{"arn:aws:iam::111111111111:root"}) || s.Named("{") != nil {
		t.Errorf("got %q", got)
	}
}

func TestWithout(t *testing.T) {
	got := all().Without([]string{"arn:aws:iam::111111111111:root", deploy, "arn:aws:iam::999999999999:root"})
	if !slices.Equal(got.Accounts, []string{"222222222222"}) || len(got.Principals) != 1 || len(got.Organizations) != 1 {
		t.Errorf("got %+v", got)
	}
	if len(all().Accounts) != 2 {
		t.Error("changed the original")
	}
}

func TestTrial(t *testing.T) {
	s := standard(policy.GrantPrincipal)
	s.Lambda = true
	foreign := `{"Sid":"Mine","Effect":"Deny","Principal":"*","Action":"ecr:PutImage"}`
	existing := document(foreign, grant("Accounts", "555555555555", "111111111111"), grant("Accounts1", "666666666666"))
	got, err := s.Trial(existing, lists(all(), nil), []string{deploy})
	if err != nil {
		t.Fatal(err)
	}
	lambdaSources := `{"StringLike":{"aws:SourceArn":["arn:aws:lambda:eu-west-1:111111111111:function:*","arn:aws:lambda:eu-west-1:222222222222:function:*"]}}`
	byCondition := []string{
		foreign,
		statement("Accounts", `"*"`, pull, `{"StringEquals":{"aws:PrincipalAccount":["111111111111","222222222222","555555555555"]}}`),
		statement("Principals", `"*"`, pull, `{"ArnEquals":{"aws:PrincipalArn":["`+deploy+`","arn:aws:iam::333333333333:user/eve"]},"StringEquals":{"aws:PrincipalAccount":["333333333333"]}}`),
		statement("Organizations", `"*"`, pull, `{"StringEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5"]}}`),
		statement("OrganizationalUnits", `"*"`, pull, `{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"]}}`),
		statement("Lambda", service, lambda, lambdaSources),
		// Of a list that cannot be read, and whose principals may not exist any more either.
		statement("Accounts1", `"*"`, pull, `{"StringEquals":{"aws:PrincipalAccount":["666666666666"]}}`),
	}
	if want := document(append(byCondition, statement("Trial", `{"AWS":["`+deploy+`"]}`, pull, ""))...); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	t.Run("a second trial grants the same", func(t *testing.T) {
		again, err := s.Trial(got, lists(all(), nil), nil)
		if want := document(byCondition...); err != nil || again != want {
			t.Errorf("got  %s, %v\nwant %s", again, err, want)
		}
		fewer, err := s.Trial(got, lists(accounts("111111111111"), nil), nil)
		if want := document(byCondition...); err != nil || fewer != want {
			t.Errorf("a trial took a grant away: got %s, %v\nwant %s", fewer, err, want)
		}
	})
	t.Run("a list that is deleted after a trial", func(t *testing.T) {
		change := mustMerge(t, s, got, lists(nil, nil))
		if want := document(byCondition...); change.Document != want {
			t.Errorf("got  %s\nwant %s", change.Document, want)
		}
	})
	t.Run("the next merge takes it away", func(t *testing.T) {
		change := mustMerge(t, s, got, lists(all(), nil))
		if strings.Contains(change.Document, "Trial") || !strings.Contains(change.Document, "666666666666") || !change.Changed {
			t.Errorf("got %s", change.Document)
		}
	})
	t.Run("a deleted role", func(t *testing.T) {
		got, err := s.Trial(document(statement("Accounts", `{"AWS":["AROAEXAMPLEEXAMPLEEX","111111111111"]}`, pull, "")), lists(accounts("111111111111")), nil)
		if err != nil || strings.Contains(got, "AROA") {
			t.Errorf("got %s, %v", got, err)
		}
	})
	t.Run("errors", func(t *testing.T) {
		if _, err := s.Trial("{", lists(all()), nil); err == nil {
			t.Error("an unreadable document is no error")
		}
		if _, err := (policy.Standard{}).Trial("", lists(all()), nil); err == nil {
			t.Error("an invalid standard is no error")
		}
		if _, err := s.Trial(document(`{"Sid":"`+strings.Repeat("x", 9900)+`"}`), lists(all()), nil); !isSizeError(err) {
			t.Errorf("got %v, want a SizeError", err)
		}
		if _, err := s.Trial("", lists(&policy.Consumers{Accounts: []string{"*"}}), nil); err == nil {
			t.Error("an impossible consumer is no error")
		}
	})
}

func TestNamingPrincipals(t *testing.T) {
	plain := `{"Sid":"Plain","Principal":{"AWS":["arn:aws:iam::111111111111:root","*"]}}`
	dead := `{"Sid":"Dead","Principal":{"Service":"x","AWS":"AROAEXAMPLEEXAMPLEEX"}}`
	open := `{"Sid":"Open","Principal":"*"}`
	for _, test := range []struct {
		name, document string
		want           []string
	}{
		{"a deleted role", document(plain, open, dead), []string{`foreign statement 3 (Sid "Dead") names AROAEXAMPLEEXAMPLEEX, which is left of a deleted role or user`}},
		{"no deleted role", document(open, plain, grant("Accounts", "222222222222")), []string{`foreign statement 2 (Sid "Plain")`}},
		{"nobody", document(open, `3`), nil},
		{"no document", "{", nil},
	} {
		if got := policy.NamingPrincipals(test.document); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
