package policy_test

import (
	"slices"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func TestUnmanagedPrincipals(t *testing.T) {
	plain := `{"Sid":"Plain","Principal":{"AWS":["arn:aws:iam::111111111111:root","*"]}}`
	dead := `{"Sid":"Dead","Principal":{"Service":"x","AWS":"AROAEXAMPLEEXAMPLEEX"}}`
	open := `{"Sid":"Open","Principal":"*"}`
	for _, test := range []struct {
		name, document string
		want           []string
	}{
		{"a deleted role", document(plain, open, dead), []string{`unmanaged statement 3 (Sid "Dead") names AROAEXAMPLEEXAMPLEEX, the ID of a deleted role or user`}},
		{"no deleted role", document(open, plain, grant("Accounts", "222222222222")), []string{`unmanaged statement 2 (Sid "Plain")`}},
		{"all principals but one", document(`{"Sid":"But","NotPrincipal":{"AWS":"111111111111"}}`), []string{`unmanaged statement 1 (Sid "But")`}},
		{"no principal", document(open, `3`), nil},
		{"no policy", "", nil},
	} {
		doc, err := policy.ParseDocument(test.document, registry)
		if err != nil {
			t.Fatal(err)
		}
		if got := doc.UnmanagedPrincipals(); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
