package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"forbidden stack":       {[]string{"plan", "--stack", "secret"}, "pass --stack '' to use the template's defaults"},
		"no list":               {[]string{"plan"}, "no account list can be used"},
		"wrong setting":         {[]string{"plan", "--lambda-statement", "maybe"}, `"maybe" is neither on nor off`},
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
	t.Setenv("AWS_REGION", "")
	if _, out := call(t.Context(), "plan"); !strings.Contains(out, "no Region") {
		t.Errorf("without a Region: %s", out)
	}
}

func accounts(n int) string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("1%011d", i))
	}
	return strings.Join(ids, ",")
}
