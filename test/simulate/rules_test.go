package simulate

import (
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// wrote judges a write of ours. answered tells whether the invocation knows that it was done.
func (w *world) wrote(run *invocation, r *repository, d document, answered bool) {
	w.writes++
	w.counted["writes"]++
	w.note("%s  … wrote %s: %s", run, r.name, d)
	base, ok := run.read[r]
	switch {
	case !r.inScope():
		w.breaks(4, "%s wrote %s, which is out of scope", run, r.name)
	case !ok:
		w.breaks(4, "%s wrote %s without having read it", run, r.name)
	case answered && !run.refused[r] && d.form() == base.document.form():
		w.breaks(6, "%s wrote to %s what it had read there", run, r.name)
	}
	w.checkForeign(run, r, d, base)
	w.checkOwn(run, r, d, base.document)
	w.checkNobodyLost(run, r, d, base.document)

	r.document = d
	if answered {
		run.read[r] = reading{d, r.changes, len(w.moments) - 1}
	}
	call := "SetRepositoryPolicy"
	if d.text() == "" {
		call = "DeleteRepositoryPolicy"
	}
	w.publish(ecrCall(call, r.name, onRepoRole))
}

// checkForeign makes sure that statements of others stay as they were read, and that nobody else's write was lost
// but one between our read and our write: nothing in ECR helps against that, so it is counted.
func (w *world) checkForeign(run *invocation, r *repository, d document, base reading) {
	was := base.document
	if !slices.Equal(d.foreign, was.foreign) || len(d.foreign) > 0 && d.shell != was.shell {
		w.breaks(1, "%s changed in %s what isn't ours: it read %s %s", run, r.name, was.shell, was)
	}
	if slices.Equal(d.foreign, r.document.foreign) {
		return
	}
	if r.changes == base.changes {
		w.breaks(1, "%s lost foreign statements of %s, which nobody else wrote meanwhile: %s", run, r.name, r.document)
		return
	}
	r.changes++ // whoever has read what the other wrote may bring it back
	w.counted["overlaps with a foreign writer"]++
	w.note("%s  … over what somebody else wrote meanwhile", run)
}

// checkOwn makes sure that our statements are such as may be, and name only whom a list named that was in force since
// the invocation began to read the lists, or whom the policy granted already.
func (w *world) checkOwn(run *invocation, r *repository, d, base document) {
	had := base.grants()
	for _, s := range d.own {
		if s.wrong != "" {
			w.breaks(2, "%s wrote the statement %s to %s: %s", run, s.raw, r.name, s.wrong)
		}
		for _, who := range s.grants.sorted() {
			if !had[who] && !w.wasListed(who, r, run.since) {
				w.breaks(2, "%s granted %s to %s, whom no list names", run, r.name, who)
			}
		}
	}
}

func (w *world) wasListed(who string, r *repository, since int) bool {
	for _, m := range w.moments[since:] {
		for _, name := range pathOf(r.name) {
			if l := m[name]; l != nil && l.grants[who] {
				return true
			}
		}
	}
	return false
}

// checkNobodyLost makes sure that whoever loses a grant was missing in the lists at some moment since the invocation
// began to read them. A principal that ceased to exist may lose it too: ECR takes no policy that names it.
func (w *world) checkNobodyLost(run *invocation, r *repository, d, base document) {
	had, has := base.grants(), d.grants()
	had.add(r.document.grants())
	for _, who := range had.sorted() {
		if has[who] || isOf(who, w.onceClosed) {
			continue
		}
		everyMomentHeld := true
		for _, m := range w.moments[run.since:] {
			everyMomentHeld = everyMomentHeld && holds(m, who, r, base)
		}
		if everyMomentHeld {
			w.breaks(3, "%s took the grant of %s away from %s, whom every list since held", run, r.name, who)
		}
	}
}

// holds tells whether somebody is to have a grant in a moment: the lists name them, or a list that cannot be used is
// what the grant in the policy comes from.
func holds(m moment, who string, r *repository, base document) bool {
	for depth, name := range pathOf(r.name) {
		if l := m[name]; l != nil {
			if l.grants[who] {
				return true
			}
			continue
		}
		for _, s := range base.own {
			if s.depth == depth && s.wrong == "" && s.grants[who] {
				return true
			}
		}
	}
	return false
}

// isOf tells whether a grant is one to some principals, or to the functions of their accounts.
func isOf(who string, principals map[string]bool) bool {
	return principals[who] || principals[strings.Replace(who, "functions of", "account", 1)]
}

// checkConverged makes sure that every repository has the policy of the newest valid lists. Principals that don't
// exist may be missing.
func (w *world) checkConverged(missing map[string]bool) {
	if w.broken != "" {
		return
	}
	for _, name := range repositoryNames() {
		if r := w.repositories[name]; r.exists && r.inScope() {
			w.checkStored(r)
			w.checkStatements(r, missing)
			if len(missing) == 0 {
				w.checkMerge(r)
			}
		}
	}
}

// checkStored makes sure that ECR has what the simulation believes.
func (w *world) checkStored(r *repository) {
	text, _ := w.cloud.Policy(r.name)
	if stored := readDocument(text); stored.text() != r.document.text() {
		w.breaks(5, "%s has %s, not %s", r.name, stored.text(), r.document.text())
	}
}

func (w *world) checkStatements(r *repository, missing map[string]bool) {
	if wrong := r.document.differs(r.name, w.now(), missing); wrong != "" {
		w.breaks(5, "%s %s", r.name, wrong)
	}
	path := pathOf(r.name)
	for _, s := range r.document.own {
		if s.depth < 0 || s.depth >= len(path) || w.now()[path[s.depth]] != nil || r.tampered {
			continue
		}
		name := path[s.depth]
		switch {
		case w.isOfPast(s, name):
		case w.counted["principals that cease to exist"] > 0 && w.isOfSeveral(s, name):
			// A search grants to whom the version before did as well. It died before the list was deleted, and a
			// deleted list changes nothing.
			w.counted["left between two versions of a list that was deleted"]++
		default:
			w.breaks(3, "%s is of no version that %s ever had: %s", s.sid, name, s.grants)
		}
	}
}

// differs says what in a policy is not as the lists of a moment want it, where there is one to follow.
func (d document) differs(repository string, m moment, missing map[string]bool) string {
	path := pathOf(repository)
	has := make([]grants, len(path))
	for _, s := range d.own {
		if s.depth < 0 || s.depth >= len(path) {
			if slices.ContainsFunc(path, func(name string) bool { return m[name] != nil }) {
				return "has " + s.sid + ", which belongs to no list"
			}
			continue
		}
		if has[s.depth] == nil {
			has[s.depth] = grants{}
		}
		has[s.depth].add(s.grants)
	}
	for depth, name := range path {
		if m[name] == nil {
			continue // it changes nothing
		}
		for _, who := range has[depth].sorted() {
			if !m[name].grants[who] {
				return "still grants to " + who + ", whom " + name + " doesn't name"
			}
		}
		for _, who := range m[name].grants.sorted() {
			if !has[depth][who] && !isOf(who, missing) {
				return "doesn't grant to " + who + ", whom " + name + " names"
			}
		}
	}
	return ""
}

// checkEnded makes sure that an invocation that ended well left its repositories with what was right when it wrote
// them, or later: otherwise it had to start over. With principals that come and go nobody knows what is right.
func (w *world) checkEnded(run *invocation) {
	if len(w.onceClosed) > 0 || run.handedBack {
		return
	}
	for _, name := range repositoryNames() {
		r := w.repositories[name]
		knows, ok := run.read[r]
		if !ok || !r.inScope() {
			continue
		}
		wrong := ""
		for _, m := range w.moments[knows.since:] {
			if wrong = knows.document.differs(name, m, nil); wrong == "" {
				break
			}
		}
		if wrong != "" {
			w.breaks(5, "%s ended well, and %s %s", run, name, wrong)
		}
	}
}

// isOfPast tells whether some version of a list made a statement.
func (w *world) isOfPast(s statement, name string) bool {
	return slices.ContainsFunc(w.past[name], s.grants.within)
}

// isOfSeveral tells whether all that a statement grants is of some version of a list, or of another.
func (w *world) isOfSeveral(s statement, name string) bool {
	all := grants{}
	for _, version := range w.past[name] {
		all.add(version)
	}
	return s.grants.within(all)
}

// checkMerge makes sure of the same with the code that is on trial: it has nothing to do any more.
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
	change, err := w.standard.Merge(r.document.text(), lists)
	if err != nil || change.Changed {
		w.breaks(5, "the policy of %s is to change: added %s, removed %s, %v", r.name, change.Added, change.Removed, err)
	}
}
