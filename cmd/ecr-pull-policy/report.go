package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/fatih/color"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/group"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// namesShown is the number of names that are shown of repositories with the same change.
const namesShown = 6

// report writes plans and results as text.
type report struct {
	out                           io.Writer
	program                       string // how the command line was started, for commands to run
	bold, green, yellow, red, dim *color.Color
	hint                          string // how to show names that are left out
}

func (s *session) newReport(out io.Writer) *report {
	return &report{
		out:     out,
		program: s.flags.program,
		bold:    color.New(color.Bold),
		green:   color.New(color.FgGreen),
		yellow:  color.New(color.FgYellow),
		red:     color.New(color.FgRed),
		dim:     color.New(color.Faint),
		hint:    " (use --all to show each)",
	}
}

// plan writes the changes, the warnings, the failures and the totals of a plan.
func (r *report) plan(p planned, all bool) {
	r.changes(p.repositories, all)
	r.problems(r.yellow.Sprint("warning"), warnings(p.repositories), all)
	r.failures(failures(p.repositories), all)
	r.notices(p.repositories, all)
	r.totals(p.repositories, p.outOfScope)
}

// notices writes the notices. It groups repositories with the same notice, unless all is set.
func (r *report) notices(planned []plan.Repository, all bool) {
	for _, group := range plan.NoticeGroups(planned) {
		names := r.someOfAll(group.Repositories)
		if all {
			names = strings.Join(group.Repositories, ", ")
		}
		where := "in " + names
		if n := len(group.Repositories); n > 1 {
			where = fmt.Sprintf("in %s (%s)", repositories(n), names)
		}
		fmt.Fprintf(r.out, "%s %s, %s\n  %s\n", r.bold.Sprint("note:"), where, iampolicy.Visible(group.Text), group.Remedy)
		if group.Command != "" {
			fmt.Fprintf(r.out, "    %s\n", group.Command)
		}
	}
}

// changes writes the changes. It groups repositories that change in the same way, unless all is set.
func (r *report) changes(planned []plan.Repository, all bool) {
	groups := plan.Groups(planned)
	if all {
		groups = nil
		for _, one := range planned {
			groups = append(groups, plan.Groups([]plan.Repository{one})...)
		}
	}
	for _, group := range groups {
		r.group(group)
	}
}

// applied writes the failures, the number of repositories that grant access using conditions, and the totals.
func (r *report) applied(results map[string]reconcile.Result, outOfScope int, all bool) {
	var failed []problem
	byCondition := 0
	counts := map[reconcile.Outcome]int{}
	for _, name := range slices.Sorted(maps.Keys(results)) {
		result := results[name]
		counts[result.Outcome]++
		if result.Outcome == reconcile.Failed {
			failed = append(failed, problem{name, result.Err})
		}
		if grants := result.Outcome == reconcile.Updated || result.Outcome == reconcile.Unchanged; grants && result.Reason != "" {
			byCondition++
		}
	}
	r.failures(failed, all)
	if byCondition > 0 {
		fmt.Fprintf(r.out, "note: ECR rejects a principal in the account lists, so the policies of %s use conditions; to find the principal, run: %s validate FILE --check-principals\n",
			repositories(byCondition), r.program)
	}
	var totals []string
	for _, outcome := range reconcile.Outcomes() {
		if n := counts[outcome]; n > 0 {
			totals = append(totals, fmt.Sprintf("%d %s", n, outcome))
		}
	}
	if outOfScope > 0 {
		totals = append(totals, fmt.Sprintf("%d out of scope", outOfScope))
	}
	if len(totals) > 0 {
		fmt.Fprintf(r.out, "%s %s\n", r.bold.Sprint("applied:"), strings.Join(totals, ", "))
	}
}

func (r *report) group(group plan.Group) {
	heading := group.Repositories[0]
	if n := len(group.Repositories); n > 1 {
		heading = fmt.Sprintf("same change in %d repositories: %s", n, r.someOfAll(group.Repositories))
	}
	fmt.Fprintln(r.out, r.bold.Sprint(heading))
	for _, statement := range group.Diff {
		sid := statement.Sid
		if sid == "" {
			sid = "no Sid"
		}
		fmt.Fprintf(r.out, "  %s %s\n", statement.Title, r.dim.Sprintf("(%s)", iampolicy.Visible(sid)))
		for _, line := range statement.Lines {
			r.line(line)
		}
	}
	if group.Deletes {
		fmt.Fprintln(r.out, "  the policy is deleted because no statements remain")
	}
	fmt.Fprintln(r.out)
}

func (r *report) line(line plan.Line) {
	colors := map[plan.Sign]*color.Color{plan.Add: r.green, plan.Remove: r.red, plan.Modify: r.bold}
	fmt.Fprintln(r.out, colors[line.Sign].Sprintf("    %s %s", line.Sign, iampolicy.Visible(line.Text)))
}

// problem is the reason why a repository couldn't be planned or changed, or won't be.
type problem struct {
	repository string
	err        error
}

func failures(planned []plan.Repository) []problem {
	var failed []problem
	for _, one := range planned {
		if one.Outcome == plan.Failed {
			failed = append(failed, problem{one.Name, one.Err})
		}
	}
	return failed
}

// warnings returns why ECR will reject changes.
func warnings(planned []plan.Repository) []problem {
	var warned []problem
	for _, one := range planned {
		if len(one.Deleted) > 0 {
			remedy := ""
			if one.Removable {
				remedy = "; to remove such IDs, use --remove-dead-principals"
			}
			warned = append(warned, problem{one.Name, fmt.Errorf("ECR rejects any change of this policy until this is corrected: %s%s", strings.Join(one.Deleted, "; "), remedy)})
		}
	}
	return warned
}

func (r *report) failures(failed []problem, all bool) {
	r.problems(r.red.Sprint("failed"), failed, all)
}

// problems writes problems of repositories. It groups repositories that have the same one, unless all is set.
func (r *report) problems(label string, found []problem, all bool) {
	cause := problem.cause
	if all {
		cause = func(p problem) string { return p.repository }
	}
	for _, same := range group.By(found, cause) {
		first, others := same[0], same[1:]
		fmt.Fprintf(r.out, "%s: %s: %s\n", label, first.repository, awsclient.ErrorText(first.err))
		if len(others) == 0 {
			continue
		}
		var names []string
		for _, other := range others {
			names = append(names, other.repository)
		}
		fmt.Fprintf(r.out, "  same problem in %s: %s\n", more(len(names)), r.someOfAll(names))
	}
}

// cause returns the part of the error that is the same for all repositories with the same problem.
func (p problem) cause() string {
	if _, ok := errors.AsType[*policy.SizeError](p.err); ok {
		return "too large" // the sizes differ
	}
	return strings.ReplaceAll(awsclient.ErrorText(p.err), p.repository, "")
}

func (r *report) totals(planned []plan.Repository, outOfScope int) {
	counts := count(planned)
	parts := []string{fmt.Sprintf("%d %s", counts[plan.Change], plan.Change), fmt.Sprintf("%d %s", counts[plan.Unchanged], plan.Unchanged)}
	for _, outcome := range plan.Outcomes()[2:] {
		if n := counts[outcome]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, outcome))
		}
	}
	if outOfScope > 0 {
		parts = append(parts, fmt.Sprintf("%d out of scope", outOfScope))
	}
	fmt.Fprintf(r.out, "%s %s\n", r.bold.Sprintf("%s:", repositories(len(planned)+outOfScope)), strings.Join(parts, ", "))
}

func count(planned []plan.Repository) map[plan.Outcome]int {
	counts := map[plan.Outcome]int{}
	for _, one := range planned {
		counts[one.Outcome]++
	}
	return counts
}

func repositories(n int) string {
	if n == 1 {
		return "1 repository"
	}
	return fmt.Sprintf("%d repositories", n)
}

func more(n int) string {
	if n == 1 {
		return "1 more repository"
	}
	return fmt.Sprintf("%d more repositories", n)
}

// some returns the first names, and the number of the others.
func some(names []string) string {
	if len(names) <= namesShown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(names[:namesShown], ", "), len(names)-namesShown)
}

// someOfAll returns some names, and the hint if there are more.
func (r *report) someOfAll(names []string) string {
	if len(names) <= namesShown {
		return some(names)
	}
	return some(names) + r.hint
}
