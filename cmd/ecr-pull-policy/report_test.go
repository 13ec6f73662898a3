package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fatih/color"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
)

// On a terminal, the lines of a plan fit its width, and nothing is lost or repeated.
func TestWrappedPlan(t *testing.T) {
	var whole, wrapped bytes.Buffer
	long := strings.Repeat("team-a/", 4)
	var all []plan.Repository
	for _, name := range []string{"api", "web", "job", "cli", "app"} {
		all = append(all, plan.Repository{
			Name: long + name, Outcome: plan.Blocked, Deleted: []string{"unmanaged statement 1 names AROAEXAMPLEEXAMPLEEX"},
			Diff:    plan.Diff{{Sid: "EcrPullPolicyAccounts", Title: "accounts", Lines: []plan.Line{{Sign: plan.Add, Text: "account 111111111111"}}}},
			Notices: []plan.Notice{{Text: "a statement denies a pull to a consumer", Remedy: "if the consumer must pull, change the statement"}},
		})
	}
	for out, columns := range map[*bytes.Buffer]int{&whole: 0, &wrapped: 60} {
		s := &session{flags: newFlags(program{})}
		r := s.newReport(out)
		r.columns = columns
		for _, c := range []*color.Color{r.bold, r.red, r.yellow} {
			c.DisableColor()
		}
		r.plan(planned{repositories: all}, false)
	}
	for line := range strings.Lines(wrapped.String()) {
		if len(line) > 61 {
			t.Errorf("line of %d columns: %s", len(line)-1, line)
		}
	}
	if a, b := strings.Fields(whole.String()), strings.Fields(wrapped.String()); strings.Join(a, " ") != strings.Join(b, " ") {
		t.Errorf("got\n%s\nwant\n%s", &wrapped, &whole)
	}
}
