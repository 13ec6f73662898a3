package policy

import (
	"fmt"
	"slices"
)

// Change is what a merge does to a repository's policy.
type Change struct {
	// Document is the document to store, as compact JSON. It is "" when no
	// statement is left: ECR stores no empty policy, so it is to be deleted.
	// Without a change it is the existing text.
	Document string

	// Changed says that the meaning differs from that of the existing document.
	// Otherwise there is nothing to write.
	Changed bool

	// Added and Removed are the Sids of our statements that appear and
	// disappear, sorted. A statement whose content changed is in both.
	Added, Removed []string
}

// Merge brings an existing policy document, "" for none, to the standard for
// the lists on a repository's path: lists[0] is the account list itself,
// lists[1] that of the first segment of the repository's name, and so on.
//
// A nil list is one that is missing or could not be read: its statements stay
// as they are, as far as the standard could have written them. An empty list
// says that nobody may pull: its statements go. Statements of ours that belong
// to no list go as well. All other statements stay as they are and come first.
//
// Merge fails, and the policy is to stay as it is, if the standard is invalid,
// if consumers are not such as ParseList returns, if the existing document
// can't be understood, or, with a *[SizeError], if the document to be written
// is too large.
func (s Standard) Merge(existing string, lists []*Consumers) (Change, error) {
	doc, wanted, err := s.read(existing, lists)
	if err != nil {
		return Change{}, err
	}
	change := s.compare(doc.own, wanted)
	if !change.Changed {
		change.Document = existing
		return change, nil
	}
	change.Document = doc.with(wanted)
	if err := s.checkSize(change.Document); err != nil {
		return Change{}, err
	}
	return change, nil
}

// read takes the existing document apart, and returns the statements that it is
// to have of ours as well.
func (s Standard) read(existing string, lists []*Consumers) (document, []ownStatement, error) {
	if err := s.Validate(); err != nil {
		return document{}, nil, fmt.Errorf("standard policy: %w", err)
	}
	doc, err := readDocument(existing)
	if err != nil {
		return document{}, nil, fmt.Errorf("the existing policy document %w", err)
	}
	wanted, err := s.wanted(doc.own, lists)
	return doc, wanted, err
}

// wanted returns the statements that the document is to have of ours, in order.
func (s Standard) wanted(existing []ownStatement, lists []*Consumers) ([]ownStatement, error) {
	var wanted []ownStatement
	for depth, list := range lists {
		for _, k := range kinds() {
			sid := k.sid(depth)
			if list == nil {
				wanted = append(wanted, s.kept(k, sid, existing)...)
				continue
			}
			built, isNeeded := s.build(k, *list)
			if !isNeeded {
				continue
			}
			if !s.permits(k, built) {
				return nil, fmt.Errorf("statement %s would grant to a consumer that no valid account list names", sid)
			}
			wanted = append(wanted, ownStatement{sid, built.encode(sid)})
		}
	}
	return wanted, nil
}

// kept returns the first statement with a Sid that the standard could have
// written, if there is one.
func (s Standard) kept(k kind, sid string, existing []ownStatement) []ownStatement {
	for i, own := range existing {
		if own.sid != sid {
			continue
		}
		if st, ok := decodeStatement(own.raw, s.Registry.Partition); ok && s.permits(k, st) {
			return existing[i : i+1]
		}
	}
	return nil
}

// compare tells how the existing statements of ours differ in meaning from the
// wanted ones.
func (s Standard) compare(existing, wanted []ownStatement) Change {
	before, after := bySid(existing), bySid(wanted)
	var added, removed []string
	for sid, statements := range after {
		if s.sameMeaning(before[sid], statements) {
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

func bySid(statements []ownStatement) map[string][]ownStatement {
	groups := map[string][]ownStatement{}
	for _, statement := range statements {
		groups[statement.sid] = append(groups[statement.sid], statement)
	}
	return groups
}

// sameMeaning compares the statements of one Sid. A Sid that occurs twice is
// different from one that occurs once, so that duplicates collapse.
func (s Standard) sameMeaning(a, b []ownStatement) bool {
	return slices.EqualFunc(a, b, func(a, b ownStatement) bool {
		st, ok := decodeStatement(a.raw, s.Registry.Partition)
		other, otherOK := decodeStatement(b.raw, s.Registry.Partition)
		return ok && otherOK && st.equal(other)
	})
}
