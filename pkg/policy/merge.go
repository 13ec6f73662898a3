package policy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Listed is one of the lists that a document is for. The zero value is an account
// list that can't be used: the document keeps the grants that it already has for
// the list.
type Listed struct {
	// Namespace is that of the list, such as team-a/api, and "" for the account
	// list. It is only needed for the registry policy.
	Namespace string

	// Consumers are those that the list names, or nil if no version of the list
	// can be used. The statements of the list then stay, except for anything that
	// no standard policy grants.
	Consumers *Consumers

	// Oversized are the consumers of the newest version of the list if the policy
	// for it is too large, and Consumers are therefore those of an earlier
	// version. A document that grants access to some of them keeps its statements: a
	// setting that makes the list too large must not revoke grants. Nil otherwise.
	Oversized *Consumers
}

// Change is the result of a merge.
type Change struct {
	// Document is the document to write, as compact JSON of at most
	// MaxDocumentCharacters. It is "" if no statement is left: the policy has to
	// be deleted then, because ECR stores no policy without statements. Without a
	// change it is the existing text, of any size.
	Document string

	// Changed reports whether the document has a different meaning from the
	// existing one. If not, there is nothing to write.
	Changed bool

	// Added and Removed are the Sids of the managed statements that are added and
	// removed, sorted. A statement that is modified is in both.
	Added, Removed []string

	// DeletedPrincipals is what is removed from unmanaged statements: nothing,
	// unless the existing document is one of [Document.WithoutDeletedPrincipals].
	DeletedPrincipals []Removal
}

// Merge merges the standard policy for the lists on a repository's path into
// the repository's existing document: lists[0] is the account list, lists[1]
// the namespace list of the first segment of the repository's name, and so on.
// Without lists the document doesn't change.
//
// If a list is the entry none, its statements are removed, and so are managed
// statements that belong to no list. Unmanaged statements don't change, and
// come first.
//
// In the registry policy, lists are all lists, in any order. A list that has
// statements there and isn't among them can't be used: its statements stay.
// Statements have Resource or NotResource elements for the repositories of the
// list that are in the standard's Scope, and grant in the style condition. A
// document that names principals is unchanged if it grants the same.
//
// A document at another level than that of the standard follows the lists: its
// grants are narrowed to those of the lists that can be used, and to the
// standard's actions, and none are added. A consumer that moves to another list
// for the same repositories keeps its grants on them, in the statement that it
// has or, if that is for more repositories, in one of the other list. To also
// remove what the other level grants, use [Document.CoveredBy]. The statements
// for the Lambda service are in the policies of the repositories at either
// level.
//
// The mark that only the registry policy has managed statements stays if all of
// them have it; see [Document.IsOnly].
//
// In the grant style principal, statements that grant the same access using
// a condition also conform to the standard. If the existing document has such
// statements, changes use that style too, because ECR has rejected a principal
// in the document before. To return to the style principal, use
// [Standard.MergeAs].
//
// Merge fails, and the policy must stay as it is, if the standard is invalid,
// if the existing document is that of another registry, if the consumers of a
// list aren't in the form that [ParseList] returns, if a registry policy can't
// express the repositories of a list (see [Scope.Expressible]), or, with a
// *[SizeError], if the document to write would exceed [MaxDocumentCharacters].
func (s Standard) Merge(existing Document, lists []Listed) (Change, error) {
	return s.merge(existing, lists, "")
}

// MergeAs is like [Standard.Merge], but all grants are in one style. In the
// style condition the managed statements name no principal that ECR could
// reject. If the standard's style is condition, all grants use that style.
// MergeAs also fails if the style is unknown.
func (s Standard) MergeAs(style GrantStyle, existing Document, lists []Listed) (Change, error) {
	if err := style.validate(); err != nil {
		return Change{}, err
	}
	return s.merge(existing, lists, style)
}

// merge merges in one style, or in either if it is empty.
func (s Standard) merge(existing Document, lists []Listed, style GrantStyle) (Change, error) {
	if err := s.Validate(); err != nil {
		return Change{}, fmt.Errorf("standard policy: %w", err)
	}
	if existing.text != "" && existing.registry != s.Registry {
		return Change{}, errors.New("the policy document was parsed for another registry; parse it for the standard's registry")
	}
	if len(lists) == 0 {
		return Change{Document: existing.text}, nil
	}
	written, other := s.styles(existing, style)
	plain := existing
	plain.managed = marked(existing.managed, false)
	places := existing.places(s.Registry, lists)
	wanted, err := s.all(plain, places, written, other)
	if err != nil {
		return Change{}, err
	}
	if existing.level.isRegistry() && other != written && compare(plain.managed, wanted).Changed {
		// One name that ECR rejects would keep all lists from the registry policy.
		if wanted, err = s.all(plain, places, written, written); err != nil {
			return Change{}, err
		}
	}
	if s.isOnly(existing) {
		if change, err := s.change(existing, marked(wanted, true), written); err == nil {
			return change, nil
		}
	}
	change, err := s.change(existing, wanted, written)
	if _, isTooLarge := errors.AsType[*SizeError](err); isTooLarge && s.follows(existing) {
		// Revocations don't wait until consumers that moved to other lists fit.
		for i := range places {
			places[i].others = nil
		}
		if wanted, err = s.all(plain, places, written, written); err != nil {
			return Change{}, err
		}
		return s.change(existing, wanted, written)
	}
	return change, err
}

// follows reports whether a document is at another level than that of the
// standard.
func (s Standard) follows(d Document) bool { return d.level.isRegistry() != s.Level.isRegistry() }

// change returns the change to a document with these managed statements.
func (s Standard) change(existing Document, wanted []managedStatement, style GrantStyle) (Change, error) {
	change := compare(existing.managed, wanted)
	if change.DeletedPrincipals = existing.removed; len(existing.removed) > 0 {
		change.Changed = true
	}
	if !change.Changed {
		change.Document = existing.text
		return change, nil
	}
	change.Document = existing.with(wanted)
	if err := s.checkSize(change.Document, existing, style); err != nil {
		return Change{}, err
	}
	return change, nil
}

// styles returns the style in which statements are written, and another one in
// which they count as unchanged.
func (s Standard) styles(existing Document, style GrantStyle) (written, other GrantStyle) {
	switch {
	case existing.level.isRegistry() && style == "":
		return GrantCondition, GrantPrincipal
	case s.Style == GrantCondition:
		return GrantCondition, GrantCondition
	case style != "":
		return style, style
	case existing.grantsByCondition():
		return GrantCondition, GrantPrincipal
	}
	return GrantPrincipal, GrantCondition
}

// all returns the statements that the document must have for all lists, in
// order. Those of a list that it already has in the other style stay.
func (s Standard) all(existing Document, lists []placed, written, other GrantStyle) ([]managedStatement, error) {
	var wanted []managedStatement
	for _, list := range lists {
		has := existing.at(list.place)
		want, err := s.wanted(existing, list, written)
		if err != nil {
			return nil, err
		}
		if other != written && !sameMeaning(has, want) {
			if same, err := s.wanted(existing, list, other); err == nil && sameMeaning(has, same) {
				want = has
			}
		}
		wanted = append(wanted, want...)
	}
	return wanted, nil
}

// grantsByCondition reports whether the document grants to accounts, roles, or
// users using a condition.
func (d Document) grantsByCondition() bool {
	return slices.ContainsFunc(d.managed, func(m managedStatement) bool {
		k, _, _ := parseSid(m.sid)
		_, isTested := m.meaning.values(k.test())
		return (k == accountsKind || k == principalsKind) && isTested && equalPrincipals(m.meaning.principals, everyone())
	})
}

// wanted returns the statements that the document must have for one list, in
// order.
func (s Standard) wanted(existing Document, list placed, style GrantStyle) ([]managedStatement, error) {
	if list.Consumers != nil {
		if err := list.Consumers.validate(); err != nil {
			return nil, fmt.Errorf("%s: %w", list.label, err)
		}
	}
	has := existing.at(list.place)
	keeps := list.Consumers == nil || list.Oversized != nil && s.grantsMore(has, list)
	follows, within := s.follows(existing), list.has
	if follows {
		within = list.hasOnPath
	}
	kept := s.kept(has, list.place, style, within)
	if follows {
		kept = s.withMoved(kept, existing, list)
	}

	var wanted []managedStatement
	for _, k := range existing.level.kinds() {
		if !keeps && (k.isForLambda() || !follows) {
			built, err := s.built(k, list, style)
			if err != nil {
				return nil, err
			}
			wanted = append(wanted, built...)
			continue
		}
		for _, m := range kept {
			of, _, _ := parseSid(m.sid)
			if of != k {
				continue
			}
			isNeeded := true
			if follows && !keeps {
				m, isNeeded = s.withinActions(k, m)
			}
			if isNeeded && !(follows && existing.isCovered(m, list.Consumers != nil)) {
				wanted = append(wanted, m)
			}
		}
	}
	return wanted, nil
}

// withMoved returns the kept statements of a namespace list in a registry policy
// that follows the lists, with the consumers that only this list still has, and
// that a statement for more repositories can therefore no longer have.
func (s Standard) withMoved(kept []managedStatement, existing Document, list placed) []managedStatement {
	if !existing.level.isRegistry() || list.Consumers == nil {
		return kept
	}
	moves := func(c consumer) bool { return list.has(c) && !list.othersHave(c) }
	for _, other := range list.others {
		if other.Consumers == nil {
			continue // keeps its statements
		}
		for _, m := range s.kept(existing.at(other.place), list.place, GrantCondition, moves) {
			if k, _, _ := parseSid(m.sid); m.ok && m.meaning.effect == allow {
				values, _ := m.meaning.values(k.test())
				kept = addTested(kept, m.meaning, k, list.place, values)
			}
		}
	}
	return kept
}

// withinActions returns the part of a kept statement that grants actions of the
// standard. It reports false if nothing remains, and for a Deny.
func (s Standard) withinActions(k kind, m managedStatement) (managedStatement, bool) {
	if denies(m.raw) {
		return m, false
	}
	within := m.meaning
	within.actions = slices.DeleteFunc(slices.Clone(within.actions), func(action string) bool { return !slices.Contains(s.actions(k), action) })
	if !within.equal(m.meaning) {
		m = within.encode(m.sid)
	}
	return m, len(within.actions) > 0
}

// has reports whether a version of the list has the consumer. Any consumer can
// be one of a list that can't be used.
func (l Listed) has(c consumer) bool {
	return l.Consumers == nil || l.Consumers.has(c) || l.Oversized != nil && l.Oversized.has(c)
}

// built returns the statement of a kind that a list leads to, or none.
func (s Standard) built(k kind, list placed, style GrantStyle) ([]managedStatement, error) {
	st, isNeeded := s.build(k, style, *list.Consumers)
	if !isNeeded {
		return nil, nil
	}
	if list.level.isRegistry() {
		on, inScope, err := s.Scope.resource(s.Registry, list.namespace)
		if err != nil || !inScope {
			return nil, err
		}
		st.resource = on
	}
	sid := list.sid(k)
	if trimmed, ok := s.Registry.trim(k, list.place, st, list.Consumers.has); !ok || !trimmed.equal(st) {
		return nil, fmt.Errorf("statement %s would grant access to a consumer that no valid account list names; use the consumers that ParseList returns", sid)
	}
	return []managedStatement{st.encode(sid)}, nil
}

func (s Standard) kept(existing []managedStatement, p place, style GrantStyle, within func(consumer) bool) []managedStatement {
	kept := s.Registry.keep(existing, p, within)
	if style == GrantCondition {
		return s.Registry.byCondition(kept, p)
	}
	return kept
}

// grantsMore reports whether statements grant to consumers of the oversized
// version that the version in use lacks.
func (s Standard) grantsMore(existing []managedStatement, list placed) bool {
	for _, m := range s.Registry.keep(existing, list.place, list.Oversized.has) {
		k, _, _ := parseSid(m.sid)
		if k.isForLambda() || m.meaning.effect == deny {
			continue
		}
		for _, one := range s.Registry.consumers(k, m.meaning) {
			if list.Oversized.has(one) && !list.Consumers.has(one) {
				return true
			}
		}
	}
	return false
}

// compare returns how the managed statements of a document differ in meaning
// from the wanted ones.
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

// sameMeaning reports whether statements have the same meaning, in any order of
// their Sids. Two statements with one Sid are never the same as one of them.
func sameMeaning(a, b []managedStatement) bool {
	sorted := func(statements []managedStatement) []managedStatement {
		return slices.SortedStableFunc(slices.Values(statements), func(a, b managedStatement) int { return cmp.Compare(order(a.sid), order(b.sid)) })
	}
	return slices.EqualFunc(sorted(a), sorted(b), func(a, b managedStatement) bool {
		return a.sid == b.sid && (bytes.Equal(a.raw, b.raw) || a.ok && b.ok && a.meaning.equal(b.meaning))
	})
}
