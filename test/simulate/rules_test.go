package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// judge checks a document that an invocation sends to ECR, whether ECR accepts it or not: none is an experiment.
func (w *world) judge(run *invocation, r *repository, d document) {
	base, ok := run.read[r]
	switch {
	case run.function != "onrepo":
		w.breaks(9, "%s wrote the policy of %s", run, r.name)
	case !r.inScope():
		w.breaks(4, "%s wrote the policy of %s, which is out of scope", run, r.name)
	case !ok:
		w.breaks(4, "%s wrote the policy of %s without having read it", run, r.name)
	}
	if was := base.document; !slices.Equal(d.unmanaged, was.unmanaged) || len(d.unmanaged) > 0 && d.shell != was.shell {
		w.breaks(1, "%s changed in %s what isn't managed: it read %s %s", run, r.name, was.shell, was)
	}
	w.checkLists(run, r, d, base.document)
	w.checkStyle(run, r, d, base.document)
	w.checkNeed(run, r, base)
}

// wrote judges a write. answered reports whether the invocation knows that it was done.
func (w *world) wrote(run *invocation, r *repository, d document, answered bool) {
	w.judge(run, r, d)
	base := run.read[r]
	w.writes++
	w.counted["writes"]++
	w.note("%s  … wrote the policy of %s: %s", run, r.name, d)
	if answered && d.form() == base.document.form() && (base.wrote == nil || base.wrote.form() == d.form()) {
		w.breaks(6, "%s wrote to %s what it had read there", run, r.name)
	}
	overlaps := w.overlaps(run, r, d, base)
	w.checkRevoked(run, r, d, base)

	r.become(w, d)
	if overlaps {
		r.changes++ // a run that has read what the other wrote can bring it back
	}
	r.writer, r.owed = run, false
	run.wrote[r] = &d
	if answered {
		run.read[r] = reading{d, r.changes, len(w.moments) - 1, w.calls, &d}
	}
	call := "SetRepositoryPolicy"
	if d.text() == "" {
		call = "DeleteRepositoryPolicy"
	}
	w.publish(ecrCall(call, r.name, onRepoRole))
}

// refused judges a policy that ECR rejects: a run sends only one that names principals, and one that doesn't.
func (w *world) refused(run *invocation, r *repository, d document) {
	if wrote := run.wrote[r]; wrote != nil && wrote.form() == d.form() {
		run.wrote[r] = run.before[r] // an earlier attempt may have written it, but ECR has now rejected it
	}
	w.note("%s  … was rejected: %s", run, d)
	count := run.refusals[r]
	if slices.ContainsFunc(d.managed, func(s statement) bool { return len(s.named) > 0 }) {
		w.counted["policies rejected that name principals"]++
		count.named++
	} else {
		w.counted["policies rejected that name none"]++
		count.others++
		// Only another policy, or the schedule, corrects that.
		r.owed, run.failed[r] = true, true
	}
	run.refusals[r] = count
	if count.named > 1 || count.others > 1 {
		w.breaks(9, "%s sent another policy for %s after ECR had rejected one: %s", run, r.name, d)
	}
}

// overlaps checks that no one else's write is lost but one between the run's read and its write: nothing in ECR helps
// against that. It reports whether such a one is.
func (w *world) overlaps(run *invocation, r *repository, d document, base reading) bool {
	if slices.Equal(d.unmanaged, r.document.unmanaged) {
		return false
	}
	if r.changes == base.changes {
		w.breaks(1, "%s lost unmanaged statements of %s, which no one else wrote meanwhile: %s", run, r.name, r.document)
		return false
	}
	w.counted["overlaps with another writer"]++
	w.note("%s  … over what somebody else wrote meanwhile", run)
	return true
}

// checkLists checks that a policy grants exactly what each list says, as it was at some moment since the run began to
// read the lists. Of a list that couldn't be used the statements are what is kept of those that the run read.
func (w *world) checkLists(run *invocation, r *repository, d, base document) {
	path := pathOf(r.name)
	for _, s := range d.managed {
		if s.depth < 0 || s.depth >= len(path) {
			w.breaks(2, "%s wrote to %s the statement %s, which belongs to no list", run, r.name, s.raw)
		}
	}
	if !slices.ContainsFunc(w.moments[run.since:], func(m moment) bool { return m.isOn(path) }) {
		w.breaks(3, "%s wrote the policy of %s without a list", run, r.name)
	}
	for depth, name := range path {
		rule, wrong := 0, ""
		for _, m := range w.moments[run.since:] {
			l := m[name]
			switch {
			case l == nil:
				rule, wrong = unlikeKept(d.at(depth), base.at(depth))
			case l.has(d.at(depth), w.standard.Style):
				rule = 0
			default:
				rule, wrong = 9, "for a list that grants to "+l.grants.String()
			}
			if rule == 0 {
				break
			}
		}
		if rule != 0 {
			w.breaks(rule, "%s wrote to %s, having read %s, the policy %s: of %s %s", run, r.name, base, d, name, wrong)
		}
	}
}

// unlikeKept says why statements aren't what is kept of those that were read: what a list could have granted, and the
// conditions that narrow it.
func unlikeKept(has, had []statement) (rule int, wrong string) {
	for _, s := range has {
		if !s.unclear && !s.allows && slices.ContainsFunc(had, func(h statement) bool { return h.form == s.form }) {
			continue // it was denied before
		}
		if wrong := s.wrong(); wrong != "" {
			return 2, fmt.Sprintf("%s is kept, and %s", s.raw, wrong)
		}
		for _, who := range s.grants.sorted() {
			if !slices.ContainsFunc(had, func(h statement) bool { return h.covers(who, s) }) {
				return 3, fmt.Sprintf("%s grants more to %s", s.raw, who)
			}
		}
	}
	for _, h := range had {
		for _, who := range h.grants.sorted() {
			if !h.narrowed && !slices.ContainsFunc(has, func(s statement) bool { return s.grants[who] && !s.narrowed }) {
				return 3, "the grant to " + who + " is not kept"
			}
		}
	}
	return 0, ""
}

// checkStyle checks that principals are granted by condition only if ECR has rejected a name, in this run or in an
// earlier one, and that only a run that a rollout told that all principals exist goes back to names.
func (w *world) checkStyle(run *invocation, r *repository, d, base document) {
	if w.standard.Style == policy.GrantCondition {
		return // checkLists and checkKept allow no name
	}
	rejectedNow := run.refusals[r].named > 0 || run.failed[r]
	rejectedBefore := slices.ContainsFunc(base.managed, statement.isByCondition)
	similarBefore := slices.ContainsFunc(base.managed, func(s statement) bool { return s.everyone })
	for depth := range pathOf(r.name) {
		statements := d.at(depth)
		same := forms(statements) == forms(base.at(depth))
		names := slices.ContainsFunc(statements, func(s statement) bool { return len(s.named) > 0 })
		if names && !same && rejectedBefore && !run.allExist {
			w.breaks(9, "%s went back to names in %s, and no rollout says that all principals exist: it read %s and wrote %s", run, r.name, base, d)
		}
		if names && rejectedBefore && !same {
			w.counted["back to names"]++
		}
		if slices.ContainsFunc(statements, statement.isByCondition) && !rejectedNow && !similarBefore {
			w.breaks(9, "%s granted by condition in %s, and ECR had rejected nothing: it read %s and wrote %s", run, r.name, base, d)
		}
	}
}

// checkNeed checks that there was something to write: a policy that grants what the lists say, in either style, is
// left alone, but for a rollout that says that all principals exist.
func (w *world) checkNeed(run *invocation, r *repository, base reading) {
	namesOnly := run.allExist && run.refusals[r].named == 0
	for _, m := range w.moments[run.since:] {
		if !w.isSettled(base.document, r, m, namesOnly) || base.wrote != nil && !w.isSettled(*base.wrote, r, m, namesOnly) {
			return
		}
	}
	w.breaks(6, "%s wrote the policy of %s, which grants what the lists say: %s", run, r.name, base.document)
}

// isSettled reports whether no run has anything to write: every list has what it says in a style that may be, and
// every list that can't be used has nothing that isn't kept.
func (w *world) isSettled(d document, r *repository, m moment, namesOnly bool) bool {
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
		if namesOnly && w.standard.Style == policy.GrantPrincipal && forms(statements) != m[name].byName {
			return false
		}
	}
	return w.unlike(d, r, m) == ""
}

// unlike says what in a policy is not as the lists of a moment want it, where there is one to follow.
func (w *world) unlike(d document, r *repository, m moment) string {
	path := pathOf(r.name)
	if !m.isOn(path) {
		return ""
	}
	for _, s := range d.managed {
		if s.depth < 0 || s.depth >= len(path) {
			return "has " + s.sid + ", which belongs to no list"
		}
	}
	for depth, name := range path {
		if l := m[name]; l != nil && !l.has(d.at(depth), w.standard.Style) {
			return fmt.Sprintf("has %s, and %s grants to %s", d, name, l.grants)
		}
	}
	return ""
}

// checkRevoked checks that a grant that a run has taken away comes back only if a list names the principal again, or
// by a run that had read the lists or the policy before.
func (w *world) checkRevoked(run *invocation, r *repository, d document, base reading) {
	has := d.byList()
	for _, grant := range has.sorted() {
		at, ok := r.revoked[grant]
		delete(r.revoked, grant)
		switch {
		case !ok || w.isListed(grant, r, run.since):
		case run.readLists < at || base.at < at:
			w.counted["revoked grants that an overlapping run brought back"]++
		default:
			w.breaks(3, "%s granted %s again in %s, which had been revoked", run, grant, r.name)
		}
	}
	for grant := range r.document.byList() {
		if !has[grant] {
			r.revoked[grant] = w.calls
		}
	}
}

func (w *world) isListed(grant string, r *repository, since int) bool {
	for depth, name := range pathOf(r.name) {
		who, ok := strings.CutSuffix(grant, fmt.Sprintf(" at depth %d", depth))
		if ok && slices.ContainsFunc(w.moments[since:], func(m moment) bool { return m[name] != nil && m[name].grants[who] }) {
			return true
		}
	}
	return false
}

// checkEnded checks that an invocation that ended well left its repositories with what was right when it wrote them,
// or later: otherwise it had to start over.
func (w *world) checkEnded(run *invocation) {
	if run.handedBack {
		return
	}
	for _, name := range w.repositoryNames {
		r := w.repositories[name]
		knows, ok := run.read[r]
		if !ok || !r.inScope() || run.failed[r] {
			continue
		}
		known := []document{knows.document}
		if run.wrote[r] != nil { // what it has read since can be stale
			known = append(known, *run.wrote[r])
		}
		for depth, list := range pathOf(name) {
			if !w.wasRight(known, depth, list, knows.since) {
				w.breaks(5, "%s ended well, and %s has %s, which %s doesn't want", run, name, known, list)
			}
		}
	}
}

// wasRight reports whether a list wanted its part of policies as it is at some moment. The lists aren't read all at
// once: each may have been read at another moment.
func (w *world) wasRight(policies []document, depth int, list string, since int) bool {
	return slices.ContainsFunc(w.moments[since:], func(m moment) bool {
		return m[list] == nil || !slices.ContainsFunc(policies, func(d document) bool { return !m[list].has(d.at(depth), w.standard.Style) })
	})
}

// checkConverged checks that every repository has the policy of the newest valid lists. One whose unmanaged statements
// ECR rejects can't have it. Before the first tick of the schedule, some are owed it.
func (w *world) checkConverged(ticked bool) {
	if w.broken != "" {
		return
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
		case r.owed && !ticked:
			w.counted["repositories that wait for the schedule"]++
		default:
			w.counted["repositories checked in the end"]++
			if wrong := w.unlike(r.document, r, w.now()); wrong != "" {
				w.breaks(5, "%s %s", name, wrong)
			}
			w.checkPast(r)
			w.checkMerge(r)
		}
	}
}

// checkNames checks that rollouts went back to names where all principals exist.
func (w *world) checkNames() {
	if w.broken != "" || w.standard.Style == policy.GrantCondition {
		return
	}
	if slices.ContainsFunc(slices.Collect(maps.Keys(w.closed)), func(principal string) bool { return isNamed(principal, w.now()) }) {
		w.counted["ended with principals that don't exist"]++
		return
	}
	for _, name := range w.repositoryNames {
		r := w.repositories[name]
		if !r.exists || !r.inScope() || w.rejectsUnmanaged(r.document) {
			continue
		}
		for depth, list := range pathOf(name) {
			if l := w.now()[list]; l != nil && forms(r.document.at(depth)) != l.byName {
				w.breaks(5, "all principals exist, and %s still has %s", name, r.document)
			}
		}
	}
}

// isNamed reports whether a list names a principal, an account ID or an ARN.
func isNamed(principal string, m moment) bool {
	for _, l := range m {
		if l.names(principal) {
			return true
		}
	}
	return false
}

// checkStored checks that ECR has what the simulation believes.
func (w *world) checkStored(r *repository) {
	text, _ := w.cloud.Policy(r.name)
	if stored := readDocument(text); stored.text() != r.document.text() {
		w.breaks(5, "%s has %s, not %s", r.name, stored.text(), r.document.text())
	}
}

// checkPast checks that the statements of a list that can't be used are those of one of its versions.
func (w *world) checkPast(r *repository) {
	for depth, name := range pathOf(r.name) {
		statements := r.document.at(depth)
		if r.tampered || len(statements) == 0 || w.now()[name] != nil {
			continue
		}
		if !slices.ContainsFunc(w.past[name], func(l *inForce) bool { return l.has(statements, w.standard.Style) }) {
			w.breaks(3, "%s is of no version that %s ever had", r.document, name)
		}
	}
}

// checkMerge checks the same with the code under test: it has nothing to do any more.
func (w *world) checkMerge(r *repository) {
	var lists []policy.Listed
	follows := false
	for _, name := range pathOf(r.name) {
		l := w.now()[name]
		if l == nil {
			lists = append(lists, policy.Listed{})
			continue
		}
		follows = true
		lists = append(lists, policy.Listed{Consumers: &l.consumers})
	}
	if !follows {
		return
	}
	existing, err := policy.ParseDocument(r.document.text(), w.standard.Registry)
	if err != nil {
		w.breaks(5, "the policy of %s can't be parsed: %v", r.name, err)
		return
	}
	change, err := w.standard.Merge(existing, lists)
	if err != nil || change.Changed {
		w.breaks(5, "the policy of %s is to change: added %s, removed %s, %v", r.name, change.Added, change.Removed, err)
	}
}

// judgeCheck judges a policy for the repository on which principals are checked: it names principals in the lists, and
// nothing else.
func (w *world) judgeCheck(run *invocation, d document) {
	run.checked = true
	w.counted["policies written to check principals"]++
	if run.function != "onaccount" {
		w.breaks(9, "%s wrote the policy of %s", run, checkRepository)
	}
	if len(d.unmanaged) > 0 || len(d.managed) != 1 || !d.managed[0].isStandard() || len(d.managed[0].named) == 0 {
		w.breaks(9, "%s wrote to %s the policy %s", run, checkRepository, d.text())
		return
	}
	for _, arn := range d.managed[0].named {
		listed := func(m moment) bool { return isNamed(rootARN.ReplaceAllString(arn, "$1"), m) }
		if !slices.ContainsFunc(w.moments[run.since:], listed) {
			w.breaks(9, "%s checked %s, which no list names", run, arn)
		}
	}
}

// checkWord checks that a request says that all principals exist only if they do.
func (w *world) checkWord(run *invocation, says bool) {
	switch {
	case !says:
	case run.function == "onrepo":
		if !run.allExist {
			w.breaks(9, "%s requested repositories as if all principals existed", run)
		}
	case run.closings == w.closings && w.standard.Style == policy.GrantPrincipal:
		for _, principal := range slices.Sorted(maps.Keys(w.closed)) {
			if w.wasAlwaysNamed(principal, run.since) {
				w.breaks(9, "%s says that all principals exist, and %s doesn't", run, principal)
			}
		}
	}
}

// wasAlwaysNamed reports whether one list named a principal all the time. The lists aren't read all at once.
func (w *world) wasAlwaysNamed(principal string, since int) bool {
	return slices.ContainsFunc(w.listNames, func(name string) bool {
		return !slices.ContainsFunc(w.moments[since:], func(m moment) bool { return m[name] == nil || !m[name].names(principal) })
	})
}

// checkMissing checks that an undisturbed rollout reports exactly the principals that don't exist.
func (w *world) checkMissing(run *invocation) {
	if run.function != "onaccount" || !run.checked || run.disturbed || run.closings != w.closings || run.since != len(w.moments)-1 {
		return
	}
	var missing []string
	for principal := range w.closed {
		if isNamed(principal, w.now()) {
			missing = append(missing, arnOf(principal))
		}
	}
	slices.Sort(missing)
	w.counted["reports of the principals that don't exist"]++
	if !slices.Equal(missing, slices.Sorted(slices.Values(run.missing))) {
		w.breaks(7, "%s reports that %q don't exist, and it is %q", run, run.missing, missing)
	}
}

func arnOf(principal string) string {
	if accountID.MatchString(principal) {
		return "arn:aws:iam::" + principal + ":root"
	}
	return principal
}
