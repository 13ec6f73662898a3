package policy_test

import (
	"slices"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func TestWithoutDeletedPrincipals(t *testing.T) {
	const (
		role  = "AROAEXAMPLEEXAMPLEEX"
		user  = "AIDAEXAMPLEEXAMPLEEX"
		plain = `{"Sid":"Plain","Principal":{"AWS":"111111111111"},"Future":{"n":1.50}}`
	)
	managed := grant("Accounts", "111111111111")
	for name, c := range map[string]struct{ before, after string }{
		"one of several": {`{"Sid":"Team","Condition":{"x":{"y":1e2}},"Principal":{"AWS":["` + role + `","\u0031","111111111111","` + user + `"]},"Unknown":[1.0,null]}`,
			`{"Sid":"Team","Condition":{"x":{"y":1e2}},"Principal":{"AWS":["\u0031","111111111111"]},"Unknown":[1.0,null]}`},
		"the only one":                {`{"Sid":"Team","Principal":{"AWS":"` + role + `"},"Action":"ecr:*"}`, ""},
		"all of several":              {`{"Sid":"Team","Principal":{"AWS":["` + role + `","` + user + `"]}}`, ""},
		"Deny":                        {`{"Effect":"Deny","Principal":{"AWS":["` + role + `","111111111111"]}}`, `{"Effect":"Deny","Principal":{"AWS":["111111111111"]}}`},
		"Deny of no other principal":  {`{"Effect":"Deny","Principal":{"AWS":["` + role + `"]}}`, ""},
		"a service before it":         {`{"Principal":{"Service":"x","AWS":["` + role + `"]}}`, `{"Principal":{"Service":"x"}}`},
		"a service after it":          {`{"Principal":{"AWS":["` + role + `"],"Service":"x"}}`, `{"Principal":{"Service":"x"}}`},
		"NotPrincipal":                {`{"Effect":"Deny","NotPrincipal":{"AWS":["` + role + `","111111111111"]}}`, `{"Effect":"Deny","NotPrincipal":{"AWS":["` + role + `","111111111111"]}}`},
		"both":                        {`{"notprincipal":{},"Principal":{"AWS":"` + role + `"}}`, `{"notprincipal":{},"Principal":{"AWS":"` + role + `"}}`},
		"two Principal elements":      {`{"Principal":{"AWS":"` + role + `"},"principal":"*"}`, `{"Principal":{"AWS":"` + role + `"},"principal":"*"}`},
		"two AWS members":             {`{"Principal":{"AWS":"` + role + `","AWS":"*"}}`, `{"Principal":{"AWS":"` + role + `","AWS":"*"}}`},
		"another kind of principal":   {`{"Principal":{"CanonicalUser":"` + role + `"}}`, `{"Principal":{"CanonicalUser":"` + role + `"}}`},
		"a condition on the ID":       {`{"Principal":"*","Condition":{"StringLike":{"aws:userid":"` + role + `"}}}`, `{"Principal":"*","Condition":{"StringLike":{"aws:userid":"` + role + `"}}}`},
		"nothing that could be an ID": {`{"Principal":{"AWS":[null,3,"AROA"]}}`, `{"Principal":{"AWS":[null,3,"AROA"]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := document(plain, c.before, managed), document(plain, c.after, managed)
			if c.after == "" {
				after = document(plain, managed)
			}
			doc, err := policy.ParseDocument(before, registry)
			if err != nil {
				t.Fatal(err)
			}
			if kept, err := standard(policy.GrantPrincipal).Merge(doc, lists(accounts("111111111111"))); err != nil || kept.Changed {
				t.Errorf("without a request to remove them: %+v, %v", kept, err)
			}
			change, err := standard(policy.GrantPrincipal).Merge(doc.WithoutDeletedPrincipals(), lists(accounts("111111111111")))
			if err != nil || change.Document != after || change.Changed != (before != after) {
				t.Errorf("got  %+v, %v\nwant %s", change, err, after)
			}
			if doc.String() != before || doc.WithoutDeletedPrincipals().String() != before {
				t.Error("the parsed text changed")
			}
		})
	}
	doc, err := policy.ParseDocument(document(`{"Sid":"Team","Principal":{"AWS":["`+role+`","*","`+user+`"]}}`, `{"Principal":{"AWS":"`+user+`"}}`), registry)
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Removal{{Sid: "Team", Principals: []string{role, user}}, {Principals: []string{user}, Statement: true}}
	if got := doc.WithoutDeletedPrincipals().Removed(); !slices.EqualFunc(got, want, func(a, b policy.Removal) bool {
		return a.Sid == b.Sid && a.Statement == b.Statement && slices.Equal(a.Principals, b.Principals)
	}) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Messages about the remaining statements have the positions in the stored policy.
func TestPositionsAfterRemovals(t *testing.T) {
	doc, err := policy.ParseDocument(document(`{"Principal":{"AWS":"AROAEXAMPLEEXAMPLEEX"}}`, `{"Sid":"Team","Principal":{"AWS":"111111111111"}}`), registry)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`unmanaged statement 2 (Sid "Team") names "111111111111"`}
	if got := doc.WithoutDeletedPrincipals().WithoutDeletedPrincipals().UnmanagedPrincipals(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
