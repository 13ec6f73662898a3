package audit

import (
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// crossAccountWrite looks at statements of ours too: the standard writes none that push, so somebody else wrote one
// that does.
func (r rules) crossAccountWrite(s Statement) (mark, bool) {
	others := slices.DeleteFunc(slices.Clone(s.Consumers), func(c Consumer) bool { return r.isOwn(c) || c.Kind == Deleted })
	if !s.allows(writes()...) || len(others) == 0 {
		return mark{}, false
	}
	severity := High
	if len(s.Conditions) == 0 && slices.ContainsFunc(others, isEverybody) {
		severity = Critical
	}
	return mark{severity, CrossAccountWrite, "Lets " + names(others) + " " + phrase(common(s.Access, writes())) + "."}, true
}

func (r rules) outsideList(s Statement) (mark, bool) {
	outsiders := r.outsiders(s)
	if len(outsiders) == 0 || r.isOfMissingList(s) {
		return mark{}, false
	}
	severity, said := High, "not on the account list"
	switch {
	case !r.hasMainList():
		severity, said = Medium, "the account list could not be read"
	case !slices.ContainsFunc(outsiders, func(c Consumer) bool { return !r.mayBelong(c) }):
		severity, said = Medium, "not on the account list, unless as a member of an organization there"
	}
	return mark{severity, OutsideList, "Lets " + names(outsiders) + " " + phrase(common(s.Access, contents())) + "; " + said + "."}, true
}

// missingList marks what is left of a list that was deleted: the standard keeps it, as the list said nothing else.
func (r rules) missingList(s Statement) (mark, bool) {
	outsiders := r.outsiders(s)
	sentence := "Lets " + names(outsiders) + " " + phrase(common(s.Access, contents())) + " for a list that is missing or can't be read."
	return mark{Low, GrantOfMissingList, sentence}, len(outsiders) > 0 && r.isOfMissingList(s)
}

func (r rules) isOfMissingList(s Statement) bool { return s.Owner == Ours && r.keeps(s.Sid) }

// outsiders returns the consumers that a statement lets pull or write and that neither are of the registry's account
// nor on a list. Everybody and services for everybody have rules of their own.
func (r rules) outsiders(s Statement) []Consumer {
	if !s.allows(contents()...) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.Consumers), func(c Consumer) bool {
		return c.Kind == Everybody || c.Kind == Deleted || isForAnybody(c) || r.isOwn(c) || r.isListed(c)
	})
}

func (r rules) isOwn(c Consumer) bool { return c.Account == r.registry.AccountID }

func (r rules) isListed(c Consumer) bool {
	return slices.ContainsFunc(r.lists, func(listed policy.Listed) bool {
		list := listed.Consumers
		return list != nil && (slices.Contains(list.Accounts, c.Account) || slices.Contains(list.Principals, c.ID) ||
			slices.Contains(list.Organizations, c.Organization) ||
			slices.ContainsFunc(list.OrganizationalUnits, func(path string) bool {
				return strings.HasPrefix(c.ID, strings.TrimSuffix(path, "*"))
			}))
	})
}

// mayBelong tells whether a consumer may be in an organization that a list names: who its members are is not known
// here.
func (r rules) mayBelong(c Consumer) bool {
	return c.Account != "" && slices.ContainsFunc(r.lists, func(listed policy.Listed) bool {
		list := listed.Consumers
		return list != nil && len(list.Organizations)+len(list.OrganizationalUnits) > 0
	})
}

// hasMainList tells whether the account list itself could be read. Those of namespaces need not exist.
func (r rules) hasMainList() bool { return len(r.lists) > 0 && r.lists[0].Consumers != nil }
