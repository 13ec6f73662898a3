package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/fatih/color"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/group"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// report writes plans and results as text.
type report struct {
	out                           io.Writer
	program                       string // how the command line was started, for commands to run
	columns                       int    // of the terminal; 0 if the output isn't one, so that lines stay whole for other programs
	bold, green, yellow, red, dim *color.Color
	shortened                     bool // names were left out
}

func (s *session) newReport(out io.Writer) *report {
	r := &report{
		out:     out,
		program: s.flags.program,
		bold:    color.New(color.Bold),
		green:   color.New(color.FgGreen),
		yellow:  color.New(color.FgYellow),
		red:     color.New(color.FgRed),
		dim:     color.New(color.Faint),
	}
	if isTerminal(out) {
		r.columns = width(out)
	}
	return r
}

// plan writes the changes, the warnings, the failures and the totals of a plan.
func (r *report) plan(p planned, all bool) {
	if p.registry != nil {
		r.changes([]plan.Repository{*p.registry}, plan.Change, false)
	}
	r.changes(p.repositories, plan.Change, all)
	r.changes(p.repositories, plan.Blocked, all)
	r.problems("blocked", r.red, rejections(p.repositories, true), all)
	r.problems("warning", r.yellow, rejections(p.repositories, false), all)
	r.failures(failures(p.repositories), all)
	if p.registry != nil {
		r.notices([]plan.Repository{*p.registry}, all)
	}
	r.notices(p.repositories, all)
	if p.registry != nil {
		fmt.Fprintf(r.out, "%s %s\n", r.bold.Sprint("registry policy:"), p.registry.Outcome)
	}
	r.totals(p.repositories, p.outOfScope)
	if p.registry != nil && p.changes() {
		fmt.Fprintf(r.out, "%s %s\n", r.bold.Sprint("calls that write:"), p.calls())
	}
}

// paragraph writes a text, which it wraps on a terminal.
func (r *report) paragraph(text string) { fmt.Fprintln(r.out, r.wrapped(text)) }

// labeled writes a paragraph that begins with a label.
func (r *report) labeled(style *color.Color, label, text string) {
	text = r.wrapped(label + text)
	fmt.Fprintln(r.out, style.Sprint(label)+strings.TrimPrefix(text, label))
}

// wrapped returns a text that is wrapped if the output is a terminal, and then all lines but the first are indented.
func (r *report) wrapped(text string) string {
	const indentation = "  "
	if r.columns == 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		start := line[:len(line)-len(strings.TrimLeft(line, " "))]
		lines[i] = start + strings.ReplaceAll(wrap(line, r.columns-len(indentation)), "\n", "\n"+indentation)
	}
	return strings.Join(lines, "\n")
}

// notices writes the notices. It groups repositories with the same notice, unless all is set.
func (r *report) notices(planned []plan.Repository, all bool) {
	for _, group := range plan.NoticeGroups(planned) {
		where := r.in(group.Repositories)
		if all {
			where = "in " + strings.Join(group.Repositories, ", ")
		}
		r.labeled(r.bold, "note:", fmt.Sprintf(" %s, %s", where, iampolicy.Visible(group.Text)))
		r.paragraph("  " + group.Remedy)
		if group.Command != "" {
			fmt.Fprintf(r.out, "    %s\n", group.Command)
		}
	}
}

// changes writes the changes of the repositories with an outcome. It groups what is the same in several repositories,
// unless all is set.
func (r *report) changes(planned []plan.Repository, outcome plan.Outcome, all bool) {
	groups := plan.Groups(planned, outcome)
	if all {
		groups = nil
		for _, one := range planned {
			groups = append(groups, plan.Groups([]plan.Repository{one}, outcome)...)
		}
	}
	for _, group := range groups {
		r.group(group, outcome)
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
			phrase.Repositories(byCondition), r.program)
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

// heading returns the repositories of a group: "same change in 5 repositories: a, b, c, and 2 more".
func (r *report) heading(group plan.Group, outcome plan.Outcome) string {
	kind := "same"
	switch {
	case group.Additional && outcome == plan.Blocked:
		kind = "additional blocked"
	case group.Additional:
		kind = "additional"
	case outcome == plan.Blocked:
		kind = "blocked"
	case len(group.Repositories) == 1:
		return group.Repositories[0]
	}
	where := "in " + group.Repositories[0]
	if n := len(group.Repositories); n > 1 {
		where = fmt.Sprintf("in %s: %s", phrase.Repositories(n), r.some(group.Repositories))
	}
	return kind + " change " + where
}

func (r *report) group(group plan.Group, outcome plan.Outcome) {
	fmt.Fprintln(r.out, r.bold.Sprint(r.wrapped(r.heading(group, outcome))))
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

// rejections returns why ECR rejects changes, of repositories that would change or of those that wouldn't.
func rejections(planned []plan.Repository, blocked bool) []problem {
	var rejected []problem
	for _, one := range planned {
		if len(one.Deleted) > 0 && (one.Outcome == plan.Blocked) == blocked {
			remedy := ""
			if one.Removable {
				remedy = "; to remove such IDs, use --remove-dead-principals"
			}
			rejected = append(rejected, problem{one.Name, fmt.Errorf("ECR rejects any change of this policy until this is corrected: %s%s", strings.Join(one.Deleted, "; "), remedy)})
		}
	}
	return rejected
}

func (r *report) failures(failed []problem, all bool) {
	r.problems("failed", r.red, failed, all)
}

// problems writes problems of repositories. It groups repositories that have the same one, unless all is set.
func (r *report) problems(label string, style *color.Color, found []problem, all bool) {
	cause := problem.cause
	if all {
		cause = func(p problem) string { return p.repository }
	}
	for _, same := range group.By(found, cause) {
		first, others := same[0], same[1:]
		r.labeled(style, label, fmt.Sprintf(": %s: %s", first.repository, awsclient.ErrorText(first.err)))
		if len(others) == 0 {
			continue
		}
		var names []string
		for _, other := range others {
			names = append(names, other.repository)
		}
		r.paragraph(fmt.Sprintf("  same problem in %s: %s", phrase.Count(len(names), "more repository", "more repositories"), r.some(names)))
	}
}

// uniqueID matches the ID of a deleted role or user. The same statement names another one in each repository.
var uniqueID = regexp.MustCompile(`\b(AROA|AIDA)[0-9A-Z]+\b`)

// cause returns the part of the error that is the same for all repositories with the same problem.
func (p problem) cause() string {
	if _, ok := errors.AsType[*policy.SizeError](p.err); ok {
		return "too large" // the sizes differ
	}
	return uniqueID.ReplaceAllString(strings.ReplaceAll(awsclient.ErrorText(p.err), p.repository, ""), "")
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
	fmt.Fprintf(r.out, "%s %s\n", r.bold.Sprintf("%s:", phrase.Repositories(len(planned)+outOfScope)), strings.Join(parts, ", "))
}

func count(planned []plan.Repository) map[plan.Outcome]int {
	counts := map[plan.Outcome]int{}
	for _, one := range planned {
		counts[one.Outcome]++
	}
	return counts
}

// some returns the first names, and the number of the others.
func (r *report) some(names []string) string {
	r.shortened = r.shortened || phrase.Shortens(names)
	return phrase.Some(names)
}

// in returns where something is.
func (r *report) in(names []string) string {
	r.shortened = r.shortened || phrase.Shortens(names)
	return phrase.InRepositories(names)
}

// hint writes how to show the names that were left out.
func (r *report) hint() {
	if r.shortened {
		fmt.Fprintln(r.out, "To show each repository separately, use --all.")
	}
}
