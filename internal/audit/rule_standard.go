package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func unreadable(what string, err error) mark {
	return mark{High, UnreadablePolicy, fmt.Sprintf("The %s could not be read: %v.", what, err)}
}

func noPolicy(standard policy.Standard, d Document) mark {
	if change, err := standard.Merge(policy.Document{}, d.Lists); err == nil && !change.Changed {
		return mark{Low, NoPolicy, "It has no policy, and no account list names anybody: no other account may pull."}
	}
	return mark{Medium, NoPolicy, "It has no policy: the consumers on the account list may not pull."}
}

// drift tells how a policy differs from what the standard makes of it.
func drift(change policy.Change, err error) (mark, bool) {
	var tooLarge *policy.SizeError
	switch {
	case errors.As(err, &tooLarge):
		return mark{Medium, StandardTooLarge, fmt.Sprintf("With the standard the policy would have %d characters, and ECR takes %d.", tooLarge.Characters, tooLarge.Limit)}, true
	case err != nil:
		return unreadable("policy", err), true
	case !change.Changed:
		return mark{}, false
	}
	different := common(change.Added, change.Removed)
	var parts []string
	for _, part := range []struct {
		what string
		sids []string
	}{
		{"different", different},
		{"missing", without(change.Added, different)},
		{"not wanted", without(change.Removed, different)},
	} {
		if len(part.sids) > 0 {
			parts = append(parts, join(part.sids)+" "+part.what)
		}
	}
	return mark{Medium, Drift, "It differs from the standard: " + strings.Join(parts, "; ") + "."}, true
}

func without(sids, others []string) []string {
	return slices.DeleteFunc(slices.Clone(sids), func(sid string) bool { return slices.Contains(others, sid) })
}
