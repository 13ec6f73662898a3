package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func TestUnmanagedPrincipals(t *testing.T) {
	plain := `{"Sid":"Plain","Principal":{"AWS":["arn:aws:iam::111111111111:root","*"]}}`
	dead := `{"Sid":"Dead","Principal":{"Service":"x","AWS":"AROAEXAMPLEEXAMPLEEX"}}`
	naming := func(principal string) string { return `{"Sid":"Team","Principal":{"AWS":"` + principal + `"}}` }
	open := `{"Sid":"Open","Principal":"*"}`
	for _, test := range []struct {
		name, document string
		want           []string
	}{
		{"a deleted role", document(plain, open, dead), []string{`unmanaged statement 3 (Sid "Dead") names AROAEXAMPLEEXAMPLEEX, the ID of a deleted role or user`}},
		{"no deleted role", document(open, plain, grant("Accounts", "222222222222")), []string{`unmanaged statement 2 (Sid "Plain") names "arn:aws:iam::111111111111:root"`}},
		{"two statements", document(`{"Sid":"Team","Principal":{"AWS":["111111111111","222222222222"]}}`, `{"Principal":{"AWS":"333333333333"}}`), []string{`unmanaged statement 1 (Sid "Team") names "111111111111" and 1 more`, `unmanaged statement 2 (no Sid) names "333333333333"`}},
		{"all principals but one", document(`{"Sid":"But","NotPrincipal":{"AWS":"111111111111"}}`), []string{`unmanaged statement 1 (Sid "But") names "111111111111"`}},
		{"no principal", document(open, `3`), nil},
		{"no policy", "", nil},
		{"shortest ID", document(naming("AIDA"+strings.Repeat("X", 12)), plain), []string{`unmanaged statement 1 (Sid "Team") names AIDAXXXXXXXXXXXX, the ID of a deleted role or user`}},
		{"shorter than an ID", document(naming("AIDA" + strings.Repeat("X", 11))), []string{`unmanaged statement 1 (Sid "Team") names "AIDAXXXXXXXXXXX"`}},
		{"longest ID", document(naming("AROA" + strings.Repeat("X", 124))), []string{`unmanaged statement 1 (Sid "Team") names AROA` + strings.Repeat("X", 124) + `, the ID of a deleted role or user`}},
		{"longer than an ID", document(naming("AROA" + strings.Repeat("X", 125))), []string{`unmanaged statement 1 (Sid "Team") names "AROA` + strings.Repeat("X", 96) + `"…`}},
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
