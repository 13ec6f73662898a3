package policy_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func TestParseList(t *testing.T) {
	const (
		role = "arn:aws:iam::111111111111:role/team/deploy"
		user = "arn:aws:iam::111111111111:user/eve"
		unit = "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"
		deep = "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/*"
	)
	longPath := "arn:aws:iam::111111111111:role/" + strings.Repeat("p", 510) + "/" + strings.Repeat("n", 64)
	tests := []struct {
		name, text string
		want       policy.Consumers
		notices    int
	}{
		{"account", "111111111111", policy.Consumers{Accounts: []string{"111111111111"}}, 0},
		{"leading zeros", "000000000000", policy.Consumers{Accounts: []string{"000000000000"}}, 0},
		{"root is the account", "arn:aws:iam::111111111111:root 111111111111", policy.Consumers{Accounts: []string{"111111111111"}}, 0},
		{"role", role, policy.Consumers{Principals: []string{role}}, 0},
		{"user", user, policy.Consumers{Principals: []string{user}}, 0},
		{"odd name", "arn:aws:iam::111111111111:role/a_+=.@-Z9", policy.Consumers{Principals: []string{"arn:aws:iam::111111111111:role/a_+=.@-Z9"}}, 0},
		{"odd path", `arn:aws:iam::111111111111:role/a:"<&>\/b`, policy.Consumers{Principals: []string{`arn:aws:iam::111111111111:role/a:"<&>\/b`}}, 0},
		{"ends of ranges", "arn:aws:iam::111111111111:role/!~/azAZ09", policy.Consumers{Principals: []string{"arn:aws:iam::111111111111:role/!~/azAZ09"}}, 0},
		{"longest path and name", longPath, policy.Consumers{Principals: []string{longPath}}, 0},
		{"organization", "o-a1b2c3d4e5", policy.Consumers{Organizations: []string{"o-a1b2c3d4e5"}}, 0},
		{"longest organization ID", "o-az09" + strings.Repeat("x", 28), policy.Consumers{Organizations: []string{"o-az09" + strings.Repeat("x", 28)}}, 0},
		{"unit", unit, policy.Consumers{OrganizationalUnits: []string{unit}}, 0},
		{"unit in unit", deep, policy.Consumers{OrganizationalUnits: []string{deep}}, 0},
		{"none", "none", policy.Consumers{None: true}, 0},
		{"none with comment", "# revoked\n none # all\n", policy.Consumers{None: true}, 0},
		{"none twice", "none, none", policy.Consumers{None: true}, 0},
		{"string list", "222222222222,111111111111,222222222222", policy.Consumers{Accounts: []string{"111111111111", "222222222222"}}, 0},
		{"white space", "\t111111111111\u00a0\u2003222222222222\r\n\v333333333333\f", policy.Consumers{Accounts: []string{"111111111111", "222222222222", "333333333333"}}, 0},
		{"many commas", ",,111111111111,,\n,", policy.Consumers{Accounts: []string{"111111111111"}}, 0},
		{"comments", "#222222222222\n111111111111# *, o-\xff\n# none", policy.Consumers{Accounts: []string{"111111111111"}}, 0},
		{"carriage return ends a comment", "# one\r111111111111", policy.Consumers{Accounts: []string{"111111111111"}}, 0},
		{"other line breaks end a comment", "# one\v111111111111 # two\f222222222222 # three\u0085333333333333 # four\u2028444444444444 # five\u2029555555555555",
			policy.Consumers{Accounts: []string{"111111111111", "222222222222", "333333333333", "444444444444", "555555555555"}}, 0},
		{"own account", "999999999999 arn:aws:iam::999999999999:root,111111111111", policy.Consumers{Accounts: []string{"111111111111"}}, 1},
		{"own account's role", "arn:aws:iam::999999999999:role/ci", policy.Consumers{Principals: []string{"arn:aws:iam::999999999999:role/ci"}}, 0},
		{"own account beside its role", "999999999999,arn:aws:iam::999999999999:role/ci", policy.Consumers{Principals: []string{"arn:aws:iam::999999999999:role/ci"}}, 1},
		{"all", unit + "\n" + role + "," + user + " o-a1b2c3d4e5 111111111111", policy.Consumers{
			Accounts: []string{"111111111111"}, Principals: []string{role, user},
			Organizations: []string{"o-a1b2c3d4e5"}, OrganizationalUnits: []string{unit},
		}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list, err := policy.ParseList(test.text, registry)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(list.Consumers, test.want) {
				t.Errorf("got %+v, want %+v", list.Consumers, test.want)
			}
			if len(list.Notices) != test.notices {
				t.Errorf("notices: %q", list.Notices)
			}
			for _, notice := range list.Notices {
				if !strings.Contains(notice, "999999999999") {
					t.Errorf("notice %q names no account", notice)
				}
			}
		})
	}
}

func TestParseListPartitions(t *testing.T) {
	for _, partition := range []string{"aws", "aws-cn", "aws-us-gov"} {
		r := policy.Registry{Partition: partition, Region: "x-1", AccountID: "999999999999"}
		role := "arn:" + partition + ":iam::111111111111:role/x"
		list, err := policy.ParseList(role+" arn:"+partition+":iam::222222222222:root", r)
		if err != nil {
			t.Fatal(err)
		}
		want := policy.Consumers{Accounts: []string{"222222222222"}, Principals: []string{role}}
		if !reflect.DeepEqual(list.Consumers, want) {
			t.Errorf("%s: got %+v", partition, list.Consumers)
		}
		for _, other := range []string{"aws", "aws-cn", "aws-us-gov"} {
			if _, err := policy.ParseList("arn:"+other+":iam::111111111111:role/x", r); (err == nil) != (other == partition) {
				t.Errorf("%s in %s: %v", other, partition, err)
			}
		}
	}
}

func TestParseListRejectsEntry(t *testing.T) {
	tests := []struct {
		entry  string
		reason string // a part of it
	}{
		{"*", "all AWS accounts can't be listed"},
		{"11111111111", "expected 12 digits, found 11"},
		{"1111111111111", "expected 12 digits, found 13"},
		{"1111-2222-3333", "remove the hyphens: 111122223333"},
		{"NONE", "write none in lowercase"},
		{"None", "write none in lowercase"},
		{"arn:aws:sts::111111111111:assumed-role/deploy/session", `use the role's ARN: "arn:aws:iam::111111111111:role/deploy"`},
		{"arn:aws:sts::111111111111:federated-user/eve", "federated users aren't allowed"},
		{"arn:aws:sts::111111111111:self", "ARNs of STS aren't allowed"},
		{"arn:aws:iam::111111111111:role/*", "wildcard"},
		{"arn:aws:iam::111111111111:role/a?", "wildcard"},
		{"arn:aws:iam::*:root", "wildcard"},
		{"1111*", "wildcards"},
		{"lambda.amazonaws.com", "turn on the Lambda statement"},
		{"ecs-tasks.amazonaws.com", "services can't be listed"},
		{"ec2.amazonaws.com.cn", "services can't be listed"},
		{"arn:aws-cn:iam::111111111111:root", `invalid partition "aws-cn"; expected aws,`},
		{"arn:aws-us-gov:iam::111111111111:role/x", `invalid partition "aws-us-gov"; expected aws,`},
		{"arn::iam::111111111111:role/x", `invalid partition ""`},
		{"arn:aws:iam::111111111111", "incomplete ARN"},
		{"arn:aws:iam:eu-west-1:111111111111:role/x", `invalid Region "eu-west-1"`},
		{"arn:aws:iam::11111111111:role/x", "in the ARN; expected 12 digits"},
		{"arn:aws:iam::aws:policy/ReadOnly", "in the ARN; expected 12 digits"},
		{"arn:aws:iam::111111111111:group/devs", "group can't be a principal"},
		{"arn:aws:iam::111111111111:policy/p", "policy can't be a principal"},
		{"arn:aws:iam::111111111111:instance-profile/p", "list its role"},
		{"arn:aws:iam::111111111111:oidc-provider/x", `IAM resource type "oidc-provider"`},
		{"arn:aws:iam::111111111111:role", "missing role or user name"},
		{"arn:aws:iam::111111111111:role/team/", "missing role or user name"},
		{"arn:aws:iam::111111111111:role/a(b)", `invalid role or user name "a(b)"`},
		{"arn:aws:iam::111111111111:role/" + strings.Repeat("n", 65), "at most 64 characters, found 65"},
		{"arn:aws:iam::111111111111:role/" + strings.Repeat("p", 511) + "/n", "at most 512 characters, found 513"},
		{"arn:aws:iam::111111111111:role/a//b", "empty path segment"},
		{"arn:aws:iam::111111111111:role//b", "empty path segment"},
		{"arn:aws:iam::111111111111:role/${aws:username}/b", "policy variable"},
		{"arn:aws:ecr:eu-west-1:111111111111:repository/x", `service "ecr"`},
		{"arn:aws:organizations::111111111111:organization/o-a1b2c3d4e5", "list the organization ID"},
		{"AROAEXAMPLEEXAMPLE123", "unique ID"},
		{"AIDAEXAMPLEEXAMPLE123", "unique ID"},
		{"ou-ab12-11111111", "expected o-ORGANIZATION/r-ROOT/ou-UNIT/*"},
		{"r-ab12", "list the organization"},
		{"o-short", "invalid organization ID"},
		{"o-A1B2C3D4E5", "invalid organization ID"},
		{"o-*", "invalid organization ID"},
		{"o-" + strings.Repeat("a", 33), "invalid organization ID"},
		{"o-a1b2c3d4e5/", "list its ID: o-a1b2c3d4e5"},
		{"o-a1b2c3d4e5/*", "list its ID: o-a1b2c3d4e5"},
		{"o-a1b2c3d4e5/r-ab12", "list its ID: o-a1b2c3d4e5"},
		{"o-a1b2c3d4e5/r-ab12/*", "list its ID: o-a1b2c3d4e5"},
		{"o-a1b2c3d4e5/r-a/ou-ab12-11111111/*", "invalid root ID"},
		{"o-a1b2c3d4e5/*/ou-ab12-11111111/*", "invalid root ID"},
		{"o-a1b2c3d4e5/ou-ab12-11111111/*", "invalid root ID"},
		{"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111", "end it with /*"},
		{"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/", "end it with /*"},
		{"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-*", "end it with /*"},
		{"o-a1b2c3d4e5/r-ab12/ou-ab12/*", "invalid organizational unit ID"},
		{"o-a1b2c3d4e5/r-ab12/ou-ab12-1111111/*", "invalid organizational unit ID"},
		{"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111-1/*", "invalid organizational unit ID"},
		{"o-a1b2c3d4e5/r-ab12/*/*", "invalid organizational unit ID"},
		{"o-a1b2c3d4e5/r-ab12//*", "invalid organizational unit ID"},
		{"111111111111\u200b", `"\u200b"`},
		{"\ufeff111111111111", `"\ufeff"`},
		{"１１１１１１１１１１１１", `"１"`},
		{"111111111111\x00", `"\x00"`},
		{"111111111111\x7f", `"\x7f"`},
		{"\xff111111111111", `"\xff"`},
		{"arn:aws:iam::111111111111:role/dépl", `"é"`},
		{"ARN:aws:iam::111111111111:role/x", "unknown entry; expected"},
		{"anyone", "unknown entry; expected"},
		{`["111111111111"]`, "unknown entry; expected"},
	}
	for _, test := range tests {
		t.Run(test.entry, func(t *testing.T) {
			list, err := policy.ParseList("222222222222 # é\n\u00a0é,"+test.entry, registry)
			var listError *policy.ListError
			if !errors.As(err, &listError) {
				t.Fatalf("got %+v, %v", list, err)
			}
			if !reflect.DeepEqual(list, policy.List{}) {
				t.Errorf("a list comes with the error: %+v", list)
			}
			if len(listError.Problems) != 2 {
				t.Fatalf("problems: %v", err)
			}
			got := listError.Problems[1]
			if got.Line != 2 || got.Column != 4 || got.Entry != test.entry {
				t.Errorf("got line %d, column %d, entry %q", got.Line, got.Column, got.Entry)
			}
			if !strings.Contains(got.Reason, test.reason) {
				t.Errorf("reason %q doesn't contain %q", got.Reason, test.reason)
			}
		})
	}
}

func TestParseListRejectsWhole(t *testing.T) {
	for text, reason := range map[string]string{
		"":               "write none",
		" ,\n,":          "write none",
		"# 111111111111": "write none",
		"999999999999":   "the only entry is the registry's own account",
		"999999999999 # me\n999999999999,arn:aws:iam::999999999999:root": "the only entry is the registry's own account",
	} {
		_, err := policy.ParseList(text, registry)
		mustContain(t, err, reason)
		var listError *policy.ListError
		if !errors.As(err, &listError) || len(listError.Problems) != 1 || listError.Problems[0].Line != 0 || listError.Problems[0].Entry != "" {
			t.Errorf("%q: %#v", text, err)
		}
	}
}

func TestParseListNoneIsTheOnlyEntry(t *testing.T) {
	for _, text := range []string{"none 111111111111", "111111111111\nnone", "none,999999999999"} {
		_, err := policy.ParseList(text, registry)
		mustContain(t, err, `"none": must be the only entry`)
	}
}

func TestListErrorIsBounded(t *testing.T) {
	_, err := policy.ParseList("12 34\n"+strings.Repeat("é ", 4000), registry)
	mustContain(t, err, `line 1, column 1: "12": invalid account ID; expected 12 digits, found 2; line 1, column 4: "34"`, "and 3992 more")
	if len(err.Error()) > 2000 {
		t.Errorf("%d bytes", len(err.Error()))
	}
	_, err = policy.ParseList(strings.Repeat("12 ", 10), registry)
	if err == nil || strings.Contains(err.Error(), "more") {
		t.Errorf("ten problems: %v", err)
	}
	_, err = policy.ParseList("arn:aws:sts::111111111111:assumed-role/"+strings.Repeat("x", 9000), registry)
	mustContain(t, err, "…")
	if len(err.Error()) > 2000 {
		t.Errorf("%d bytes", len(err.Error()))
	}
}

// render writes consumers as a list that names them.
func render(c policy.Consumers) string {
	if c.None {
		return "none"
	}
	var lines []string
	for _, entries := range [][]string{c.OrganizationalUnits, c.Principals, c.Organizations, c.Accounts} {
		lines = append(lines, entries...)
	}
	return fmt.Sprintf("# rendered\n%s # end", strings.Join(lines, ",\n"))
}

func TestLocate(t *testing.T) {
	const text = "111111111111, 222222222222 # 111111111111\n#\u2028what?\tarn:aws:iam::111111111111:root\r\n" +
		"arn:aws:iam::222222222222:role/ci o-a1b2c3d4e5 arn:aws:iam::222222222222:role/other"
	registry := policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"}
	got := policy.Locate(text, registry, []string{
		"arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:role/ci", "arn:aws:iam::333333333333:root",
	}, "is gone")
	want := []policy.Problem{
		{Line: 1, Column: 1, Entry: "111111111111", Reason: "is gone"},
		{Line: 2, Column: 9, Entry: "arn:aws:iam::111111111111:root", Reason: "is gone"},
		{Line: 3, Column: 1, Entry: "arn:aws:iam::222222222222:role/ci", Reason: "is gone"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
