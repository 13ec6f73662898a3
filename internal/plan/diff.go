package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Sign says what a line of a diff is about.
type Sign string

const (
	Add    Sign = "+"
	Remove Sign = "-"
	Modify Sign = "~"
)

// Line is one thing that changes: a consumer or an action that comes or goes, or how they are granted.
type Line struct {
	Sign Sign
	Text string
}

// Statement is how the meaning of one statement of ours changes.
type Statement struct {
	Sid   string
	Title string // whom the statement is for
	Lines []Line
}

// Diff is how the meaning of a policy changes. Statements that are not ours never do.
type Diff []Statement

// String is the diff as lines of text.
func (d Diff) String() string {
	var text strings.Builder
	for _, s := range d {
		fmt.Fprintf(&text, "%s (%s)\n", s.Title, s.Sid)
		for _, l := range s.Lines {
			fmt.Fprintf(&text, "%s %s\n", l.Sign, l.Text)
		}
	}
	return text.String()
}

// diff says what a change does to an existing document.
func diff(standard policy.Standard, existing string, change policy.Change) (Diff, error) {
	before, err := standard.Explain(existing)
	if err != nil {
		return nil, err
	}
	after, err := standard.Explain(change.Document)
	if err != nil {
		return nil, err
	}
	sids := slices.Concat(change.Added, change.Removed)
	slices.Sort(sids)
	var d Diff
	for _, sid := range slices.Compact(sids) {
		d = append(d, statement(sid, of(sid, before), of(sid, after)))
	}
	return d, nil
}

func of(sid string, grants []policy.Grant) []policy.Grant {
	return slices.DeleteFunc(slices.Clone(grants), func(g policy.Grant) bool { return g.Sid != sid })
}

// statement compares the grants with one Sid. The standard writes at most one, but a document may have more.
func statement(sid string, before, after []policy.Grant) Statement {
	kind := slices.Concat(after, before)[0].Kind
	was, is := sum(before), sum(after)
	s := Statement{Sid: sid, Title: title(kind)}
	s.add(was.consumers, is.consumers, func(c string) string { return describe(kind, c) })
	s.add(was.actions, is.actions, func(a string) string { return "action " + a })
	s.modify(before, after)
	return s
}

// grants is what several grants give together.
type grants struct{ consumers, actions []string }

func sum(all []policy.Grant) (g grants) {
	for _, one := range all {
		g.consumers = append(g.consumers, one.Consumers...)
		g.actions = append(g.actions, one.Actions...)
	}
	return g
}

func (s *Statement) add(before, after []string, say func(string) string) {
	for _, gone := range subtract(before, after) {
		s.Lines = append(s.Lines, Line{Remove, say(gone)})
	}
	for _, come := range subtract(after, before) {
		s.Lines = append(s.Lines, Line{Add, say(come)})
	}
}

// modify says what no consumer and no action tells.
func (s *Statement) modify(before, after []policy.Grant) {
	if slices.ContainsFunc(before, func(g policy.Grant) bool { return g.Unclear }) {
		s.Lines = append(s.Lines, Line{Remove, "what else the statement said: the standard has no such statement"})
	}
	if len(before) == 0 || len(after) == 0 {
		return
	}
	if len(before) > 1 {
		s.Lines = append(s.Lines, Line{Modify, fmt.Sprintf("one statement in the place of %d", len(before))})
	}
	if after[0].ByCondition && !before[0].ByCondition {
		s.Lines = append(s.Lines, Line{Modify, "granted by condition, not as principals"})
	}
	if len(s.Lines) == 0 {
		s.Lines = append(s.Lines, Line{Modify, "written anew"})
	}
}

func title(kind string) string {
	titles := map[string]string{
		"Accounts":            "accounts, roles and users",
		"Principals":          "roles and users",
		"Organizations":       "organizations",
		"OrganizationalUnits": "organizational units",
		"Lambda":              "Lambda functions",
	}
	if said, ok := titles[kind]; ok {
		return said
	}
	return "a statement that the standard has not"
}

// describe says what a consumer is.
func describe(kind, consumer string) string {
	switch {
	case consumer == "*":
		return "everybody"
	case kind == "Lambda" && !strings.Contains(consumer, "."):
		return "functions of account " + consumer
	case len(consumer) == 12 && strings.Trim(consumer, "0123456789") == "":
		return "account " + consumer
	case strings.Contains(consumer, ":role/"):
		return "role " + consumer
	case strings.Contains(consumer, ":user/"):
		return "user " + consumer
	case strings.HasPrefix(consumer, "o-") && strings.Contains(consumer, "/"):
		return "organizational unit " + consumer
	case strings.HasPrefix(consumer, "o-"):
		return "organization " + consumer
	}
	return consumer
}

// subtract returns those of the values that aren't among others, sorted, each once.
func subtract(values, others []string) []string {
	left := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return slices.Contains(others, v) })
	slices.Sort(left)
	return slices.Compact(left)
}
