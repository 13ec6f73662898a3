package policy_test

import (
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

var extras = []string{
	"ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:ListImages", "ecr:ListTagsForResource",
	"ecr:DescribeImageScanFindings", "ecr:GetLifecyclePolicy", "ecr:BatchGetRepositoryScanningConfiguration",
	"ecr:GetRepositoryPolicy", "ecr:BatchImportUpstreamImage", "ecr:GetImageCopyStatus",
}

func TestValidate(t *testing.T) {
	for _, partition := range []string{"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso-b"} {
		for _, style := range []policy.GrantStyle{policy.GrantPrincipal, policy.GrantCondition} {
			s := policy.Standard{Registry: registry, Style: style, ExtraActions: extras}
			s.Registry.Partition = partition
			if err := s.Validate(); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
		}
	}
	bad := policy.Standard{
		Registry:     policy.Registry{Partition: "aws:iso", Region: "*", AccountID: "12"},
		Style:        "both",
		ExtraActions: []string{"ecr:PutImage", "ecr:ListImages", "ecr:*", "ecr:listimages"},
	}
	err := bad.Validate()
	mustContain(t, err, `invalid partition "aws:iso"`, `invalid Region "*"`, `invalid account ID "12" of the registry`,
		`style "both"; use principal or condition`, `"ecr:PutImage", "ecr:*", "ecr:listimages"`)
	mustContain(t, err, extras...)
	mustContain(t, policy.Standard{}.Validate(), "partition", "Region", "12 digits", "style")

	for _, s := range []policy.Standard{bad, standard("both")} {
		if change, err := merge(s, "", lists(all())); err == nil || !reflect.DeepEqual(change, policy.Change{}) {
			t.Errorf("an invalid standard merges: %+v", change)
		}
	}
}

func TestSizeLimit(t *testing.T) {
	// Role names of different lengths make a document of any length.
	fill := func(short int) (policy.Consumers, string) {
		c := policy.Consumers{Accounts: manyAccounts(290).Accounts}
		base := mustMerge(t, standard(policy.GrantPrincipal), "", lists(&c)).Document
		name := policy.MaxDocumentCharacters - len(base) - len(`,"arn:aws:iam::111111111111:role//n"`) - short
		c.Principals = []string{"arn:aws:iam::111111111111:role/" + strings.Repeat("p", name) + "/n"}
		return c, base
	}
	exact, _ := fill(0)
	change := mustMerge(t, standard(policy.GrantPrincipal), "", lists(&exact))
	if got := utf8.RuneCountInString(change.Document); got != policy.MaxDocumentCharacters {
		t.Errorf("%d characters", got)
	}
	over, existing := fill(-1)
	change, err := merge(standard(policy.GrantPrincipal), existing, lists(&over))
	var sizeError *policy.SizeError
	if !errors.As(err, &sizeError) || sizeError.Characters != 10241 || sizeError.Limit != 10240 {
		t.Errorf("got %v", err)
	}
	if !reflect.DeepEqual(change, policy.Change{}) {
		t.Errorf("a change comes with the error: %+v", change)
	}

	// The limit is in characters, and unmanaged statements count.
	unmanaged := `{"Sid":"` + strings.Repeat("é", 9000) + `"}`
	mustMerge(t, standard(policy.GrantPrincipal), document(unmanaged), lists(accounts("111111111111")))
	_, err = merge(standard(policy.GrantPrincipal), document(unmanaged), lists(manyAccounts(50)))
	if !isSizeError(err) {
		t.Fatalf("got %v", err)
	}
	mustContain(t, err, " (9010 of them in unmanaged statements), and", "or shorten the unmanaged statements")
}

func TestSizeIsNotCheckedWithoutWriting(t *testing.T) {
	large := document(`{"Sid":"`+strings.Repeat("x", 11000)+`"}`, grant("Accounts", "111111111111"))
	if change := mustMerge(t, standard(policy.GrantPrincipal), large, lists(accounts("111111111111"))); change.Changed {
		t.Errorf("changed: %q", change.Added)
	}
	own := mustMerge(t, standard(policy.GrantPrincipal), "", lists(manyAccounts(290))).Document
	if change := mustMerge(t, standard(policy.GrantPrincipal), own, lists(none())); change.Document != "" {
		t.Error("no deletion")
	}
}

// The numbers are in docs/configuration.md.
func TestFits(t *testing.T) {
	organizations := func(n int) *policy.Consumers {
		c := &policy.Consumers{}
		for i := range n {
			c.Organizations = append(c.Organizations, fmt.Sprintf("o-%010d", i))
		}
		return c
	}
	units := func(n int) *policy.Consumers {
		c := &policy.Consumers{}
		for i := range n {
			c.OrganizationalUnits = append(c.OrganizationalUnits, fmt.Sprintf("o-a1b2c3d4e5/r-ab12/ou-ab12-%08d/*", i))
		}
		return c
	}
	besideOne := func(n int) *policy.Consumers {
		c := manyAccounts(n)
		c.Organizations = []string{"o-a1b2c3d4e5"}
		return c
	}
	tests := []struct {
		what                      string
		consumers                 func(int) *policy.Consumers
		style                     policy.GrantStyle
		level                     policy.Level
		withLambda, withoutLambda int
	}{
		{"accounts", manyAccounts, policy.GrantPrincipal, policy.LevelRepository, 117, 304},
		{"accounts", manyAccounts, policy.GrantCondition, policy.LevelRepository, 148, 665},
		{"accounts", manyAccounts, policy.GrantPrincipal, policy.LevelRegistry, 196, 661},
		{"accounts beside one organization", besideOne, policy.GrantPrincipal, policy.LevelRepository, 110, 297},
		{"accounts beside one organization", besideOne, policy.GrantCondition, policy.LevelRepository, 140, 650},
		{"organizations", organizations, policy.GrantPrincipal, policy.LevelRepository, 323, 665},
		{"organizations", organizations, policy.GrantCondition, policy.LevelRepository, 323, 665},
		{"OUs", units, policy.GrantPrincipal, policy.LevelRepository, 117, 243},
		{"OUs", units, policy.GrantCondition, policy.LevelRepository, 117, 243},
	}
	for _, test := range tests {
		for _, lambda := range []bool{true, false} {
			s, want := standard(test.style), test.withoutLambda
			s.Level = test.level
			if s.Lambda = lambda; lambda {
				want = test.withLambda
			}
			most := sort.Search(1000, func(n int) bool { return isSizeError(s.Fits("", *test.consumers(n + 1))) })
			t.Logf("grant style %s, policy level %s, Lambda statement %t: %d %s fit", test.style, test.level, lambda, most, test.what)
			if most != want {
				t.Errorf("grant style %s, policy level %s, Lambda statement %t: got %d %s, want %d", test.style, test.level, lambda, most, test.what, want)
			}
		}
	}
}

// ECR gets the policy by condition where it rejects a name, so both have to
// fit.
func TestFitsInBothStyles(t *testing.T) {
	roles := func(n int) policy.Consumers {
		c := policy.Consumers{Accounts: []string{"222222222222"}}
		for i := range n {
			c.Principals = append(c.Principals, fmt.Sprintf("arn:aws:iam::111111111111:role/%060d", i))
		}
		return c
	}
	s := standard(policy.GrantPrincipal)
	most := 0
	for n := range 200 {
		c := roles(n)
		change, err := mergeAs(s, policy.GrantPrincipal, "", lists(&c))
		if err != nil {
			break
		}
		most = n
		if err := s.Fits("", c); err != nil {
			mustContain(t, err, "list an organization")
			if strings.Contains(err.Error(), "grant style") {
				t.Errorf("%v", err)
			}
			t.Logf("%d roles have %d characters by name, and are too many by condition", n, len(change.Document))
			return
		}
	}
	t.Errorf("%d roles fit", most)
}

func TestSizeErrorNamesRemedies(t *testing.T) {
	tests := []struct {
		style  policy.GrantStyle
		lambda bool
		want   string
	}{
		{policy.GrantPrincipal, false, "list an organization (o-…) instead of its accounts, roles and users, or set the grant style to condition"},
		{policy.GrantPrincipal, true, "list an organization (o-…) instead of its accounts, roles and users, or set the grant style to condition, or turn off the Lambda statement"},
		{policy.GrantCondition, false, "list an organization (o-…) instead of its accounts, roles and users"},
		{policy.GrantCondition, true, "list an organization (o-…) instead of its accounts, roles and users, or turn off the Lambda statement"},
	}
	for _, test := range tests {
		err := policy.SizeError{Characters: 12000, Limit: 10240, Style: test.style, Lambda: test.lambda}
		want := "the policy document would have 12000 characters, and ECR's limit is 10240; to make it smaller, " + test.want
		if err.Error() != want {
			t.Errorf("got  %s\nwant %s", err.Error(), want)
		}
	}
}
