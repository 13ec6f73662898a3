package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestRemove(t *testing.T) {
	const (
		managed   = `{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:BatchGetImage"}`
		namespace = `{"Sid":"EcrPullPolicyOrganizations1","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}`
		unmanaged = `{"Sid":"Team","Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"ecr:PutImage"}`
	)
	const restores = "stack narrow would restore the managed statements of 1 repository in its scope (team-a/api); exclude them"
	for name, c := range map[string]struct {
		args    []string
		status  int
		removed []string
		output  string
	}{
		"by name":                {[]string{"team-c/api"}, 0, []string{"team-c/api"}, "- account 111111111111"},
		"by pattern":             {[]string{"team-c/**", "--exclude", "team-c/web"}, 0, []string{"team-c/api"}, "applied: 1 deleted\n"},
		"out of scope":           {[]string{"--out-of-scope"}, 0, []string{"other", "team-c/api", "team-c/web"}, "applied: 1 updated, 2 deleted\n"},
		"some out of scope":      {[]string{"--out-of-scope", "team-c/api"}, 0, []string{"team-c/api"}, "applied: 1 deleted\n"},
		"without a stack":        {[]string{"--all", "--stack", ""}, 0, []string{"other", "team-a/api", "team-c/api", "team-c/web"}, "applied: 1 updated, 3 deleted\n"},
		"in scope":               {[]string{"team-a/api"}, exitFailed, nil, restores},
		"all":                    {[]string{"--all"}, exitFailed, nil, restores},
		"by no name":             {[]string{"team-z"}, exitFailed, nil, `"team-z": no repository matches`},
		"nothing selected":       {nil, exitFailed, nil, "no repositories are selected; pass names or patterns, --out-of-scope, --registry-policy, or --all"},
		"all and some":           {[]string{"--all", "other"}, exitFailed, nil, "--all can't be combined"},
		"out of scope, no stack": {[]string{"--out-of-scope", "--stack", ""}, exitFailed, nil, "--out-of-scope requires a stack"},
		"no such stack":          {[]string{"other", "--stack", "nosuch"}, exitFailed, nil, "stack nosuch doesn't exist"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t)
			both := `{"Statement":[` + unmanaged + `,` + managed + `,` + namespace + `]}`
			repositories := map[string]string{"other": both}
			for _, repository := range []string{"team-a/api", "team-c/api", "team-c/web", checkRepository} {
				repositories[repository] = `{"Statement":[` + managed + `]}`
			}
			for repository, document := range repositories {
				cloud.CreateRepository(repository)
				cloud.SetPolicy(repository, document)
			}
			args := append([]string{"remove", "--yes"}, c.args...)
			if !strings.Contains(strings.Join(args, " "), "--stack") {
				args = append(args, "--stack", "narrow")
			}
			status, out := call(t.Context(), args...)
			if status != c.status {
				t.Errorf("exit status %d", status)
			}
			contains(t, out, c.output)
			removed := map[string]bool{}
			for _, repository := range c.removed {
				removed[repository] = true
			}
			for repository, before := range repositories {
				document, _ := cloud.Policy(repository)
				switch {
				case !removed[repository] && document != before,
					removed[repository] && strings.Contains(document, "EcrPullPolicy"),
					removed[repository] && strings.Contains(before, "Team") && !strings.Contains(document, "Team"):
					t.Errorf("policy of %s: %s", repository, document)
				}
			}
		})
	}
}

// The hint of plan and apply to use --all would remove everything here.
func TestRemoveDoesNotSuggestAll(t *testing.T) {
	cloud := newCloud(t)
	for i := range 10 {
		name := fmt.Sprintf("a/%d", i)
		cloud.CreateRepository(name)
		cloud.SetPolicy(name, `{"Statement":[{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:BatchGetImage"}]}`)
	}
	_, out := call(t.Context(), "remove", "a/**", "--yes", "--stack", "observing")
	contains(t, out, "same change in 10 repositories: a/0, a/1, a/2, and 7 more\n", "applied: 10 deleted\n")
}
