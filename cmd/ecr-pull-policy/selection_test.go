package main

import (
	"strings"
	"testing"
)

// Names, patterns, --include and --exclude narrow the scope of the stack and never widen it.
func TestSelection(t *testing.T) {
	const outOfScope = `: out of scope, so its policy isn't managed; the parameters Include and Exclude of the stack specify the scope`
	for args, want := range map[string]string{ // the repositories that apply writes, or the error
		"":                                     "team-a/api team-a/web team-b/api",
		"team-a/api":                           "team-a/api",
		"team-a/* team-b/api":                  "team-a/api team-a/web team-b/api",
		"--include team-a/** --exclude **/web": "team-a/api",
		"**/api --include team-b/**":           "team-b/api",
		"--include **":                         "team-a/api team-a/web team-b/api",
		"team-a/scratch":                       `"team-a/scratch"` + outOfScope,
		"team-a/api --include other":           `"team-a/api": selects no repository`,
		"--include other":                      `"other"` + outOfScope,
		"team-a/api team-a/apo team-z/**":      `"team-a/apo": no repository matches; check the spelling, the Region, and the account` + "\necr-pull-policy: " + `"team-z/**": no repository matches`,
		"--exclude team-a/apo":                 `"team-a/apo": no repository matches`,
		"team-a/api --exclude team-a/*":        `"team-a/api": selects no repository, because the other arguments and flags exclude all that match`,
	} {
		t.Run(args, func(t *testing.T) {
			cloud := newCloud(t)
			cloud.CreateRepository("team-a/api", "team-a/web", "team-a/scratch", "team-b/api", "other")
			cloud.PutList(accountList, "111111111111")
			_, out := call(t.Context(), append([]string{"apply", "--yes", "--stack", "narrow"}, strings.Fields(args)...)...)
			var written []string
			for _, name := range []string{"other", "team-a/api", "team-a/scratch", "team-a/web", "team-b/api"} {
				if document, _ := cloud.Policy(name); document != "" {
					written = append(written, name)
				}
			}
			if got := strings.Join(written, " "); strings.HasPrefix(want, `"`) && got == "" {
				contains(t, out, want)
			} else if got != want {
				t.Errorf("policies of %s, want %s\n%s", got, want, out)
			}
		})
	}
}

// Without the settings of the stack, its own repository is still out of scope.
func TestCheckRepositoryWithoutItsStack(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api", checkRepository)
	cloud.PutList(accountList, "111111111111")
	_, out := call(t.Context(), "apply", "--yes", "--stack", "", "--include", "**")
	contains(t, out, "applied: 1 updated, 1 out of scope\n")
	_, out = call(t.Context(), "apply", "--yes", "--stack", "", checkRepository)
	contains(t, out, `"`+checkRepository+`": out of scope`)
}

// audit also includes repositories out of scope.
func TestSelectionOfAudit(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("team-a/api", "team-a/scratch", "other")
	cloud.PutList(accountList, "111111111111")
	if status, out := call(t.Context(), "audit", "--stack", "narrow", "--output", "json", "team-a/scratch"); status != 0 || strings.Count(out, `"name": `) != 1 {
		t.Errorf("exit status %d\n%s", status, out)
	}
	_, out := call(t.Context(), "audit", "--stack", "narrow", "team-z")
	contains(t, out, `"team-z": no repository matches`)
}
