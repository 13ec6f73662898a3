package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// rules are the security checks of the statements of one repository. Each rule reports whether it applies.
type rules struct {
	registry policy.Registry
	lists    []policy.Listed

	// keeps reports whether the standard policy keeps a managed statement as it is.
	keeps func(sid string) bool
}

// marks returns the findings about a statement.
func (r rules) marks(s Statement) []mark {
	if s.Err != nil {
		return []mark{unreadable("statement", s.Err)}
	}
	var marks []mark
	for _, rule := range []func(Statement) (mark, bool){
		r.openToAll, r.invertedPrincipal, r.invertedAction, r.crossAccountWrite, r.outsideList, r.missingList,
		r.unlimitedService, r.deletedPrincipal,
	} {
		if m, ok := rule(s); ok {
			marks = append(marks, m)
		}
	}
	return marks
}

func (r rules) openToAll(s Statement) (mark, bool) {
	sentence := "The statement allows all principals in any AWS account to " + phrase(s.Access)
	switch {
	case !s.allows() || s.NotPrincipal || !slices.ContainsFunc(s.Consumers, isAllPrincipals):
		return mark{}, false
	case len(s.Conditions) > 0:
		return mark{High, OpenToAll, sentence + ". Its conditions don't limit it to an organization, OU or account."}, true
	case !s.allows(contents()...):
		return mark{High, OpenToAll, sentence + "."}, true
	}
	return mark{Critical, OpenToAll, sentence + "."}, true
}

func (r rules) invertedPrincipal(s Statement) (mark, bool) {
	sentence := "The statement allows all principals except " + names(s.Named()) + " to " + phrase(s.Access)
	switch {
	case !s.allows() || !s.NotPrincipal:
		return mark{}, false
	case slices.ContainsFunc(s.Consumers, isAllPrincipals):
		return mark{Critical, InvertedPrincipal, sentence + "."}, true
	}
	return mark{High, InvertedPrincipal, sentence + " if they meet its conditions."}, true
}

func (r rules) invertedAction(s Statement) (mark, bool) {
	sentence := "The statement allows " + names(s.Consumers) + " to perform all actions except " + few(s.Actions) + "."
	return mark{High, InvertedAction, sentence}, s.allows() && s.NotAction
}

// crossAccountWrite checks managed statements too, because other tools can change them.
func (r rules) crossAccountWrite(s Statement) (mark, bool) {
	others := slices.DeleteFunc(slices.Clone(s.Consumers), func(c iampolicy.Consumer) bool {
		return r.isOwn(c) || c.Kind == iampolicy.DeletedPrincipal
	})
	if !s.allows(writes()...) || len(others) == 0 {
		return mark{}, false
	}
	severity := High
	if len(s.Conditions) == 0 && slices.ContainsFunc(others, isAllPrincipals) {
		severity = Critical
	}
	return mark{severity, CrossAccountWrite, allowance(others, common(s.Access, writes()))}, true
}

func (r rules) outsideList(s Statement) (mark, bool) {
	outsiders := r.outsiders(s)
	if len(outsiders) == 0 || r.isOfMissingList(s) {
		return mark{}, false
	}
	them := "them"
	if len(outsiders) == 1 {
		them = "it"
	}
	severity, reason := High, "The account list doesn't include "+them+"."
	switch {
	case !r.hasMainList():
		severity, reason = Medium, "The account list can't be read to check "+them+"."
	case !slices.ContainsFunc(outsiders, func(c iampolicy.Consumer) bool { return !r.couldBelong(c) }):
		severity, reason = Medium, "The account list includes "+them+" only if the account belongs to an organization in the list."
	}
	return mark{severity, OutsideList, allowance(outsiders, common(s.Access, contents())) + " " + reason}, true
}

// missingList reports the statements of a list that can't be used. They stay, because only a usable list can revoke
// them.
func (r rules) missingList(s Statement) (mark, bool) {
	outsiders := r.outsiders(s)
	sentence := allowance(outsiders, common(s.Access, contents())) + " The account list that granted this access is missing or unusable."
	return mark{Low, GrantOfMissingList, sentence}, len(outsiders) > 0 && r.isOfMissingList(s)
}

// unlimitedService reports services that any account can use to gain access, the confused deputy problem:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func (r rules) unlimitedService(s Statement) (mark, bool) {
	services := slices.DeleteFunc(slices.Clone(s.Consumers), func(c iampolicy.Consumer) bool {
		return c.Kind != iampolicy.ServicePrincipal
	})
	if !s.allows() || len(services) == 0 || s.Limits("aws:SourceArn") {
		return mark{}, false
	}
	sentence := allowance(services, s.Access)
	if slices.ContainsFunc(services, iampolicy.Consumer.IsUnlimitedService) {
		return mark{High, UnlimitedService, sentence + " No condition limits the accounts that the service can act on behalf of."}, true
	}
	return mark{Medium, UnlimitedService, sentence + " Its conditions limit the account or organization, but not the resources in it."}, true
}

// deletedPrincipal checks statements that deny too: ECR rejects any document that names a deleted principal, so the
// policy can't be changed, not even by this application.
func (r rules) deletedPrincipal(s Statement) (mark, bool) {
	deleted := slices.DeleteFunc(s.Named(), func(c iampolicy.Consumer) bool { return c.Kind != iampolicy.DeletedPrincipal })
	sentence := "The statement contains the unique ID of a deleted role or user: " + names(deleted) + ". ECR will reject the next update of this policy."
	return mark{Medium, DeletedPrincipal, sentence}, len(deleted) > 0
}

func unreadable(what string, err error) mark {
	return mark{High, UnreadablePolicy, fmt.Sprintf("The %s can't be read: %v.", what, err)}
}

func noPolicy(standard policy.Standard, d Document) mark {
	if change, err := standard.Merge(policy.Document{}, d.Lists); err == nil && !change.Changed {
		return mark{Low, NoPolicy, "The repository has no policy, and the account lists contain no consumers. Other accounts can't pull."}
	}
	return mark{Medium, NoPolicy, "The repository has no policy. The consumers in the account list can't pull."}
}

// drift returns the difference between a policy and the standard policy, which is the result of a merge.
func drift(change policy.Change, err error) (mark, bool) {
	tooLarge, ok := errors.AsType[*policy.SizeError](err)
	switch {
	case ok:
		return mark{Medium, StandardTooLarge, fmt.Sprintf("With the statements of the standard policy, the policy would have %d characters. ECR allows %d.", tooLarge.Characters, tooLarge.Limit)}, true
	case err != nil:
		return unreadable("policy", err), true
	case !change.Changed:
		return mark{}, false
	}
	different := common(change.Added, change.Removed)
	isDifferent := func(sid string) bool { return slices.Contains(different, sid) }
	var parts []string
	for _, part := range []struct {
		state string
		sids  []string
	}{
		{"different", different},
		{"missing", slices.DeleteFunc(slices.Clone(change.Added), isDifferent)},
		{"unexpected", slices.DeleteFunc(slices.Clone(change.Removed), isDifferent)},
	} {
		switch len(part.sids) {
		case 0:
		case 1:
			parts = append(parts, part.sids[0]+" is "+part.state)
		default:
			parts = append(parts, join(part.sids)+" are "+part.state)
		}
	}
	return mark{Medium, Drift, "The policy differs from the standard policy: " + strings.Join(parts, "; ") + "."}, true
}

// allowance returns the sentence that a statement allows consumers some access.
func allowance(consumers []iampolicy.Consumer, access []Access) string {
	return "The statement allows " + names(consumers) + " to " + phrase(access) + "."
}

// outsiders returns the consumers with access to content that neither belong to the registry's account nor are on a
// list. All principals and unlimited services have their own rules.
func (r rules) outsiders(s Statement) []iampolicy.Consumer {
	if !s.allows(contents()...) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.Consumers), func(c iampolicy.Consumer) bool {
		return isAllPrincipals(c) || c.Kind == iampolicy.DeletedPrincipal || c.IsUnlimitedService() || r.isOwn(c) || r.isListed(c)
	})
}

func isAllPrincipals(c iampolicy.Consumer) bool { return c.Kind == iampolicy.AllPrincipals }

func (r rules) isOwn(c iampolicy.Consumer) bool { return c.Account == r.registry.AccountID }

func (r rules) isListed(c iampolicy.Consumer) bool {
	return slices.ContainsFunc(r.lists, func(listed policy.Listed) bool {
		list := listed.Consumers
		return list != nil && (slices.Contains(list.Accounts, c.Account) || slices.Contains(list.Principals, c.ID) ||
			slices.Contains(list.Organizations, c.Organization) ||
			slices.ContainsFunc(list.OrganizationalUnits, func(path string) bool {
				return strings.HasPrefix(c.ID, strings.TrimSuffix(path, "*"))
			}))
	})
}

// couldBelong reports whether a consumer could belong to an organization in a list. The accounts of organizations
// aren't known here.
func (r rules) couldBelong(c iampolicy.Consumer) bool {
	return c.Account != "" && slices.ContainsFunc(r.lists, func(listed policy.Listed) bool {
		list := listed.Consumers
		return list != nil && len(list.Organizations)+len(list.OrganizationalUnits) > 0
	})
}

// isOfMissingList reports whether a statement is managed and stays although its list can't be used.
func (r rules) isOfMissingList(s Statement) bool { return s.Managed && r.keeps(s.Sid) }

// hasMainList reports whether the account list can be used, regardless of namespace lists.
func (r rules) hasMainList() bool { return len(r.lists) > 0 && r.lists[0].Consumers != nil }
