package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Sign is the kind of a line in a diff.
type Sign string

// The signs of a diff.
const (
	Add    Sign = "+"
	Remove Sign = "-"
	Modify Sign = "~"
)

// Line is one change: a consumer or an action that is added or removed, or another way to grant access.
type Line struct {
	Sign Sign   `json:"sign"`
	Text string `json:"text"`
}

// Statement is how the meaning of one managed statement changes.
type Statement struct {
	Sid   string `json:"sid"`
	Title string `json:"title"` // the consumers of a managed statement
	Lines []Line `json:"lines"`
}

// Diff is how the meaning of a policy changes. Unmanaged statements never change, unless deleted principals are removed
// from them.
type Diff []Statement

// String returns the diff as lines of text.
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

// diff returns how a change affects an existing document.
func diff(existing, changed policy.Document, change policy.Change) Diff {
	before, after := existing.Grants(), changed.Grants()
	sids := slices.Concat(change.Added, change.Removed)
	slices.Sort(sids)
	sids = slices.Compact(sids)
	var d Diff
	for _, sid := range sids {
		was, is := of(sid, before), of(sid, after)
		if len(is) == 0 && len(was) > 0 && slices.ContainsFunc(after, func(g policy.Grant) bool { return sameList(g, was[0]) && slices.Contains(sids, g.Sid) }) {
			continue // the statement with another Sid is compared with it
		}
		if len(was) == 0 && len(is) > 0 {
			was = slices.DeleteFunc(slices.Clone(before), func(g policy.Grant) bool { return !sameList(g, is[0]) })
		}
		if len(was)+len(is) > 0 { // what one pass of a run adds, a later one can remove
			d = append(d, statement(sid, was, is))
		}
	}
	for _, removal := range change.DeletedPrincipals {
		d = append(d, unmanaged(removal))
	}
	return d
}

// unmanaged returns what is removed from an unmanaged statement.
func unmanaged(removal policy.Removal) Statement {
	s := Statement{Sid: strings.Trim(strconv.Quote(removal.Sid), `"`), Title: "unmanaged statement"} // a Sid can contain anything
	for _, id := range removal.Principals {
		s.Lines = append(s.Lines, Line{Remove, id + ", a deleted role or user"})
	}
	if removal.Statement {
		s.Lines = append(s.Lines, Line{Remove, "the statement, which names no other principal"})
	}
	return s
}

// sameList reports whether two statements are the same but for the mark that only the registry policy has managed
// statements.
func sameList(a, b policy.Grant) bool {
	return a.Kind != "" && a.Kind == b.Kind && a.List == b.List && a.Namespace == b.Namespace && a.IsMarked != b.IsMarked
}

func of(sid string, grants []policy.Grant) []policy.Grant {
	return slices.DeleteFunc(slices.Clone(grants), func(g policy.Grant) bool { return g.Sid != sid })
}

// statement compares the grants with one Sid. A standard policy has at most one, but a document can have more.
func statement(sid string, before, after []policy.Grant) Statement {
	kind := slices.Concat(after, before)[0].Kind
	was, is := sum(before), sum(after)
	s := Statement{Sid: sid, Title: title(kind)}
	if on := repositories(slices.Concat(after, before)[0]); on != "" {
		s.Title += " on " + on
	}
	s.add(was.consumers, is.consumers, func(c string) string { return describe(kind, c) })
	s.add(was.actions, is.actions, func(a string) string { return "action " + a })
	s.modify(before, after)
	return s
}

// grants is the sum of several grants.
type grants struct{ consumers, actions []string }

func sum(all []policy.Grant) (g grants) {
	for _, one := range all {
		g.consumers = append(g.consumers, one.Consumers...)
		g.actions = append(g.actions, one.Actions...)
	}
	return g
}

func (s *Statement) add(before, after []string, describe func(string) string) {
	for _, removed := range subtract(before, after) {
		s.Lines = append(s.Lines, Line{Remove, describe(removed)})
	}
	for _, added := range subtract(after, before) {
		s.Lines = append(s.Lines, Line{Add, describe(added)})
	}
}

// modify adds lines for changes other than those of consumers and actions.
func (s *Statement) modify(before, after []policy.Grant) {
	if slices.ContainsFunc(before, func(g policy.Grant) bool { return g.Unclear }) {
		s.Lines = append(s.Lines, Line{Remove, "all other content of the statement"})
	}
	if len(before) == 0 || len(after) == 0 {
		return
	}
	if len(before) > 1 {
		s.Lines = append(s.Lines, Line{Modify, fmt.Sprintf("one statement instead of %d", len(before))})
	}
	if after[0].ByCondition && !before[0].ByCondition {
		s.Lines = append(s.Lines, Line{Modify, "granted using a condition instead of principals"})
	}
	if was, is := repositories(before[0]), repositories(after[0]); was != is {
		s.Lines = append(s.Lines, Line{Modify, fmt.Sprintf("on %s instead of %s", is, cmp.Or(was, "an unknown part of the registry"))})
	}
	switch was, is := before[0].IsMarked, after[0].IsMarked; {
	case is && !was:
		s.Lines = append(s.Lines, Line{Modify, "marked, because no repository has managed statements"})
	case was && !is:
		s.Lines = append(s.Lines, Line{Modify, "no longer marked, because repositories can have managed statements"})
	}
	if len(s.Lines) == 0 {
		s.Lines = append(s.Lines, Line{Modify, "rewritten in the standard form"})
	}
}

// repositories returns the repositories on which a statement of a registry policy grants, or "".
func repositories(g policy.Grant) string {
	patterns := strings.Join(g.Repositories, ", ")
	switch {
	case g.IsExcept:
		return "all repositories except " + patterns
	case patterns == "*":
		return "all repositories"
	}
	return patterns
}

func title(kind string) string {
	titles := map[string]string{
		"Accounts":                  "accounts, roles and users",
		"Principals":                "roles and users",
		"Organizations":             "organizations",
		"OrganizationalUnits":       "organizational units",
		"Lambda":                    "Lambda functions",
		"LambdaOrganizations":       "Lambda functions of organizations",
		"LambdaOrganizationalUnits": "Lambda functions of organizational units",
	}
	if title, ok := titles[kind]; ok {
		return title
	}
	return "statement that isn't in the standard policy"
}

// describe returns a consumer with its type.
func describe(kind, consumer string) string {
	switch {
	case consumer == "*":
		return "all principals"
	case strings.HasPrefix(kind, "Lambda") && !strings.Contains(consumer, ".") && !strings.HasPrefix(consumer, "arn:"):
		return "functions of " + describe("", consumer)
	case iampolicy.IsAccountID(consumer):
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

// subtract returns the values that aren't among others, sorted and without duplicates.
func subtract(values, others []string) []string {
	left := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return slices.Contains(others, v) })
	slices.Sort(left)
	return slices.Compact(left)
}
