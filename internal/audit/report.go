package audit

import "time"

// Report says who may do what with the repositories of a registry, and what a reviewer would mark. Its JSON form, as
// WriteJSON writes it, is stable: members are added, never renamed or removed while Schema stays the same, and lists
// are never null.
type Report struct {
	Schema       int          `json:"schema"` // 1
	Account      string       `json:"account"`
	Region       string       `json:"region"`
	Generated    time.Time    `json:"generated"`
	Totals       Totals       `json:"totals"`
	Findings     []Finding    `json:"findings"`     // the worst first
	Repositories []Repository `json:"repositories"` // by name
}

// Totals are the numbers that a report begins with.
type Totals struct {
	Repositories int `json:"repositories"`
	WithPolicy   int `json:"withPolicy"` // that could be read
	Ours         int `json:"ours"`       // statements of ours
	Foreign      int `json:"foreign"`    // statements of others
	Consumers    int `json:"consumers"`  // different ones that a statement allows something
	Critical     int `json:"critical"`
	High         int `json:"high"`
	Medium       int `json:"medium"`
	Low          int `json:"low"`
}

// Repository is one repository and the statements of its policy.
type Repository struct {
	Name       string      `json:"name"`
	Policy     State       `json:"policy"`
	OutOfScope bool        `json:"outOfScope"` // nobody holds it to the standard
	Statements []Statement `json:"statements"` // in the order of the document
}

// State is what is known of a repository's policy.
type State string

// The states of a policy.
const (
	Present    State = "present"
	Absent     State = "absent"
	Unreadable State = "unreadable"
)

// Owner tells whose a statement is.
type Owner string

// The owners: a statement is ours if its Sid begins with policy.SidPrefix.
const (
	Ours    Owner = "ours"
	Foreign Owner = "foreign"
)

// Statement is one statement of a policy: as it is written, and what it comes to.
type Statement struct {
	Position     int         `json:"position"` // in the document, from 1 on
	Sid          string      `json:"sid"`
	Owner        Owner       `json:"owner"`
	Effect       Effect      `json:"effect"`
	Principals   []Principal `json:"principals"`
	NotPrincipal bool        `json:"notPrincipal"` // it means everybody but the principals
	Actions      []string    `json:"actions"`
	NotAction    bool        `json:"notAction"` // it means every action but those
	Conditions   []Condition `json:"conditions"`

	// Access is what the actions let one do, and Consumers to whom the statement applies. Of a statement that
	// allows they are the grant; one that denies grants nothing, and is not subtracted from the grants of others.
	Access    []Access   `json:"access"`
	Consumers []Consumer `json:"consumers"`
}

// Effect is what a statement does.
type Effect string

// The effects. A statement with another one does nothing.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Principal is a principal as a statement names it.
type Principal struct {
	Type  string `json:"type"` // AWS, Service, Federated, CanonicalUser
	Value string `json:"value"`
}

// Condition is a test that a request has to pass.
type Condition struct {
	Operator string   `json:"operator"`
	Key      string   `json:"key"`
	Values   []string `json:"values"` // one of which is enough
}

// allows tells whether the statement allows one of the kinds of access; any if none is given.
func (s Statement) allows(kinds ...Access) bool {
	return s.Effect == Allow && len(s.Access) > 0 && (len(kinds) == 0 || len(common(s.Access, kinds)) > 0)
}
