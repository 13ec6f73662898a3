package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// List is one valid account list.
type List struct {
	Consumers Consumers
	Notices   []string // sentences for the log, such as that the registry's own account was dropped
}

// ParseList reads the text of an account list.
//
// Entries are separated by commas and white space, and # starts a comment that
// goes to the end of the line. An entry is an account ID of 12 digits, the ARN
// of an account's root, of an IAM role or of an IAM user, an organization ID
// (o-…), or the path of an organizational unit (o-…/r-…/ou-…/*). The word none,
// alone, is a valid list that names nobody. Order means nothing, and duplicates
// collapse. The registry's own account is dropped with a notice, as its
// principals need no repository policy; its roles and users may be named.
//
// One bad entry refuses the whole list, and so does a list that is empty or
// names the registry's own account alone. The error is then a *[ListError] with
// all problems at once.
func ParseList(text string, registry Registry) (List, error) {
	entries := splitEntries(text)
	if len(entries) == 0 {
		return List{}, wholeList("names nobody; write none to revoke everybody")
	}
	hasConsumer := slices.ContainsFunc(entries, func(e entry) bool { return e.text != noneEntry })

	var consumers Consumers
	var problems []Problem
	ownAccount := false
	for _, e := range entries {
		one, err := readEntry(e.text, registry.Partition)
		switch {
		case err != nil:
			problems = append(problems, e.problem(err.Error()))
		case one.kind == nobody && hasConsumer:
			problems = append(problems, e.problem("revokes everybody and stands alone; delete it or the other entries"))
		case one == consumer{anAccount, registry.AccountID}:
			ownAccount = true
		default:
			consumers.add(one)
		}
	}
	switch {
	case len(problems) > 0:
		return List{}, &ListError{Problems: problems}
	case ownAccount && consumers.IsEmpty():
		return List{}, wholeList("names the registry's own account alone, which needs no repository policy; write none to revoke everybody")
	}

	list := List{Consumers: consumers.sorted()}
	if ownAccount {
		list.Notices = []string{"dropped " + registry.AccountID + ": the registry's own account needs no repository policy"}
	}
	return list, nil
}

// Locate returns a problem, with the reason, for every entry of a list that
// names one of the principals with these ARNs, as [Standard.Principals] returns
// them.
func Locate(text string, registry Registry, arns []string, reason string) []Problem {
	var found []Problem
	for _, e := range splitEntries(text) {
		one, err := readEntry(e.text, registry.Partition)
		if err != nil {
			continue
		}
		named := one.id
		if one.kind == anAccount {
			named = rootARN(registry.Partition, one.id)
		}
		if slices.Contains(arns, named) {
			found = append(found, e.problem(reason))
		}
	}
	return found
}

// entry is one entry where the text has it, both numbers 1-based.
type entry struct {
	text         string
	line, column int
}

func (e entry) problem(reason string) Problem {
	return Problem{Line: e.line, Column: e.column, Entry: e.text, Reason: reason}
}

func splitEntries(text string) []entry {
	// A lone carriage return ends a line too: else a comment would swallow the
	// entries after it.
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)

	var entries []entry
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line, _, _ = strings.Cut(line, "#")
		entries = append(entries, splitLine(line, number)...)
	}
	return entries
}

func splitLine(line string, number int) []entry {
	var entries []entry
	column, start, startColumn := 0, -1, 0
	for i, r := range line + "," { // the comma ends the last entry
		column++
		switch isSeparator := r == ',' || unicode.IsSpace(r); {
		case !isSeparator && start < 0:
			start, startColumn = i, column
		case isSeparator && start >= 0:
			entries = append(entries, entry{line[start:i], number, startColumn})
			start = -1
		}
	}
	return entries
}

// ListError says everything that is wrong with an account list.
type ListError struct {
	Problems []Problem // at least one, in the order of the text
}

func wholeList(reason string) error {
	return &ListError{Problems: []Problem{{Reason: reason}}}
}

// Error names the first ten problems and the number of the others.
func (e *ListError) Error() string {
	const shown = 10
	var texts []string
	for _, problem := range e.Problems[:min(shown, len(e.Problems))] {
		texts = append(texts, problem.String())
	}
	if more := len(e.Problems) - shown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return "account list: " + strings.Join(texts, "; ")
}

// Problem is one thing that is wrong with an account list. A problem of the
// list as a whole has Line 0, Column 0 and no Entry.
type Problem struct {
	Line   int    // 1-based
	Column int    // of the entry's first character, 1-based, in characters
	Entry  string // as written, of any length
	Reason string
}

// String is the problem as one line of text. It quotes at most 100 characters
// of the entry.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Reason
	}
	return fmt.Sprintf("line %d, column %d: %s: %s", p.Line, p.Column, quote(p.Entry), p.Reason)
}
