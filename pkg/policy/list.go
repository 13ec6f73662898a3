package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// List is a valid account list. Like that of [Consumers], its zero value
// isn't valid.
type List struct {
	Consumers Consumers
	Notices   []string // messages for the log, such as about entries that were ignored
}

// ParseList parses the text of an account list for a registry, of any length.
//
// Entries are separated by commas and white space, and # starts a comment that
// ends with the line. An entry is an account ID of 12 digits, the ARN of an
// account's root, of an IAM role, or of an IAM user, an organization ID (o-…),
// or the path of an organizational unit (o-…/r-…/ou-…/*). The word none must be
// the only entry; it makes a list that revokes all grants. The order of the
// entries and duplicates have no effect. The registry's own account is ignored
// with a notice, because its principals need no repository policy, but its
// roles and users can be listed. A role or user whose name contains a comma
// can't be listed.
//
// ParseList rejects the whole list if one entry is invalid, if there is no
// entry, or if the only one is the registry's own account. The error is a
// *[ListError] with all problems. Whether the principals exist isn't checked.
// The forms of principals are described at
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html.
func ParseList(text string, registry Registry) (List, error) {
	entries := splitEntries(text)
	if len(entries) == 0 {
		return List{}, wholeList("no entries; to revoke all grants, write none")
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
		case one.kind == noConsumer && hasConsumer:
			problems = append(problems, e.problem("must be the only entry; remove it or the other entries"))
		case one == consumer{anAccount, registry.AccountID}:
			ownAccount = true
		default:
			consumers.add(one)
		}
	}
	switch {
	case len(problems) > 0:
		return List{}, &ListError{Problems: problems}
	case ownAccount && consumers.isEmpty():
		return List{}, wholeList("the only entry is the registry's own account, which needs no repository policy; to revoke all grants, write none")
	}

	list := List{Consumers: consumers.sorted()}
	if ownAccount {
		list.Notices = []string{"ignored " + registry.AccountID + ": the registry's own account needs no repository policy"}
	}
	return list, nil
}

// Locate returns a problem with the given reason for each entry of a list that
// names one of the principals with the given ARNs, such as
// [Standard.Principals] returns. It ignores invalid entries.
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

// entry is one entry with its position in the text, from 1.
type entry struct {
	text         string
	line, column int
}

func (e entry) problem(reason string) Problem {
	return Problem{Line: e.line, Column: e.column, Entry: e.text, Reason: reason}
}

func splitEntries(text string) []entry {
	// A lone carriage return ends a line too: otherwise a comment would include
	// the entries after it.
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)

	var entries []entry
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		entries = append(entries, splitLine(line, number)...)
	}
	return entries
}

func splitLine(line string, number int) []entry {
	var entries []entry
	column, start, startColumn := 0, -1, 0
	inComment := false
	for i, r := range line + "," { // the comma ends the last entry
		column++
		inComment = (inComment || r == '#') && !breaksLine(r)
		switch isSeparator := inComment || r == ',' || unicode.IsSpace(r); {
		case !isSeparator && start < 0:
			start, startColumn = i, column
		case isSeparator && start >= 0:
			entries = append(entries, entry{line[start:i], number, startColumn})
			start = -1
		}
	}
	return entries
}

// breaksLine reports whether a character is one of Unicode's other line breaks.
// Editors don't count them as lines, but some of them show what follows in a
// new line, so that a comment must not include it:
// https://www.unicode.org/reports/tr14/
func breaksLine(r rune) bool { return strings.ContainsRune("\v\f\u0085\u2028\u2029", r) }

// ListError is the error for an invalid account list, with all its problems.
type ListError struct {
	Problems []Problem // at least one, in the order of the text
}

func wholeList(reason string) error {
	return &ListError{Problems: []Problem{{Reason: reason}}}
}

// Error returns the first ten problems and the number of the others.
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

// Problem is one problem of an account list. A problem of the list as a whole
// has Line 0, Column 0, and no Entry.
type Problem struct {
	Line   int    // from 1
	Column int    // of the entry's first character, from 1, in characters
	Entry  string // as in the text, of any length
	Reason string // the problem, and how to correct it
}

// String returns the problem as one line of text, with at most 100 characters
// of the entry.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Reason
	}
	return fmt.Sprintf("line %d, column %d: %s: %s", p.Line, p.Column, quote(p.Entry), p.Reason)
}
