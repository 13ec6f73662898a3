package main

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

func TestErrors(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"forbidden stack":       {[]string{"plan", "--stack", "secret"}, "pass --stack '' to use the template's defaults"},
		"no list":               {[]string{"plan"}, "no account list can be used; check the Region and the stack; to find out what to do, run: ecr-pull-policy doctor\n"},
		"no list in the Region": {[]string{"plan", "--region", "us-east-1"}, "run: ecr-pull-policy doctor --region us-east-1\n"},
		"no file of a list":     {[]string{"plan", "--list", "team-a="}, "--list team-a=: missing file; expected [NAMESPACE=]FILE"},
		"wrong setting":         {[]string{"plan", "--lambda-statement", "maybe"}, `invalid argument "maybe" for "--lambda-statement" flag: must be on or off`},
		"no file":               {[]string{"plan", "--list", "/does/not/exist"}, "read account list"},
		"no terminal":           {[]string{"apply"}, "pass --yes"},
		"nothing to render":     {[]string{"render", "a/api", "--accounts", "none"}, "grant nothing on a/api"},
		"doctor without stack":  {[]string{"doctor", "--stack", ""}, "specify it with --stack"},
		"no name":               {[]string{"plan", ""}, "the name or pattern of a repository is empty; to select all repositories, leave it out"},
		"no include pattern":    {[]string{"plan", "--include", ""}, "the name or pattern of a repository is empty"},
		"no exclude pattern":    {[]string{"audit", "--exclude", ""}, "the name or pattern of a repository is empty"},
		"an empty pattern":      {[]string{"plan", "--include", "team-a/**,"}, "the name or pattern of a repository is empty"},
		"malformed pattern":     {[]string{"apply", "--yes", "team-[a"}, `"team-[a": invalid pattern`},
		"invalid name":          {[]string{"render", "Team A"}, `"Team A": invalid repository name; `},
		"list of 9,000":         {[]string{"plan", "--accounts", "111111111111#" + strings.Repeat("x", 9000)}, "--accounts: the list has 9013 characters, but a parameter can hold only 8192"},
		"list that doesn't fit": {[]string{"plan", "--accounts", accounts(400)}, "ECR's limit is 10240"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out := call(t.Context(), c.args...)
			if status != 1 {
				t.Errorf("exit status %d", status)
			}
			contains(t, out, c.want)
		})
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":     {[]string{"plan", "--nosuch"}, "unknown flag: --nosuch\n\nUsage: ecr-pull-policy plan [REPOSITORY|PATTERN]... [flags]\nFor details, run: ecr-pull-policy plan --help\n"},
		"unknown command":  {[]string{"plam"}, "unknown command \"plam\" for \"ecr-pull-policy\"\n\nDid you mean this?\n\tplan\n\nUsage: ecr-pull-policy COMMAND\n"},
		"unknown topic":    {[]string{"help", "nosuch"}, "unknown command \"nosuch\" for \"ecr-pull-policy\"\n\nUsage: ecr-pull-policy help [command]"},
		"missing argument": {[]string{"render"}, "missing argument REPOSITORY\n\nUsage: ecr-pull-policy render REPOSITORY | --registry-policy [flags]\n"},
		"extra argument":   {[]string{"doctor", "x"}, "unexpected argument \"x\"\n\nUsage: ecr-pull-policy doctor [flags]\n"},
		"one problem a line": {[]string{"plan", "--list-name", "x", "--extra-actions", "y"},
			"five levels, for example /ecr-pull-policy/accounts\necr-pull-policy: actions that aren't allowed: \"y\"; use "},
		"one entry a line": {[]string{"plan", "--accounts", "1,2"}, "--accounts: \"1\": invalid account ID; expected 12 digits, found 1\necr-pull-policy: --accounts: \"2\": "},
		"stack not allowed": {[]string{"plan", "--stack", "secret"},
			"AccessDenied: not for you; pass --stack '' to use the template's defaults and the flags; use credentials that allow cloudformation:DescribeStacks, or ask an administrator of the account to allow it\n"},
		"invalid Region":  {[]string{"plan", "--region", "eu central"}, "\"eu central\": invalid Region; expected a name such as eu-central-1\n"},
		"unknown profile": {[]string{"plan", "--profile", "nosuch"}, "profile nosuch doesn't exist; to list the profiles, run: aws configure list-profiles\n"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out := call(t.Context(), c.args...)
			if status != exitFailed {
				t.Errorf("exit status %d", status)
			}
			contains(t, out, "ecr-pull-policy: ", c.want)
		})
	}
	for code, want := range map[string]string{
		"AccessDeniedException": "list repositories: AccessDeniedException: stubaws: injected fault; use credentials that allow ecr:DescribeRepositories, or ask an administrator of the account to allow it\n",
		"ExpiredTokenException": "list repositories: ExpiredTokenException: stubaws: injected fault; renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN in the environment",
	} {
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == "DescribeRepositories" {
				return stubaws.Fault{Code: code}
			}
			return stubaws.Fault{}
		}
		_, out := call(t.Context(), "plan", "--accounts", "111111111111")
		contains(t, out, want)
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://"+closed(t))
	if _, out := call(t.Context(), "plan"); !strings.HasSuffix(out, "connection refused; check AWS_ENDPOINT_URL, which replaces the addresses of AWS\n") {
		t.Errorf("closed port: %s", out)
	}
	t.Setenv("AWS_REGION", "")
	if _, out := call(t.Context(), "plan"); !strings.Contains(out, "no Region") {
		t.Errorf("without a Region: %s", out)
	}
}

// Every command fails if its output can't be written.
func TestOutputErrors(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	for _, args := range [][]string{
		{"plan"}, {"plan", "--help"}, {"apply", "--yes", "--stack", ""}, {"audit"}, {"audit", "--output", "html"}, {"audit", "--output", "json"},
		{"doctor"}, {"render", "a/api"}, {"validate", accountsFile(t)}, {"completion", "bash"}, {"--version"}, {},
	} {
		var errOut output
		p := program{in: strings.NewReader(""), out: fullDisk{}, errOut: &errOut, timeout: callTimeout}
		if status := p.run(t.Context(), args); status != exitFailed || !strings.HasSuffix(errOut.String(), "ecr-pull-policy: write the output: no space left on device\n") {
			t.Errorf("%s: exit status %d\n%s", args, status, errOut.String())
		}
	}
	if document, _ := cloud.Policy("a/api"); document == "" {
		t.Error("apply didn't write the policy")
	}
}

// fullDisk is a writer that fails.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestWrapHelp(t *testing.T) {
	const help = "A paragraph of\ntwo lines.\n\nExit status:\n    0  an item of\n       two lines\n  130  another\n\n\tcode  as it is, however long"
	for columns, want := range map[int]string{
		100: "A paragraph of two lines.\n\nExit status:\n    0  an item of two lines\n  130  another\n\n\tcode  as it is, however long",
		16:  "A paragraph of\ntwo lines.\n\nExit status:\n    0  an item\n       of two\n       lines\n  130  another\n\n\tcode  as it is, however long",
		5:   "A\nparagraph\nof\ntwo\nlines.\n\nExit\nstatus:\n    0  an\n       item\n       of\n       two\n       lines\n  130  another\n\n\tcode  as it is, however long",
	} {
		if got := wrapHelp(help, columns); got != want {
			t.Errorf("%d columns: got\n%s\nwant\n%s", columns, got, want)
		}
	}
}

func accounts(n int) string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("1%011d", i))
	}
	return strings.Join(ids, ",")
}
