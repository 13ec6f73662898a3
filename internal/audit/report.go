package audit

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// schema is the version of the JSON form of a report. Version 2 has managed and unmanaged statements instead of owners,
// and all principals instead of everybody.
const schema = 2

// Report shows which consumers have which access to the repositories of a registry, and the findings.
//
// Its JSON form, which WriteJSON writes, is stable: while Schema stays the same, members can be added, but no member is
// renamed or removed. Lists are never null.
type Report struct {
	Schema       int          `json:"schema"`
	Account      string       `json:"account"`
	Region       string       `json:"region"`
	Generated    time.Time    `json:"generated"`
	Totals       Totals       `json:"totals"`
	Findings     []Finding    `json:"findings"`     // in descending order of severity
	Repositories []Repository `json:"repositories"` // by name
}

// Totals summarizes a report.
type Totals struct {
	Repositories int `json:"repositories"`
	WithPolicy   int `json:"withPolicy"`          // repositories with a policy that can be read
	Managed      int `json:"managedStatements"`   // statements whose Sid begins with policy.SidPrefix
	Unmanaged    int `json:"unmanagedStatements"` // all other statements
	Consumers    int `json:"consumers"`           // different consumers that have any access
	Critical     int `json:"critical"`
	High         int `json:"high"`
	Medium       int `json:"medium"`
	Low          int `json:"low"`
}

// Repository is a repository with the statements of its policy.
type Repository struct {
	Name       string      `json:"name"`
	Policy     State       `json:"policy"`
	OutOfScope bool        `json:"outOfScope"` // the repository doesn't get the standard policy
	Statements []Statement `json:"statements"` // in the order of the document
}

// State is the state of a repository's policy.
type State string

// The states of a policy.
const (
	Present    State = "present"
	Absent     State = "absent"
	Unreadable State = "unreadable"
)

// Statement is one statement of a policy: its content and its effect.
type Statement struct {
	Position int  `json:"position"` // in the document, from 1
	Managed  bool `json:"managed"`  // the Sid begins with policy.SidPrefix

	iampolicy.Statement

	// Access is the access that the actions give, and Consumers are the consumers that the statement applies to. A Deny
	// statement isn't subtracted from the access that other statements give.
	Access    []Access             `json:"access"`
	Consumers []iampolicy.Consumer `json:"consumers"`
}

// allows reports whether the statement allows any of the given kinds of access, or any access if none is given.
func (s Statement) allows(kinds ...Access) bool {
	return s.Effect == iampolicy.Allow && len(s.Access) > 0 && (len(kinds) == 0 || len(common(s.Access, kinds)) > 0)
}

// WriteJSON writes the report as indented JSON.
func WriteJSON(w io.Writer, report Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(report)
}

func totals(report Report) Totals {
	t := Totals{Repositories: len(report.Repositories), Consumers: len(columns(report))}
	for _, repository := range report.Repositories {
		if repository.Policy == Present {
			t.WithPolicy++
		}
		for _, s := range repository.Statements {
			if s.Managed {
				t.Managed++
			} else {
				t.Unmanaged++
			}
		}
	}
	for _, f := range report.Findings {
		switch f.Severity {
		case Critical:
			t.Critical++
		case High:
			t.High++
		case Medium:
			t.Medium++
		case Low:
			t.Low++
		}
	}
	return t
}

// column is a consumer in the matrix of repositories and consumers. A service has one column for all accounts that it
// acts on behalf of.
type column struct {
	Kind iampolicy.ConsumerKind
	ID   string
}

// columns returns the consumers that have any access, from the widest kind to the narrowest.
func columns(report Report) []column {
	var all []column
	seen := map[column]bool{}
	for _, repository := range report.Repositories {
		for _, s := range repository.Statements {
			for _, c := range s.Consumers {
				if at := (column{c.Kind, c.ID}); s.allows() && !seen[at] {
					seen[at] = true
					all = append(all, at)
				}
			}
		}
	}
	order := iampolicy.ConsumerKinds()
	slices.SortFunc(all, func(a, b column) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), cmp.Compare(a.ID, b.ID))
	})
	return all
}
