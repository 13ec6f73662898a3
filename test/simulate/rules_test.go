package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// checkWrite checks a policy that an invocation sends to ECR, whether or not ECR accepts it.
func (w *world) checkWrite(run *invocation, r *repository, d document) {
	base, ok := run.read[r]
	switch {
	case run.function == "onaccount":
		w.breaks(9, "%s wrote the policy of %s", run, r.name)
	case !r.inScope():
		w.breaks(4, "%s wrote the policy of %s, which is out of scope", run, r.name)
	case !ok:
		w.breaks(4, "%s wrote the policy of %s without reading it first", run, r.name)
	}
	if was := base.document; !slices.Equal(d.unmanaged, was.unmanaged) || len(d.unmanaged) > 0 && d.header != was.header {
		w.breaks(1, "%s changed unmanaged parts of the policy of %s: it read %s %s", run, r.name, was.header, was)
	}
	w.checkLists(run, r, d, base.document)
	w.checkStyle(run, r, d, base.document)
	if run.level != policy.LevelRegistry {
		w.checkNeed(run, r, base)
	}
}

// recordWrite checks and records a write. responded is false if the invocation doesn't know that the write succeeded.
func (w *world) recordWrite(run *invocation, r *repository, d document, responded bool) {
	w.checkWrite(run, r, d)
	base := run.read[r]
	w.writes++
	w.counted["writes"]++
	w.note("%s  … wrote the policy of %s: %s", run, r.name, d)
	if responded && d.form() == base.document.form() && (base.wrote == nil || base.wrote.form() == d.form()) {
		w.breaks(6, "%s wrote the policy of %s without changing it", run, r.name)
	}
	overwrites := w.overwrites(run, r, d, base)
	w.checkRevoked(run, r, d, base)
	if w.hasLevels {
		w.checkRepositoryPullers(run, r, d)
	}

	r.setDocument(w, d)
	if overwrites {
		r.changes++ // a run that read the overwritten policy can write its statements again
	}
	r.writer, r.needsSchedule = run, false
	run.wrote[r] = &d
	if responded {
		run.read[r] = reading{d, r.changes, len(w.moments) - 1, w.calls, &d}
	}
	call := "SetRepositoryPolicy"
	if d.text() == "" {
		call = "DeleteRepositoryPolicy"
	}
	role := onRepoRole
	if run.function == "apply" {
		role = operatorRole
	}
	if run.level != w.standard.Level {
		r.needsSchedule = true
	}
	w.publish(ecrCall(call, r.name, role))
}

// recordRejection checks and records a write that ECR rejects. A run sends at most one rejected policy that names
// principals, and one that doesn't.
func (w *world) recordRejection(run *invocation, r *repository, d document) {
	if wrote := run.wrote[r]; wrote != nil && wrote.form() == d.form() {
		run.wrote[r] = run.before[r] // the write didn't succeed after all, because ECR rejected a retry
	}
	w.note("%s  … was rejected: %s", run, d)
	count := run.rejections[r]
	if slices.ContainsFunc(d.managed, func(s statement) bool { return len(s.named) > 0 }) {
		w.counted["rejected policies that name principals"]++
		count.named++
	} else {
		w.counted["rejected policies that name no principals"]++
		count.others++
		// onrepo doesn't retry the repository before the next event or the schedule.
		r.needsSchedule, run.failed[r] = true, true
	}
	run.rejections[r] = count
	if count.named > 1 || count.others > 1 {
		w.breaks(9, "%s sent a second policy of the same kind for %s after ECR had rejected the first: %s", run, r.name, d)
	}
}

// overwrites reports whether a write discards unmanaged statements that someone else wrote between the run's read and
// its write. ECR offers no protection against that. overwrites checks that the write discards no other unmanaged
// statements.
func (w *world) overwrites(run *invocation, r *repository, d document, base reading) bool {
	if slices.Equal(d.unmanaged, r.document.unmanaged) {
		return false
	}
	if r.changes == base.changes {
		w.breaks(1, "%s discarded unmanaged statements of %s, although no one else wrote the policy in the meantime: %s", run, r.name, r.document)
		return false
	}
	w.counted["overwritten concurrent writes"]++
	w.note("%s  … and discarded a concurrent write", run)
	return true
}

// checkLists checks that the statements of each list in a policy are those that the list specified at some moment since
// the run started to read the lists. If the list was unusable at that moment, the statements must be the kept part of
// the statements that the run read.
func (w *world) checkLists(run *invocation, r *repository, d, base document) {
	path := pathOf(r.name)
	for _, s := range d.managed {
		if s.depth < 0 || s.depth >= len(path) {
			w.breaks(2, "%s wrote a statement to the policy of %s that belongs to no list: %s", run, r.name, s.raw)
		}
	}
	for depth, name := range path {
		rule, reason := 0, ""
		for _, m := range w.moments[run.since:] {
			l := m[name]
			switch {
			case l == nil:
				if rule, reason = keptDifference(d.at(depth), base.at(depth)); run.level == policy.LevelRegistry {
					rule, reason = w.followsDifference(d.at(depth), base.at(depth), nil)
				}
			case l.matches(d.at(depth), w.standard.Style):
				rule = 0
			case run.level == policy.LevelRegistry:
				rule, reason = w.followsDifference(d.at(depth), base.at(depth), l, m.of(path)...)
			default:
				rule, reason = 9, "the list grants access to "+l.grants.String()
			}
			if rule == 0 {
				break
			}
		}
		if rule != 0 {
			w.breaks(rule, "%s read the policy of %s as %s and wrote %s: list %s: %s", run, r.name, base, d, name, reason)
		}
	}
}

// keptDifference compares the statements of an unusable list before and after a write. onrepo keeps the grants that a
// list can specify, together with the conditions that narrow them, and removes all others. keptDifference returns the
// rule that the write breaks and the reason, or 0.
func keptDifference(has, had []statement) (rule int, reason string) {
	for _, s := range has {
		if !s.unparsed && !s.allows && slices.ContainsFunc(had, func(h statement) bool { return h.form == s.form }) {
			continue // an unchanged Deny
		}
		if defect := s.defect(); defect != "" {
			return 2, fmt.Sprintf("the statement %s isn't valid: %s", s.raw, defect)
		}
		for _, grant := range s.grants.sorted() {
			if !slices.ContainsFunc(had, func(h statement) bool { return h.covers(grant, s) }) {
				return 3, fmt.Sprintf("the list is unusable, and %s grants more access to %s", s.raw, grant)
			}
		}
	}
	for _, h := range had {
		for _, grant := range h.grants.sorted() {
			if !h.narrowed && !slices.ContainsFunc(has, func(s statement) bool { return s.grants[grant] && !s.narrowed }) {
				return 3, "the list is unusable, and the grant to " + grant + " was removed"
			}
		}
	}
	return 0, ""
}

// checkStyle checks the grant style of a policy if the stack's grant style is principal. A policy uses conditions only
// if ECR rejected a principal, in this run or before. It names the principals again only if the run's request claims
// that all principals exist.
func (w *world) checkStyle(run *invocation, r *repository, d, base document) {
	if w.standard.Style == policy.GrantCondition {
		return // checkLists checks that the statements of usable lists use conditions
	}
	rejectedNow := run.rejections[r].named > 0 || run.failed[r]
	rejectedBefore := slices.ContainsFunc(base.managed, statement.usesCondition)
	similarBefore := slices.ContainsFunc(base.managed, func(s statement) bool { return s.everyone })
	for depth := range pathOf(r.name) {
		statements := d.at(depth)
		same := forms(statements) == forms(base.at(depth))
		names := slices.ContainsFunc(statements, func(s statement) bool { return len(s.named) > 0 })
		if names && !same && rejectedBefore && !run.allExist {
			w.breaks(9, "%s changed conditions back to principals in %s, although its request doesn't claim that all principals exist: it read %s and wrote %s", run, r.name, base, d)
		}
		if names && rejectedBefore && !same {
			w.counted["conditions changed back to principals"]++
		}
		if slices.ContainsFunc(statements, statement.usesCondition) && !rejectedNow && !similarBefore {
			w.breaks(9, "%s used conditions in %s, although ECR hadn't rejected a policy: it read %s and wrote %s", run, r.name, base, d)
		}
	}
}

// checkNeed checks that a write was necessary. A policy that grants what the lists specify needs no write, in either
// grant style. The exception is a request that claims that all principals exist: it changes conditions back to
// principals.
func (w *world) checkNeed(run *invocation, r *repository, base reading) {
	namesOnly := run.allExist && run.rejections[r].named == 0
	for _, m := range w.moments[run.since:] {
		if !w.needsNoWrite(base.document, r, m, namesOnly) || base.wrote != nil && !w.needsNoWrite(*base.wrote, r, m, namesOnly) {
			return
		}
	}
	w.breaks(6, "%s wrote the policy of %s, although it granted what the lists specify: %s", run, r.name, base.document)
}

// needsNoWrite reports whether a policy needs no write at a moment: the statements of each usable list are those that
// it specifies, and onrepo would keep all statements of each unusable list. If namesOnly is true, the statements must
// name the principals, as far as the grant style of the stack is principal.
func (w *world) needsNoWrite(d document, r *repository, m moment, namesOnly bool) bool {
	for depth, name := range pathOf(r.name) {
		statements := d.at(depth)
		if m[name] == nil {
			if slices.ContainsFunc(statements, func(s statement) bool {
				return !s.isStandard() || w.standard.Style == policy.GrantCondition && len(s.named) > 0
			}) {
				return false
			}
			continue
		}
		if namesOnly && w.standard.Style == policy.GrantPrincipal && forms(statements) != m[name].principalForm {
			return false
		}
	}
	return w.difference(policy.LevelRepository, d, r, m) == ""
}

// difference returns a difference between a policy and the lists at a moment, or "" if there is none. At the level of
// the registry, the lists specify only the statements for Lambda. The statements of an unusable list must be trimmed,
// whether another list is usable or not.
func (w *world) difference(level policy.Level, d document, r *repository, m moment) string {
	path := pathOf(r.name)
	for _, s := range d.managed {
		if s.depth < 0 || s.depth >= len(path) {
			return "has the statement " + s.sid + ", which belongs to no list"
		}
	}
	for depth, name := range path {
		switch l := m[name]; {
		case l == nil:
			if excess := w.excess(d.at(depth)); excess != "" {
				return fmt.Sprintf("has the policy %s, but the list %s is unusable, and %s", d, name, excess)
			}
		case level == policy.LevelRegistry:
			lambda, others := forLambda(d.at(depth))
			if len(others) > 0 || forms(lambda) != l.lambdaForm {
				return fmt.Sprintf("has the policy %s at the level registry, but the list %s grants access to %s", d, name, l.grants)
			}
		case !l.matches(d.at(depth), w.standard.Style):
			return fmt.Sprintf("has the policy %s, but the list %s grants access to %s", d, name, l.grants)
		}
	}
	return ""
}

// excess returns what onrepo must trim from the statements of an unusable list, or "" for nothing.
func (w *world) excess(statements []statement) string {
	for _, s := range statements {
		if !s.unparsed && !s.allows {
			continue // a Deny
		}
		if defect := s.defect(); defect != "" {
			return fmt.Sprintf("the statement %s isn't valid: %s", s.raw, defect)
		}
		if w.standard.Style == policy.GrantCondition && len(s.named) > 0 {
			return fmt.Sprintf("the statement %s names principals", s.raw)
		}
	}
	return ""
}

// checkRevoked checks that a run doesn't restore a revoked grant, unless a list specifies the grant again, or the run
// read the lists or the policy before the grant was revoked.
func (w *world) checkRevoked(run *invocation, r *repository, d document, base reading) {
	has := d.grantsByList()
	for _, grant := range has.sorted() {
		at, ok := r.revoked[grant]
		delete(r.revoked, grant)
		switch {
		case !ok || w.isListed(grant, r, run.since):
		case run.readListsAt < at || base.at < at:
			w.counted["revoked grants that a concurrent run restored"]++
		default:
			w.breaks(3, "%s restored a revoked grant in %s: %s", run, r.name, grant)
		}
	}
	for grant := range r.document.grantsByList() {
		if !has[grant] {
			r.revoked[grant] = w.calls
		}
	}
}

// isListed reports whether a list specified a grant at some moment since the given one.
func (w *world) isListed(grant string, r *repository, since int) bool {
	for depth, name := range pathOf(r.name) {
		who, ok := strings.CutSuffix(grant, fmt.Sprintf(" at depth %d", depth))
		if ok && slices.ContainsFunc(w.moments[since:], func(m moment) bool { return m[name] != nil && m[name].grants[who] }) {
			return true
		}
	}
	return false
}

// checkEnded checks the repositories of an invocation that succeeded. The invocation must have left each policy as the
// lists specified it when the invocation last read or wrote the policy, or later. Otherwise it should have started
// over.
func (w *world) checkEnded(run *invocation) {
	if run.requestedRest || run.function == "apply" { // which can stop before it has processed all repositories
		return
	}
	for _, name := range w.repositoryNames {
		r := w.repositories[name]
		knows, ok := run.read[r]
		if !ok || !r.inScope() || run.failed[r] {
			continue
		}
		known := []document{knows.document}
		if run.wrote[r] != nil { // the invocation's last read can be stale
			known = append(known, *run.wrote[r])
		}
		for depth, list := range pathOf(name) {
			if !w.matchedList(run.level, known, depth, list, knows.since) {
				w.breaks(5, "%s succeeded and left %s with the policy %s, which differs from the list %s", run, name, known, list)
			}
		}
	}
}

// matchedList reports whether the statements of a list in the policies matched the list at some moment since the given
// one, or were trimmed at a moment when it was unusable. Each list is checked alone, because the functions can read
// each list at another moment.
func (w *world) matchedList(level policy.Level, policies []document, depth int, list string, since int) bool {
	return slices.ContainsFunc(w.moments[since:], func(m moment) bool {
		return !slices.ContainsFunc(policies, func(d document) bool {
			if m[list] == nil {
				return w.excess(d.at(depth)) != ""
			}
			if level == policy.LevelRegistry {
				rule, _ := w.followsDifference(d.at(depth), d.at(depth), m[list], slices.Collect(maps.Values(m))...)
				return rule != 0 && !m[list].matches(d.at(depth), w.standard.Style)
			}
			return !m[list].matches(d.at(depth), w.standard.Style)
		})
	})
}

// checkConverged checks that each repository has the policy that the newest valid lists specify. It skips repositories
// whose unmanaged statements ECR rejects. Before the first event of the schedule, it also skips those that need the
// schedule.
func (w *world) checkConverged(ticked bool) {
	if w.broken != "" {
		return
	}
	if w.hasLevels && (ticked || !w.registry.needsSchedule) {
		w.checkRegistryConverged()
	}
	for _, name := range w.repositoryNames {
		r := w.repositories[name]
		if !r.exists || !r.inScope() {
			continue
		}
		w.checkStored(r)
		switch {
		case w.rejectsUnmanaged(r.document):
			w.counted["repositories whose unmanaged statements ECR rejects"]++
		case r.needsSchedule && !ticked:
			w.counted["repositories that need the schedule"]++
		default:
			w.counted["repositories checked at the end"]++
			if difference := w.difference(w.standard.Level, r.document, r, w.now()); difference != "" {
				w.breaks(5, "%s %s", name, difference)
			}
			if !w.hasLevels {
				w.checkPast(r)
			} else if w.broken == "" {
				w.checkUnion(r)
			}
			w.checkMerge(r)
		}
	}
}

// checkNames checks that the policies name the principals again if all principals in the lists exist.
func (w *world) checkNames() {
	if w.broken != "" || w.standard.Style == policy.GrantCondition || w.standard.Level == policy.LevelRegistry {
		return
	}
	if slices.ContainsFunc(slices.Collect(maps.Keys(w.missing)), func(principal string) bool { return isNamed(principal, w.now()) }) {
		w.counted["seeds that ended with nonexistent principals"]++
		return
	}
	for _, name := range w.repositoryNames {
		r := w.repositories[name]
		if !r.exists || !r.inScope() || w.rejectsUnmanaged(r.document) {
			continue
		}
		for depth, list := range pathOf(name) {
			if l := w.now()[list]; l != nil && forms(r.document.at(depth)) != l.principalForm {
				w.breaks(5, "all principals exist, but the policy of %s still uses conditions: %s", name, r.document)
			}
		}
	}
}

// isNamed reports whether a list contains a principal, which is an account ID or the ARN of a role.
func isNamed(principal string, m moment) bool {
	for _, l := range m {
		if l.names(principal) {
			return true
		}
	}
	return false
}

// checkStored checks that the policy in ECR is the one that the simulation recorded.
func (w *world) checkStored(r *repository) {
	text, _ := w.cloud.Policy(r.name)
	if stored := readDocument(text); stored.text() != r.document.text() {
		w.breaks(5, "%s has the policy %s, but the simulation recorded %s", r.name, stored.text(), r.document.text())
	}
}

// checkPast checks that the statements of each unusable list are those of one of its valid versions.
func (w *world) checkPast(r *repository) {
	for depth, name := range pathOf(r.name) {
		statements := r.document.at(depth)
		if r.tampered || len(statements) == 0 || w.now()[name] != nil {
			continue
		}
		if !slices.ContainsFunc(w.past[name], func(l *listVersion) bool { return l.matches(statements, w.standard.Style) }) {
			w.breaks(3, "the policy of %s matches no version of the unusable list %s: %s", r.name, name, r.document)
		}
	}
}

// checkMerge checks that the code under test finds no change to the policy of a repository.
func (w *world) checkMerge(r *repository) {
	var lists []policy.Listed
	for _, name := range pathOf(r.name) {
		l := w.now()[name]
		if l == nil {
			lists = append(lists, policy.Listed{})
			continue
		}
		lists = append(lists, policy.Listed{Consumers: &l.consumers})
	}
	existing, err := policy.ParseDocument(r.document.text(), w.standard.Registry)
	if w.standard.Level == policy.LevelRegistry && err == nil {
		var cover policy.Document
		cover, err = policy.ParseRegistryDocument(w.registry.current.document.text(), w.standard.Registry)
		existing = existing.CoveredBy(cover, r.name)
	}
	if err != nil {
		w.breaks(5, "the policy of %s can't be parsed: %v", r.name, err)
		return
	}
	change, err := w.standard.Merge(existing, lists)
	if err != nil || change.Changed {
		w.breaks(5, "the policy of %s still needs a change: added %s, removed %s, %v", r.name, change.Added, change.Removed, err)
	}
}

// checkPrincipalCheck checks a policy that an invocation sends to the stack's own repository to check principals. The
// policy must only name principals in the lists.
func (w *world) checkPrincipalCheck(run *invocation, d document) {
	run.checked = true
	w.counted["policies written to check principals"]++
	if run.function != "onaccount" {
		w.breaks(9, "%s wrote the policy of %s", run, checkRepository)
	}
	if len(d.unmanaged) > 0 || len(d.managed) != 1 || !d.managed[0].isStandard() || len(d.managed[0].named) == 0 {
		w.breaks(9, "%s wrote an unexpected policy to %s: %s", run, checkRepository, d.text())
		return
	}
	for _, arn := range d.managed[0].named {
		listed := func(m moment) bool { return isNamed(rootARN.ReplaceAllString(arn, "$1"), m) }
		if !slices.ContainsFunc(w.moments[run.since:], listed) {
			w.breaks(9, "%s checked the principal %s, which isn't in a list", run, arn)
		}
	}
}

// checkClaim checks that a request claims that all principals exist only if they do.
func (w *world) checkClaim(run *invocation, claims bool) {
	switch {
	case !claims:
	case run.function == "onrepo":
		if !run.allExist {
			w.breaks(9, "%s requested repositories with the claim that all principals exist, which its own request doesn't have", run)
		}
	case run.principalChanges == w.principalChanges && w.standard.Style == policy.GrantPrincipal && run.level != policy.LevelRegistry:
		for _, principal := range slices.Sorted(maps.Keys(w.missing)) {
			if w.wasAlwaysNamed(principal, run.since) {
				w.breaks(9, "%s claims that all principals exist, but %s doesn't", run, principal)
			}
		}
	}
}

// wasAlwaysNamed reports whether one list contained a principal at all moments since the given one. A principal that
// was moved between lists doesn't count, because the functions can read each list at another moment.
func (w *world) wasAlwaysNamed(principal string, since int) bool {
	return slices.ContainsFunc(w.listNames, func(name string) bool {
		return !slices.ContainsFunc(w.moments[since:], func(m moment) bool { return m[name] == nil || !m[name].names(principal) })
	})
}

// checkMissing checks that a rollout without faults reports exactly the principals that don't exist.
func (w *world) checkMissing(run *invocation) {
	if run.function != "onaccount" || !run.checked || run.level == policy.LevelRegistry || run.disturbed || run.principalChanges != w.principalChanges || run.since != len(w.moments)-1 {
		return
	}
	var missing []string
	for principal := range w.missing {
		if isNamed(principal, w.now()) {
			missing = append(missing, arnOf(principal))
		}
	}
	slices.Sort(missing)
	w.counted["reports of the principals that don't exist"]++
	if !slices.Equal(missing, slices.Sorted(slices.Values(run.reported))) {
		w.breaks(7, "%s reports that the principals %q don't exist, want %q", run, run.reported, missing)
	}
}

func arnOf(principal string) string {
	if accountID.MatchString(principal) {
		return "arn:aws:iam::" + principal + ":root"
	}
	return principal
}
