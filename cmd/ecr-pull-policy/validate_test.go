package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// offline runs a command that makes no AWS calls.
func offline(t *testing.T, input string, args ...string) (status int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := program{in: strings.NewReader(input), out: &stdout, errOut: &stderr, timeout: callTimeout}
	return p.run(t.Context(), args), stdout.String(), stderr.String()
}

func TestValidate(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	var hundreds strings.Builder
	for i := range 400 {
		fmt.Fprintf(&hundreds, "1%011d\n", i)
	}
	for name, c := range map[string]struct {
		list   string
		args   []string
		want   int
		output []string
	}{
		"valid": {"111111111111 # prod\no-a1b2c3d4e5", nil, 0, []string{
			"valid: standard input names 1 account, 1 organization\n", "EcrPullPolicyOrganizations", "of 10240 characters", `"AWS": ["arn:aws:iam::111111111111:root"]`,
			"arn:aws:lambda:eu-west-1:111111111111:function:*"}},
		"settings": {"111111111111", []string{"--grant-style", "condition", "--lambda-statement", "off", "--extra-actions", "ecr:ListImages"}, 0, []string{
			`"aws:PrincipalAccount": ["111111111111"]`, "ecr:ListImages"}},
		"long ARN":  {"111111111111 222222222222 arn:aws:iam::111111111111:role/" + strings.Repeat("x", 60), nil, 0, []string{"  222222222222  ", "  arn:aws:iam::111111111111:role/x"}},
		"partition": {"111111111111", []string{"--region", "cn-north-1"}, 0, []string{"arn:aws-cn:iam::111111111111:root"}},
		"none":      {"none", nil, 0, []string{"names no consumers", "revokes all grants"}},
		"own account": {"111111111111 222222222222", []string{"--account-id", "222222222222"}, 0, []string{
			"note: ignored 222222222222"}},
		"a long comment": {"111111111111 # " + strings.Repeat("x", 5000), nil, 0, []string{"advanced tier"}},
		"every problem": {"11111111111, *\n  lambda.amazonaws.com", nil, 1, []string{
			`-:1:1: "11111111111": invalid account ID; expected 12 digits, found 11`, `-:1:14: "*": all AWS accounts can't be listed`, `-:2:3: "lambda.amazonaws.com": AWS services can't be listed`}},
		"no defaults": {"111111111111", []string{"--account-id", "123456789012", "--grant-style", "principal", "--lambda-statement", "on", "--extra-actions", "", "--policy-level", "repository"}, 0, []string{
			"valid: "}},
		"own account alone":       {"222222222222", []string{"--account-id", "222222222222"}, 1, []string{"-: the only entry is the registry's own account"}},
		"flag of another command": {"111111111111", []string{"--include", "a"}, 1, []string{"unknown flag: --include\n\nUsage: ecr-pull-policy validate FILE|- [flags]\n"}},
		"stack":                   {"111111111111", []string{"--stack", "other"}, 1, []string{"--stack requires --check-principals; without it, validate runs offline"}},
		"profile":                 {"111111111111", []string{"--profile", "other"}, 1, []string{"--profile requires --check-principals"}},
		"unknown Region":          {"111111111111", []string{"--region", "eu-cnetral-1x"}, 1, []string{`"eu-cnetral-1x": unknown Region; check the spelling`}},
		"empty":                   {" \n", nil, 1, []string{"-: no entries; to revoke all grants, write none"}},
		"too many":                {hundreds.String(), nil, 1, []string{"ECR's limit is 10240"}},
		"too long":                {"111111111111 # " + strings.Repeat("x", 9000), nil, 1, []string{"a parameter can hold only 8192"}},
		"unknown setting":         {"111111111111", []string{"--grant-style", "open"}, 1, []string{`invalid argument "open" for "--grant-style" flag: must be principal or condition`}},
		"unknown flag":            {"111111111111", []string{"--nope"}, 1, []string{"unknown flag: --nope"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errOut := offline(t, c.list, append([]string{"validate", "-"}, c.args...)...)
			if status != c.want {
				t.Errorf("exit status %d\n%s%s", status, out, errOut)
			}
			for _, part := range c.output {
				if !strings.Contains(out+errOut, part) {
					t.Errorf("output doesn't contain %q:\n%s%s", part, out, errOut)
				}
			}
			if name == "no defaults" && errOut != "" {
				t.Errorf("unexpected output: %s", errOut)
			}
			if c.want != 0 && out != "" {
				t.Errorf("an error on standard output: %s", out)
			}
		})
	}
}

func TestDefaultsNote(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	const alone = "note: a list that contains only the registry's own account is invalid; pass --account-id to check for that\n"
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "note: using the defaults --region us-east-1 --account-id 000000000000 --grant-style principal --lambda-statement on --extra-actions '' --policy-level repository\n" + alone},
		{[]string{"--region", "eu-west-1", "--grant-style", "condition"}, "note: using the defaults --account-id 000000000000 --lambda-statement on --extra-actions '' --policy-level repository\n" + alone},
		{[]string{"--account-id", "123456789012"}, "note: using the defaults --region us-east-1 --grant-style principal --lambda-statement on --extra-actions '' --policy-level repository\n"},
	} {
		status, _, errOut := offline(t, "111111111111", append([]string{"validate", "-"}, c.args...)...)
		if status != 0 || errOut != c.want {
			t.Errorf("%s: exit status %d\n%swant\n%s", c.args, status, errOut, c.want)
		}
	}
}

func TestValidateFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accounts.txt")
	if err := os.WriteFile(file, []byte("what?\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, errOut := offline(t, "", "validate", file); status != 1 || !strings.Contains(errOut, "\n"+file+":1:1: ") {
		t.Errorf("%d: %s", status, errOut)
	}
	if status, _, errOut := offline(t, "", "validate", file+"x"); status != 1 || !strings.Contains(errOut, "no such file") {
		t.Errorf("%d: %s", status, errOut)
	}
}
