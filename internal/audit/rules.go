package audit

import "github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"

// rules are what a reviewer checks in a statement, for one repository. A rule tells whether it marks the statement.
type rules struct {
	registry policy.Registry
	lists    []policy.Listed

	// keeps tells whether the standard leaves a statement of ours as it is.
	keeps func(sid string) bool
}

// marks returns what is to be marked about a statement.
func (r rules) marks(s Statement) []mark {
	var marks []mark
	for _, rule := range []func(Statement) (mark, bool){
		r.openToEverybody, r.invertedPrincipal, r.invertedAction, r.crossAccountWrite, r.outsideList, r.missingList,
		r.unpinnedService, r.deletedPrincipal,
	} {
		if m, ok := rule(s); ok {
			marks = append(marks, m)
		}
	}
	return marks
}
