package audit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/obstacle"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// rules are the security checks of the statements of one policy.
type rules struct {
	registry   policy.Registry
	lists      []policy.Listed
	judge      *judge
	obstacles  []obstacle.Obstacle
	outcome    func(sid string) outcome // of managed statements
	isRegistry bool                     // the policy is that of the registry
	otherLevel []string                 // the Sids of the managed statements that the policy level doesn't need here
}

// outcome is what the next run does with a managed statement.
type outcome int

const (
	unknown         outcome = iota
	kept                    // the statement stays as it is
	keptWithoutList         // it stays as it is because its list can't be used
	corrected               // it is corrected or removed
	outOfScope              // it would be corrected if the repository were in scope
)

// finding returns the finding about a statement: the most severe one. The rules are in the order of their precedence:
// each remedy also covers what later rules of the same severity would report.
func (r rules) finding(s Statement) (mark, bool) {
	if s.Err != nil {
		return unreadable("statement", s.Err), true
	}
	var found mark
	deleted, names := r.deletedPrincipal(s)
	for _, rule := range []func(Statement) (mark, bool){
		r.openToAll, r.invertedPrincipal, r.invertedAction, r.unlimitedService, r.crossAccountWrite, r.outsideList,
		r.missingList, r.deletedPrincipal, r.deniedConsumer,
		r.ofOtherLevel,
	} {
		if m, ok := rule(s); ok && m.severity > found.severity {
			found = m
		}
	}
	if names && found.kind != DeletedPrincipal {
		found.explanation += " " + deleted.explanation
	}
	if s.Managed {
		switch r.outcome(s.Sid) {
		case corrected:
			found.remedy = Drift.Remedy()
		case outOfScope:
			found.remedy = remedyOutOfScope
		}
	}
	return found, found.severity > 0
}

// openToAll reports statements that allow strangers, and those that only a network keeps out.
func (r rules) openToAll(s Statement) (mark, bool) {
	if s.NotPrincipal || !slices.ContainsFunc(s.reaching(Accesses()...), isAllPrincipals) {
		return mark{}, false
	}
	access := s.reached(isAllPrincipals)
	exposed := r.judge.openTo(s, access)
	kind, severity, reason := OpenToAll, Critical, "."
	switch {
	case exposed.open == iampolicy.No:
		return mark{}, false
	case exposed.network:
		kind, severity, reason = NetworkOnly, Medium, ". Only the network that requests come from is limited."
	case exposed.open == iampolicy.Depends && exposed.denies:
		severity, reason = High, ", unless a Deny statement applies. Its conditions don't limit access to an organization, OU or account."
	case exposed.open == iampolicy.Depends:
		severity, reason = High, ". Its conditions don't limit it to an organization, OU or account."
	case len(common(access, contents())) == 0:
		severity = High
	}
	m := mark{severity: severity, kind: kind, explanation: "The statement allows all principals in any AWS account to " + verbs(access) + reason}
	if len(common(access, writes())) > 0 {
		m.severity = max(m.severity, High)
	}
	if optional := s.OptionalLimits(); len(optional) > 0 && kind == OpenToAll {
		m.explanation += " Requests without the key also meet the condition " + optional[0].Operator + " " + optional[0].Key +
			", so it doesn't exclude accounts that belong to no organization."
		m.remedy = remedyOptional
	}
	return m, true
}

// invertedPrincipal reports a combination that AWS doesn't support:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func (r rules) invertedPrincipal(s Statement) (mark, bool) {
	if !s.NotPrincipal || len(s.reaching(Accesses()...)) == 0 {
		return mark{}, false
	}
	sentence := "The statement allows all principals except " + names(s.Named()) + " to " + verbs(s.reached(anyone))
	if r.judge.openTo(s, Accesses()).open == iampolicy.Yes {
		return mark{severity: Critical, kind: InvertedPrincipal, explanation: sentence + "."}, true
	}
	return mark{severity: High, kind: InvertedPrincipal, explanation: sentence + " if they meet its conditions."}, true
}

func (r rules) invertedAction(s Statement) (mark, bool) {
	sentence := "The statement allows " + names(s.reaching(Accesses()...)) + " to perform all actions except " + someOf(s.Actions) + "."
	return mark{severity: High, kind: InvertedAction, explanation: sentence}, s.NotAction && len(s.reaching(Accesses()...)) > 0
}

// crossAccountWrite checks managed statements too, because other tools can change them.
func (r rules) crossAccountWrite(s Statement) (mark, bool) {
	isOther := func(c iampolicy.Consumer) bool {
		return !r.isOwn(c) && c.Kind != iampolicy.DeletedPrincipal && !isAllPrincipals(c) && !c.IsUnlimitedService()
	}
	others := slices.DeleteFunc(s.reaching(writes()...), func(c iampolicy.Consumer) bool { return !isOther(c) })
	if len(others) == 0 {
		return mark{}, false
	}
	m := mark{severity: High, kind: CrossAccountWrite, explanation: allowance(others, s.reached(isOther))}
	if r.isRegistry && isReplication(s) {
		m.severity, m.remedy = Low, remedyReplication
	}
	if outsiders := r.outsiders(s); len(outsiders) > 0 && m.severity == High {
		m.explanation += " " + r.notListed(outsiders)
	}
	return m, true
}

// isReplication reports whether the actions are those that replication to this registry requires:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions-create-replication.html
func isReplication(s Statement) bool {
	return !s.NotAction && !slices.ContainsFunc(s.Actions, func(a string) bool {
		return !strings.EqualFold(a, "ecr:ReplicateImage") && !strings.EqualFold(a, "ecr:CreateRepository")
	})
}

func (r rules) outsideList(s Statement) (mark, bool) {
	outsiders := r.outsiders(s)
	if len(outsiders) == 0 || r.isOfMissingList(s) || r.isRegistry && isReplication(s) {
		return mark{}, false
	}
	access := s.reached(func(c iampolicy.Consumer) bool { return slices.Contains(outsiders, c) })
	m := mark{severity: High, kind: OutsideList, explanation: allowance(outsiders, access) + " " + r.notListed(outsiders)}
	isOther := func(c iampolicy.Consumer) bool { return c.Organization != iampolicy.OwnOrganization }
	if !r.hasMainList() || !slices.ContainsFunc(outsiders, isOther) {
		m.severity = Medium
	}
	if len(common(access, contents())) == 0 { // only metadata
		m.severity--
	}
	return m, true
}

// notListed returns the sentence that consumers aren't on the account list.
func (r rules) notListed(outsiders []iampolicy.Consumer) string {
	them := "them"
	if len(outsiders) == 1 {
		them = "it"
	}
	switch {
	case !r.hasMainList():
		return "The account list can't be read to check " + them + "."
	case slices.ContainsFunc(outsiders, r.couldBelong):
		return "The account list doesn't include " + them + ", and the statement doesn't show that the account belongs to an organization in the list."
	}
	return "The account list doesn't include " + them + "."
}

// missingList reports the statements of a list that can't be used. They stay, because only a usable list can revoke
// them, even if another list includes the same consumers now.
func (r rules) missingList(s Statement) (mark, bool) {
	consumers := s.reaching(Accesses()...)
	sentence := allowance(consumers, s.reached(anyone)) + " The list that granted this access is missing or unusable."
	return mark{severity: Medium, kind: GrantOfMissingList, explanation: sentence}, len(consumers) > 0 && r.isOfMissingList(s)
}

// ofOtherLevel reports statements that remain after a change of the policy level.
func (r rules) ofOtherLevel(s Statement) (mark, bool) {
	consumers := s.reaching(Accesses()...)
	sentence := allowance(consumers, s.reached(anyone)) + " At the policy level of the stack, other policies do."
	return mark{severity: Low, kind: OtherLevel, explanation: sentence}, len(consumers) > 0 && slices.Contains(r.otherLevel, s.Sid)
}

// unlimitedService reports services that any account can use to gain access, the confused deputy problem:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func (r rules) unlimitedService(s Statement) (mark, bool) {
	isService := func(c iampolicy.Consumer) bool { return c.Kind == iampolicy.ServicePrincipal }
	services := slices.DeleteFunc(s.reaching(Accesses()...), func(c iampolicy.Consumer) bool { return !isService(c) })
	if len(services) == 0 || s.Expand(r.judge.resource).Limits("aws:SourceArn") {
		return mark{}, false
	}
	sentence := allowance(services, s.reached(isService))
	isUnlimited := slices.ContainsFunc(services, iampolicy.Consumer.IsUnlimitedService)
	if !isUnlimited && s.LimitsSourceType() {
		return mark{}, false
	}
	if isUnlimited {
		return mark{severity: High, kind: UnlimitedService, explanation: sentence + " No condition limits the accounts that the service can act on behalf of."}, true
	}
	return mark{severity: Medium, kind: UnlimitedService, explanation: sentence + " Its conditions limit the account or organization, but not the resources in it."}, true
}

// deletedPrincipal checks statements that deny too: ECR rejects any document that names a deleted principal, so the
// policy can't be changed, not even by this application.
func (r rules) deletedPrincipal(s Statement) (mark, bool) {
	deleted := slices.DeleteFunc(s.Named(), func(c iampolicy.Consumer) bool { return c.Kind != iampolicy.DeletedPrincipal })
	sentence := "The statement contains the unique ID of a deleted role or user: " + names(deleted) + ". ECR will reject the next update of this policy."
	return mark{severity: Medium, kind: DeletedPrincipal, explanation: sentence}, len(deleted) > 0
}

// deniedConsumer reports statements that deny consumers in the lists a pull.
func (r rules) deniedConsumer(s Statement) (mark, bool) {
	for _, o := range r.obstacles {
		if o.Position != s.Position {
			continue
		}
		m := mark{severity: Medium, kind: DeniedConsumer, explanation: "The statement " + o.Effect() + "."}
		if len(o.Denied) == 0 {
			m.severity = Low
		}
		return m, true
	}
	return mark{}, false
}

func unreadable(what string, err error) mark {
	return mark{severity: High, kind: UnreadablePolicy, explanation: fmt.Sprintf("The %s can't be read: %v.", what, err)}
}

func noPolicy(standard policy.Standard, d Document) mark {
	if change, err := standard.Merge(policy.Document{}, d.Lists); err == nil && !change.Changed {
		return mark{severity: Low, kind: NoPolicy, explanation: "The repository has no policy, and the account lists contain no consumers. Other accounts can't pull."}
	}
	return mark{severity: Medium, kind: NoPolicy, explanation: "The repository has no policy. The consumers in the account list can't pull."}
}

// drift returns the difference between a policy and the standard policy, which is the result of a merge.
func drift(change policy.Change, err error) (mark, bool) {
	tooLarge, ok := errors.AsType[*policy.SizeError](err)
	switch {
	case ok:
		return mark{severity: Medium, kind: StandardTooLarge, explanation: fmt.Sprintf("With the statements of the standard policy, the policy would have %d characters. ECR allows %d.", tooLarge.Characters, tooLarge.Limit)}, true
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
	return mark{severity: Medium, kind: Drift, explanation: "The policy differs from the standard policy: " + strings.Join(parts, "; ") + "."}, true
}

// allowance returns the sentence that a statement allows consumers some access.
func allowance(consumers []iampolicy.Consumer, access []Access) string {
	return "The statement allows " + names(consumers) + " to " + verbs(access) + "."
}

// outsiders returns the consumers with access that neither belong to the registry's account nor are on a list. All
// principals and unlimited services have their own rules.
func (r rules) outsiders(s Statement) []iampolicy.Consumer {
	return slices.DeleteFunc(s.reaching(Accesses()...), func(c iampolicy.Consumer) bool {
		return isAllPrincipals(c) || c.Kind == iampolicy.DeletedPrincipal || c.IsUnlimitedService() || r.isOwn(c) || r.isListed(c)
	})
}

func anyone(iampolicy.Consumer) bool { return true }

func isAllPrincipals(c iampolicy.Consumer) bool { return c.Kind == iampolicy.AllPrincipals }

func (r rules) isOwn(c iampolicy.Consumer) bool { return c.Account == r.registry.AccountID }

func (r rules) isListed(c iampolicy.Consumer) bool {
	return slices.ContainsFunc(r.lists, func(listed policy.Listed) bool {
		list := listed.Consumers
		return list != nil && (slices.Contains(list.Accounts, c.Account) || slices.Contains(list.Principals, c.ID) ||
			slices.Contains(list.Organizations, c.Organization) ||
			slices.ContainsFunc(list.OrganizationalUnits, func(path string) bool {
				return strings.HasPrefix(cmp.Or(c.OrganizationPath, c.ID), strings.TrimSuffix(path, "*"))
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
func (r rules) isOfMissingList(s Statement) bool {
	return s.Managed && r.outcome(s.Sid) == keptWithoutList
}

// hasMainList reports whether the account list can be used, regardless of namespace lists.
func (r rules) hasMainList() bool { return len(r.lists) > 0 && r.lists[0].Consumers != nil }
