package audit

import (
	"cmp"
	"slices"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// Report shows which consumers have which access to the repositories of a registry, and the findings.
type Report struct {
	Account      string
	Region       string
	Generated    time.Time
	Totals       Totals
	Findings     []Finding    // in descending order of severity
	Repositories []Repository // by name

	RegistryPolicy RegistryPolicy

	// Accepted are the findings that Accept has removed from Findings.
	Accepted []AcceptedFinding
}

// Totals summarizes a report.
type Totals struct {
	Repositories int `json:"repositories"`
	WithPolicy   int `json:"withPolicy"`          // repositories with a policy that can be read
	Managed      int `json:"managedStatements"`   // statements whose Sid begins with policy.SidPrefix
	Unmanaged    int `json:"unmanagedStatements"` // all other statements
	Consumers    int `json:"consumers"`           // different consumers that a statement allows any access
	Critical     int `json:"critical"`
	High         int `json:"high"`
	Medium       int `json:"medium"`
	Low          int `json:"low"`
	Accepted     int `json:"accepted"`
}

// Repository is a repository with the statements of its policy.
type Repository struct {
	Name       string      `json:"name"`
	Policy     State       `json:"policy"`
	OutOfScope bool        `json:"outOfScope"` // the repository doesn't get the standard policy
	Statements []Statement `json:"statements"` // in the order of the document

	// Consumers has what each consumer can do, over all statements of the repository policy and the registry policy that
	// name it.
	Consumers []ConsumerAccess `json:"consumers"`
}

// RegistryPolicy is the policy of the registry, which applies to all repositories.
type RegistryPolicy struct {
	Policy     State       `json:"policy"`
	Statements []Statement `json:"statements"` // in the order of the document
}

// ConsumerAccess is what a consumer can do in a repository.
type ConsumerAccess struct {
	Kind         iampolicy.ConsumerKind `json:"kind"`
	ID           string                 `json:"id"`
	Account      string                 `json:"account,omitempty"`
	Organization string                 `json:"organization,omitempty"`

	OrganizationPath string `json:"organizationPath,omitempty"`
	Source           string `json:"source,omitempty"`

	Access []Answer `json:"access"` // in the order of Accesses
}

// Answer is whether a consumer has a kind of access that a statement allows it.
type Answer struct {
	Access Access `json:"access"`

	// Answer is yes; depends, if it depends on conditions that can't be decided or differs between the principals that the
	// consumer stands for; or no, if a Deny statement takes all of the access, or no statement allows one of the pull
	// actions.
	Answer iampolicy.Answer `json:"answer"`

	Managed   bool `json:"managed"`   // a managed statement allows the access
	Unmanaged bool `json:"unmanaged"` // an unmanaged statement allows the access
}

// add adds what a statement gives the consumer. All statements that allow some access agree on the actions that are
// denied or missing, so the best answer is the one that counts.
func (c *ConsumerAccess) add(s Statement, g grant) {
	for access, answer := range g.answers {
		i := slices.IndexFunc(c.Access, func(a Answer) bool { return a.Access == access })
		if i < 0 {
			i = len(c.Access)
			c.Access = append(c.Access, Answer{Access: access, Answer: answer})
		}
		a := &c.Access[i]
		if answer == iampolicy.Yes || a.Answer == iampolicy.No {
			a.Answer = answer
		}
		a.Managed = a.Managed || s.Managed
		a.Unmanaged = a.Unmanaged || !s.Managed
	}
	slices.SortFunc(c.Access, func(a, b Answer) int {
		return cmp.Compare(slices.Index(Accesses(), a.Access), slices.Index(Accesses(), b.Access))
	})
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

	// Access is the access that the actions give, and Consumers are the consumers that the statement applies to. What
	// remains of both after the Deny statements is in the Consumers of the repository.
	Access    []Access             `json:"access"`
	Consumers []iampolicy.Consumer `json:"consumers"`

	actions map[Access][]string // the actions that the statement covers, by the access that they give
	grants  []grant             // what remains of an Allow statement after the Deny statements, by consumer
}

// Answer returns whether a consumer of an Allow statement has a kind of access that the statement allows it.
func (s Statement) Answer(c iampolicy.Consumer, a Access) iampolicy.Answer {
	for _, g := range s.grants {
		if g.consumer == c {
			return g.answers[a]
		}
	}
	return iampolicy.No
}

// allows reports whether the statement allows any of the given kinds of access, or any access if none is given.
func (s Statement) allows(kinds ...Access) bool {
	return s.Effect == iampolicy.Allow && len(s.Access) > 0 && (len(kinds) == 0 || len(common(s.Access, kinds)) > 0)
}

// reaching returns the consumers of an Allow statement that have any of some kinds of access after all Deny statements.
func (s Statement) reaching(kinds ...Access) []iampolicy.Consumer {
	var consumers []iampolicy.Consumer
	for _, g := range s.grants {
		if g.reaches(kinds...) {
			consumers = append(consumers, g.consumer)
		}
	}
	return consumers
}

// reached returns the access that the consumers of an Allow statement for which include is true have after all Deny
// statements.
func (s Statement) reached(include func(iampolicy.Consumer) bool) []Access {
	return slices.DeleteFunc(slices.Clone(s.Access), func(a Access) bool {
		return !slices.ContainsFunc(s.grants, func(g grant) bool { return include(g.consumer) && g.reaches(a) })
	})
}

// DropBelow removes the findings that are less severe, accepted or not.
func (r *Report) DropBelow(least Severity) {
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.Severity < least })
	r.Accepted = slices.DeleteFunc(r.Accepted, func(f AcceptedFinding) bool { return f.Severity < least })
	r.Totals = totals(*r)
}

func totals(report Report) Totals {
	t := Totals{Repositories: len(report.Repositories), Consumers: len(columns(report)), Accepted: len(report.Accepted)}
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
		for _, c := range repository.Consumers {
			if at := (column{c.Kind, c.ID}); !seen[at] {
				seen[at] = true
				all = append(all, at)
			}
		}
	}
	order := iampolicy.ConsumerKinds()
	slices.SortFunc(all, func(a, b column) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), cmp.Compare(a.ID, b.ID))
	})
	return all
}
