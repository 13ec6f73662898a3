package audit

import (
	"cmp"
	"slices"
)

// Finding is one thing that a reviewer would mark.
type Finding struct {
	Severity    Severity `json:"severity"`
	Kind        Kind     `json:"kind"`
	Repository  string   `json:"repository"`
	Statement   int      `json:"statement"`   // its position, from 1 on; 0 for the policy as a whole
	Sid         string   `json:"sid"`         // of the statement, if it has one
	Explanation string   `json:"explanation"` // one sentence
	Remedy      string   `json:"remedy"`
}

// mark is a finding before it is known where.
type mark struct {
	severity    Severity
	kind        Kind
	explanation string
}

// at makes a finding of a mark. The zero statement stands for the policy as a whole.
func (m mark) at(repository string, s Statement) Finding {
	return Finding{
		Severity:    m.severity,
		Kind:        m.kind,
		Repository:  repository,
		Statement:   s.Position,
		Sid:         s.Sid,
		Explanation: m.explanation,
		Remedy:      m.kind.Remedy(),
	}
}

func sortFindings(findings []Finding) {
	order := Kinds()
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
			cmp.Compare(a.Repository, b.Repository),
			cmp.Compare(a.Statement, b.Statement),
		)
	})
}

// group is the findings of one severity and kind, which share their remedy.
type group struct {
	Severity Severity
	Kind     Kind
	Findings []Finding
}

// groups divides findings that sortFindings sorted.
func groups(findings []Finding) []group {
	var all []group
	for _, f := range findings {
		if last := len(all) - 1; last >= 0 && all[last].Severity == f.Severity && all[last].Kind == f.Kind {
			all[last].Findings = append(all[last].Findings, f)
			continue
		}
		all = append(all, group{f.Severity, f.Kind, []Finding{f}})
	}
	return all
}

// place is where a finding is: a statement, or a policy as a whole at position 0.
type place struct {
	repository string
	statement  int
}

// worstByPlace returns the severity of the worst finding at each place that has one. Another place, at position
// anywhere, has the worst of a repository.
func worstByPlace(findings []Finding) map[place]Severity {
	worst := map[place]Severity{}
	for _, f := range findings {
		for _, at := range []place{{f.Repository, f.Statement}, {f.Repository, anywhere}} {
			worst[at] = max(worst[at], f.Severity)
		}
	}
	return worst
}

const anywhere = -1
