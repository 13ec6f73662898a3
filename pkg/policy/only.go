package policy

import (
	"slices"
	"strings"
)

// onlyMark follows the prefix in the Sid of each managed statement of a registry
// policy for which [Document.IsOnly] is true.
const onlyMark = "Only"

// IsOnly reports whether the document is a registry policy with the mark that
// only it has managed statements: the policies of the repositories have none, so
// that a list that changes concerns no repository. Each managed statement must
// have the mark. A statement that somebody wrote without it is reason to check
// the repositories.
func (d Document) IsOnly() bool {
	return d.level.isRegistry() && len(d.managed) > 0 &&
		!slices.ContainsFunc(d.managed, func(m managedStatement) bool { return !isMarked(m.sid) })
}

// AsOnly returns a registry policy as one that gets the mark that only it has
// managed statements; see [Document.IsOnly]. The caller must have read the
// policies of all repositories after the registry policy was written.
//
// [Standard.Merge] sets the mark, and keeps it from then on, if the standard's
// level is the registry, without the statements for the Lambda service, and if
// the document isn't too large with it.
func (d Document) AsOnly() Document {
	d.only = true
	return d
}

// isOnly reports whether the document to write has the mark.
func (s Standard) isOnly(existing Document) bool {
	return existing.level.isRegistry() && s.Level.isRegistry() && !s.Lambda && (existing.only || existing.IsOnly())
}

func isMarked(sid string) bool { return strings.HasPrefix(sid, SidPrefix+onlyMark) }

// marked returns statements with the mark, or without it.
func marked(statements []managedStatement, mark bool) []managedStatement {
	statements = slices.Clone(statements)
	for i, m := range statements {
		switch {
		case mark && !isMarked(m.sid):
			statements[i] = m.withSid(SidPrefix + onlyMark + strings.TrimPrefix(m.sid, SidPrefix))
		case !mark && isMarked(m.sid):
			statements[i] = m.withSid(SidPrefix + withoutMarks(m.sid))
		}
	}
	return statements
}

// withoutMarks returns the part of a Sid after the prefix and the mark, which
// somebody can have written more than once.
func withoutMarks(sid string) string {
	name := strings.TrimPrefix(sid, SidPrefix)
	for strings.HasPrefix(name, onlyMark) {
		name = strings.TrimPrefix(name, onlyMark)
	}
	return name
}

// withSid returns the statement with another Sid. Nothing else in it changes.
func (m managedStatement) withSid(sid string) managedStatement {
	members, index, ok := only(m.raw, "Sid")
	if !ok {
		return m // has another Sid in another case, which only an unreadable statement has
	}
	m.sid, m.raw = sid, replace(m.raw, members[index], writeJSON(sid))
	return m
}
