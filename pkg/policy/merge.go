package policy

import (
	"bytes"
	"fmt"
	"slices"
)

// Listed is what one of the lists on a repository's path says. The zero value
// is a list that can't be used, and changes nothing.
type Listed struct {
	// Consumers are those that the list names. Nil if no version of the list can
	// be used: the list's statements stay, as far as the standard could have
	// written them.
	Consumers *Consumers

	// Oversized are the consumers of the newest version if its policy is too
	// large, so that Consumers are those of an earlier version. A document that
	// grants to some of them keeps its statements: they must not lose their pull
	// because a setting of the stack made the list too large.
	Oversized *Consumers
}

// Change is what a merge does to a repository's policy.
type Change struct {
	// Document is the document to store, as compact JSON. It is "" when no
	// statement is left: ECR stores no empty policy, so it is to be deleted.
	// Without a change it is the existing text.
	Document string

	// Changed reports whether the meaning differs from that of the existing
	// document. Otherwise there is nothing to write.
	Changed bool

	// Added and Removed are the Sids of the managed statements that appear and
	// disappear, sorted. A statement whose content changed is in both.
	Added, Removed []string
}

// Merge brings an existing policy document, "" for none, to the standard for
// the lists on a repository's path: lists[0] is the account list itself,
// lists[1] that of the first segment of the repository's name, and so on.
// Without any list the document stays as it is.
//
// An empty list says that nobody can pull: its statements are removed. Managed
// statements that belong to no list are removed as well. Unmanaged statements
// stay as they are and come first.
//
// In the style principal, statements that grant the same by condition are as
// good: they stay, and a document that has such is changed in that style. ECR
// has rejected the names of its principals before, and [Standard.MergeAs] goes
// back to names.
//
// Merge fails, and the policy is to stay as it is, if the standard is invalid,
// if consumers are not such as ParseList returns, if the existing document
// can't be understood, or, with a *[SizeError], if the document to be written
// is too large.
func (s Standard) Merge(existing string, lists []Listed) (Change, error) {
	return s.merge(existing, lists, "")
}

// MergeAs is Merge for a document in just one of the styles. The style
// condition names no principal, so ECR can't reject one.
func (s Standard) MergeAs(style GrantStyle, existing string, lists []Listed) (Change, error) {
	return s.merge(existing, lists, style)
}

// merge merges in one style, or, if it is empty, in either.
func (s Standard) merge(existing string, lists []Listed, style GrantStyle) (Change, error) {
	if err := s.Validate(); err != nil {
		return Change{}, fmt.Errorf("standard policy: %w", err)
	}
	doc, err := readDocument(existing, s.Registry.Partition)
	if err != nil {
		return Change{}, fmt.Errorf("the existing policy document %w", err)
	}
	if len(lists) == 0 {
		return Change{Document: existing}, nil
	}
	if s.Style == GrantCondition {
		style = GrantCondition
	}
	written, other := style, style
	if style == "" {
		written, other = GrantPrincipal, GrantCondition
		if doc.grantsByCondition() {
			written, other = other, written
		}
	}
	var wanted []managedStatement
	for depth, list := range lists {
		has := doc.at(depth)
		want, err := s.wanted(has, depth, list, written)
		if err != nil {
			return Change{}, err
		}
		if other != written && !sameMeaning(has, want) {
			if same, err := s.wanted(has, depth, list, other); err == nil && sameMeaning(has, same) {
				want = has
			}
		}
		wanted = append(wanted, want...)
	}
	change := compare(doc.managed, wanted)
	if !change.Changed {
		change.Document = existing
		return change, nil
	}
	change.Document = doc.with(wanted)
	if err := s.checkSize(change.Document, written); err != nil {
		return Change{}, err
	}
	return change, nil
}

// grantsByCondition reports whether accounts, roles or users are granted by
// condition.
func (d document) grantsByCondition() bool {
	return slices.ContainsFunc(d.managed, func(m managedStatement) bool {
		k, _, _ := parseSid(m.sid)
		_, isTested := m.meaning.values(k.test())
		return (k == accountsKind || k == principalsKind) && isTested && equalPrincipals(m.meaning.principals, everyone())
	})
}

// wanted returns the statements of one list that the document is to have, in
// order.
func (s Standard) wanted(existing []managedStatement, depth int, list Listed, style GrantStyle) ([]managedStatement, error) {
	if list.Consumers == nil {
		return s.kept(existing, depth, style, func(consumer) bool { return true }), nil
	}
	if list.Oversized != nil && s.grantsMore(existing, list) {
		return s.kept(existing, depth, style, func(c consumer) bool { return list.Consumers.has(c) || list.Oversized.has(c) }), nil
	}
	var wanted []managedStatement
	for _, k := range kinds() {
		built, isNeeded := s.build(k, style, *list.Consumers)
		if !isNeeded {
			continue
		}
		sid := k.sid(depth)
		if trimmed, ok := s.trim(k, built, list.Consumers.has); !ok || !trimmed.equal(built) {
			return nil, fmt.Errorf("statement %s would grant to a consumer that no valid account list names", sid)
		}
		wanted = append(wanted, built.encode(sid))
	}
	return wanted, nil
}

func (s Standard) kept(existing []managedStatement, depth int, style GrantStyle, within func(consumer) bool) []managedStatement {
	kept := s.keep(existing, within)
	if style == GrantCondition {
		return s.byCondition(kept, depth)
	}
	return kept
}

// grantsMore reports whether statements grant to consumers of the oversized
// version that the version in use lacks.
func (s Standard) grantsMore(existing []managedStatement, list Listed) bool {
	for _, m := range s.keep(existing, list.Oversized.has) {
		k, _, _ := parseSid(m.sid)
		if k == lambdaKind {
			continue
		}
		for _, one := range s.consumers(k, m.meaning) {
			if list.Oversized.has(one) && !list.Consumers.has(one) {
				return true
			}
		}
	}
	return false
}

// compare returns how the managed statements that a document has differ in
// meaning from the wanted ones.
func compare(existing, wanted []managedStatement) Change {
	before, after := bySid(existing), bySid(wanted)
	var added, removed []string
	for sid, statements := range after {
		if sameMeaning(before[sid], statements) {
			delete(before, sid)
		} else {
			added = append(added, sid)
		}
	}
	for sid := range before {
		removed = append(removed, sid)
	}
	return Change{
		Changed: len(added) > 0 || len(removed) > 0,
		Added:   sortedUnique(added),
		Removed: sortedUnique(removed),
	}
}

func bySid(statements []managedStatement) map[string][]managedStatement {
	groups := map[string][]managedStatement{}
	for _, statement := range statements {
		groups[statement.sid] = append(groups[statement.sid], statement)
	}
	return groups
}

// sameMeaning compares statements in whatever order their Sids are. A Sid that
// occurs twice is different from one that occurs once.
func sameMeaning(a, b []managedStatement) bool {
	sorted := func(statements []managedStatement) []managedStatement {
		return slices.SortedStableFunc(slices.Values(statements), func(a, b managedStatement) int { return order(a.sid) - order(b.sid) })
	}
	return slices.EqualFunc(sorted(a), sorted(b), func(a, b managedStatement) bool {
		return a.sid == b.sid && (bytes.Equal(a.raw, b.raw) || a.ok && b.ok && a.meaning.equal(b.meaning))
	})
}
