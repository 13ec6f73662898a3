package simulate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// registryPolicy is the actual state of the registry policy.
type registryPolicy struct {
	current, before registryVersion
	written         time.Time // time of the last write
	writer          *invocation
	needsSchedule   bool // until the schedule or another event, the policy can be out of date
}

// registryVersion is a version of the registry policy.
type registryVersion struct {
	document document
	changes  int // number of changes by others
	since    int // index of the first moment whose lists the writer can have used
	at       int // number of calls to AWS before an invocation read it
}

// readRegistryDocument parses a registry policy. Its managed statements belong to the lists that their Sids name.
func readRegistryDocument(text string) document {
	d := readDocument(text)
	for i := range d.managed {
		d.managed[i].readList()
	}
	return d
}

// The Sid of a statement in the registry policy has a mark if no repository has managed statements, and names the
// namespace of the list.
var registrySid = regexp.MustCompile(`^EcrPullPolicy(Only)?(Accounts|Principals|Organizations|OrganizationalUnits)(?:|In([A-Za-z0-9]+))$`)

const mark = policy.SidPrefix + "Only"

// readList sets what only statements of a registry policy have: the list, and the repositories.
func (s *statement) readList() {
	s.depth, s.kind, s.grants = -1, "", grants{}
	if parts := registrySid.FindStringSubmatch(s.sid); parts != nil {
		s.kind, s.list = parts[2], root
		if parts[3] != "" {
			s.list += "/" + strings.NewReplacer("Dash", "-", "Slash", "/").Replace(parts[3])
		}
	}
	if s.unparsed {
		return
	}
	var rest map[string]json.RawMessage
	if s.rest != "" {
		must(json.Unmarshal([]byte(s.rest), &rest))
	}
	for _, element := range []string{"Resource", "NotResource"} {
		var patterns texts
		if json.Unmarshal(rest[element], &patterns) == nil {
			s.on = append(s.on, element)
			s.on = append(s.on, sortedUnique(patterns)...)
			delete(rest, element)
		}
	}
	s.rest = ""
	if len(rest) > 0 {
		s.rest = toJSON(rest)
	}
	sid := strings.Replace(s.sid, mark, policy.SidPrefix, 1)
	s.form = fmt.Sprint(sid, s.allows, s.everyone, s.named, s.services, s.actions, s.conditions, s.on, s.rest)
	s.readGrants()
	s.unconditional = !s.narrowed
	s.narrowed = s.narrowed || !slices.Equal(s.on, resourceOf(s.list))
}

// of returns the managed statements of a list in a registry policy.
func (d document) of(list string) []statement {
	return slices.DeleteFunc(slices.Clone(d.managed), func(s statement) bool { return s.list != list })
}

func (d document) isMarked() bool {
	return len(d.managed) > 0 && !slices.ContainsFunc(d.managed, func(s statement) bool { return !strings.HasPrefix(s.sid, mark) })
}

func repositoryARN(name string) string {
	return "arn:aws:ecr:" + region + ":" + account + ":repository/" + name
}

// resourceOf returns the element with the repositories of a list, followed by its patterns. Out of scope are scratch
// and the stack's own repository.
func resourceOf(list string) []string {
	if list == root {
		return []string{"NotResource", repositoryARN("scratch"), repositoryARN(checkRepository)}
	}
	namespace := strings.TrimPrefix(list, root+"/")
	return []string{"Resource", repositoryARN(namespace), repositoryARN(namespace + "/*")}
}

// appliesTo reports whether a statement of a registry policy applies to a repository.
func (s statement) appliesTo(repository string) bool {
	matches := slices.ContainsFunc(s.on, func(pattern string) bool {
		prefix, isPrefix := strings.CutSuffix(pattern, "*")
		return pattern == repositoryARN(repository) || isPrefix && strings.HasPrefix(repositoryARN(repository), prefix)
	})
	return len(s.on) == 0 || matches == (s.on[0] == "Resource")
}

// excessResource reports whether a statement applies to repositories that its list isn't for. Whatever the account list
// applies to is within its limits.
func (s statement) excessResource() bool {
	own := resourceOf(s.list)
	return s.list != root && (len(s.on) == 0 || s.on[0] != "Resource" || slices.ContainsFunc(s.on[1:], func(pattern string) bool {
		return pattern != own[1] && !strings.HasPrefix(pattern, own[1]+"/")
	})) || len(s.on) == 0
}

// registryStatements returns the statements in the registry policy for consumers, all by condition.
func (w *world) registryStatements(c policy.Consumers, list string) []statement {
	suffix := ""
	if list != root {
		suffix = "In" + strings.NewReplacer("-", "Dash", "/", "Slash").Replace(strings.TrimPrefix(list, root+"/"))
	}
	var statements []statement
	for _, s := range w.statementsFor(c, 0, policy.GrantCondition) {
		if s.isForLambda() {
			continue
		}
		on := resourceOf(list)
		raw := withElement(withElement(s.raw, "Sid", s.sid+suffix), on[0], on[1:])
		s = readStatement(raw)
		s.readList()
		statements = append(statements, s)
	}
	return statements
}

// pullers returns who can pull from a repository because of which list, through either policy. The value is false if
// this is only because of a statement with a Resource or NotResource element that isn't the standard one.
func (w *world) pullers(r *repository, own, registry document) grants {
	all := grants{}
	path := pathOf(r.name)
	for _, s := range own.managed {
		if 0 <= s.depth && s.depth < len(path) && s.isStandard() && !s.isForLambda() {
			for grant := range s.grants {
				all[path[s.depth]+" "+grant] = true
			}
		}
	}
	for _, s := range registry.managed {
		if slices.Contains(path, s.list) && s.defect() == "" && s.unconditional && s.appliesTo(r.name) {
			for grant := range s.grants {
				all[s.list+" "+grant] = all[s.list+" "+grant] || s.isStandard()
			}
		}
	}
	return all
}

// checkPullers checks that a write doesn't keep a consumer from pulling who could pull when the invocation read the
// policy, if a list has had the consumer since then. Grants of a list that has been unusable since then must stay too,
// if nothing was written between the read and the write: the policies are the only record of these grants.
func (w *world) checkPullers(run *invocation, r *repository, before, after grants, since, readAt int, isCurrent bool) {
	for _, lost := range before.sorted() {
		list, grant, _ := strings.Cut(lost, " ")
		listed, unusable := 0, 0
		for _, m := range w.moments[since:] {
			switch {
			case m[list] == nil:
				unusable++
			case m[list].grants[grant]:
				listed++
			}
		}
		_, can := after[lost]
		if all := len(w.moments[since:]); !can && before[lost] && r.pullable[lost] <= readAt && (listed == all || isCurrent && unusable == all) {
			w.breaks(11, "%s kept %s from pulling from %s, although %s hasn't lost it", run, grant, r.name, list)
		}
	}
}

// checkRepositoryPullers checks who can pull from a repository before and after a write of its policy. Others can
// change the registry policy after the invocation has read it.
func (w *world) checkRepositoryPullers(run *invocation, r *repository, d document) {
	now, base := w.registry.current, run.read[r]
	since, isCurrent := min(run.since, now.since), base.document.text() == r.document.text()
	if read := run.registryRead; read != nil {
		isCurrent = isCurrent && read.document.text() == now.document.text()
		if read.changes != now.changes {
			w.counted["writes while others changed the registry policy"]++
			return
		}
		since = min(since, read.since)
	}
	if base.changes != r.changes {
		return // somebody else has changed the policy, too
	}
	w.checkPullers(run, r, w.pullers(r, r.document, now.document), w.pullers(r, d, now.document), since, base.at, isCurrent)
}

// recordRegistryRead records what an invocation reads.
func (w *world) recordRegistryRead(run *invocation, stale bool) {
	read := w.registry.current
	if stale {
		read.document, read.changes = w.registry.before.document, w.registry.before.changes
		read.since = min(read.since, w.registry.before.since)
		if run != w.registry.writer {
			w.registry.needsSchedule = true
			w.allNeedSchedule()
		}
	}
	read.at = w.calls
	run.registryRead, run.registryBefore = &read, run.registryWrote
}

// checkRegistryWrite checks a registry policy that an invocation sends to ECR, whether or not ECR accepts it.
func (w *world) checkRegistryWrite(run *invocation, d document) {
	base := run.registryRead
	switch {
	case run.function == "onrepo":
		w.breaks(9, "%s wrote the registry policy", run)
	case base == nil:
		w.breaks(4, "%s wrote the registry policy without reading it first", run)
	case !slices.Equal(d.unmanaged, base.document.unmanaged) || len(d.unmanaged) > 0 && d.header != base.document.header:
		w.breaks(1, "%s changed unmanaged parts of the registry policy: it read %s", run, base.document)
	case run.function != "apply" && d.isMarked() && !base.document.isMarked():
		w.breaks(9, "%s marked the registry policy as the only one with managed statements", run)
	case run.level == policy.LevelRegistry && w.standard.Lambda && d.isMarked():
		w.breaks(9, "%s marked the registry policy, although repositories have statements for Lambda", run)
	}
	if w.broken != "" {
		return
	}
	for _, s := range d.managed {
		if s.list == "" {
			w.breaks(2, "%s wrote a statement to the registry policy that belongs to no list: %s", run, s.raw)
			continue
		}
		if s.allows && s.excessResource() {
			w.breaks(2, "%s wrote a statement to the registry policy for repositories of other lists: %s", run, s.raw)
		}
	}
	for _, list := range w.registryLists(d, base.document) {
		rule, reason := 0, ""
		for _, m := range w.moments[run.registrySince:] {
			had, others := base.document.of(list), []*listVersion(nil)
			for _, other := range w.registryLists(d, base.document) {
				if strings.HasPrefix(list, other+"/") {
					had, others = append(had, base.document.of(other)...), append(others, m[other])
				}
			}
			if rule, reason = w.registryDifference(run.level, d.of(list), base.document.of(list), m[list], run.empties); rule == 0 {
				break
			}
			if run.level != policy.LevelRegistry && m[list] != nil { // consumers can move from the lists of enclosing namespaces
				if rule, reason = remainsDifference(d.of(list), had, m[list], others...); rule == 0 {
					break
				}
			}
		}
		if rule != 0 {
			w.breaks(rule, "%s read the registry policy as %s and wrote %s: list %s: %s", run, base.document, d, list, reason)
		}
	}
}

// registryLists returns the lists that exist or have statements.
func (w *world) registryLists(documents ...document) []string {
	lists := slices.Clone(w.listNames)
	for _, d := range documents {
		for _, s := range d.managed {
			lists = append(lists, s.list)
		}
	}
	return slices.DeleteFunc(sortedUnique(lists), func(list string) bool { return list == "" })
}

// registryDifference compares the statements of a list in the registry policy with the list, and with what they were
// before. It returns the rule that is broken, and the reason.
func (w *world) registryDifference(level policy.Level, has, had []statement, l *listVersion, empties bool) (rule int, reason string) {
	switch {
	case empties && len(has) == 0:
		return 0, ""
	case l == nil:
		return keptDifference(has, had)
	case level == policy.LevelRegistry:
		if forms(has) != l.registryForm {
			return 9, "the list grants access to " + l.grants.String()
		}
		return 0, ""
	}
	return remainsDifference(has, had, l)
}

// remainsDifference compares statements at the level that doesn't grant. There are only those that were there, and only
// for consumers in the list, or in one of the other lists that are for the same repositories.
func remainsDifference(has, had []statement, l *listVersion, others ...*listVersion) (rule int, reason string) {
	for _, s := range has {
		if defect := s.defect(); defect != "" {
			return 2, fmt.Sprintf("the statement %s isn't valid: %s", s.raw, defect)
		}
		for _, grant := range s.grants.sorted() {
			switch {
			case l != nil && !l.grants[grant] && !slices.ContainsFunc(others, func(other *listVersion) bool { return other != nil && other.grants[grant] }):
				return 2, fmt.Sprintf("the lists don't have %s", grant)
			case !slices.ContainsFunc(had, func(h statement) bool { return h.covers(grant, s) }):
				return 9, fmt.Sprintf("%s grants more access to %s at the level that doesn't grant", s.raw, grant)
			}
		}
	}
	return 0, ""
}

// followsDifference is like keptDifference for the policy of a repository at the level of the registry: it has the
// statements for Lambda, and what remains of the others. The list is nil if it is unusable. The other lists are those on
// the same path.
func (w *world) followsDifference(has, had []statement, l *listVersion, others ...*listVersion) (rule int, reason string) {
	hasLambda, hasOther := forLambda(has)
	hadLambda, hadOther := forLambda(had)
	if l == nil {
		if rule, reason = keptDifference(hasLambda, hadLambda); rule != 0 {
			return rule, reason
		}
		denies := func(s statement) bool {
			return !s.unparsed && !s.allows && slices.ContainsFunc(hadOther, func(h statement) bool { return h.form == s.form })
		}
		return remainsDifference(slices.DeleteFunc(hasOther, denies), hadOther, nil)
	}
	if forms(hasLambda) != l.lambdaForm {
		return 9, "the list lets the Lambda service pull for other functions"
	}
	return remainsDifference(hasOther, hadOther, l, others...)
}

// forLambda separates the statements for the Lambda service from the others.
func forLambda(statements []statement) (lambda, others []statement) {
	for _, s := range statements {
		if s.isForLambda() {
			lambda = append(lambda, s)
		} else {
			others = append(others, s)
		}
	}
	return lambda, others
}

// recordRegistryWrite checks and records a write of the registry policy.
func (w *world) recordRegistryWrite(run *invocation, d document, responded bool) {
	w.checkRegistryWrite(run, d)
	if w.broken != "" {
		return
	}
	base := run.registryRead
	w.writes++
	w.counted["writes of the registry policy"]++
	w.note("%s  … wrote the registry policy: %s", run, d)
	now := w.registry.current
	if responded && d.text() == base.document.text() && (run.registryBefore == nil || run.registryBefore.text() == d.text()) {
		w.breaks(6, "%s wrote the registry policy without changing it", run)
	}
	changes := now.changes
	if base.changes != changes {
		changes++ // an invocation that read the overwritten policy can write its statements again
		w.counted["overwritten concurrent writes of the registry policy"]++
		w.allNeedSchedule()
	} else if !slices.Equal(d.unmanaged, now.document.unmanaged) {
		w.breaks(1, "%s discarded unmanaged statements of the registry policy, although no one else wrote it in the meantime: %s", run, now.document)
	}
	for _, name := range w.repositoryNames {
		r := w.repositories[name]
		if !r.exists || !r.inScope() || base.changes != now.changes {
			continue
		}
		if compared, ok := run.compared[name]; run.empties && (!ok || compared != r.document.text()) {
			continue // created or changed after apply compared it
		}
		w.checkPullers(run, r, w.pullers(r, r.document, now.document), w.pullers(r, r.document, d), min(run.registrySince, now.since), base.at,
			base.document.text() == now.document.text())
	}
	if d.isMarked() && !now.document.isMarked() {
		w.checkMark(run)
	}
	w.setRegistry(registryVersion{d, changes, run.registrySince, w.calls})
	w.registry.writer, w.registry.needsSchedule = run, false
	run.registryWrote = &d
	if responded {
		read := w.registry.current
		read.at = w.calls
		run.registryRead, run.registryBefore = &read, &d
	}
	role := onAccountRole
	if run.function == "apply" {
		role = operatorRole
	}
	w.publish(registryCall(d, role))
}

// checkMark checks that apply marks the registry policy only if no repository has managed statements. Somebody can
// write some after apply has read the policy of a repository.
func (w *world) checkMark(run *invocation) {
	w.counted["registry policies that apply marked"]++
	for _, name := range w.repositoryNames {
		r := w.repositories[name]
		if r.exists && len(r.document.managed) > 0 && run.compared[name] == r.document.text() {
			w.breaks(9, "%s marked the registry policy, although %s has managed statements: %s", run, name, r.document)
		}
	}
}

func (w *world) setRegistry(v registryVersion) {
	w.registry.before, w.registry.current, w.registry.written = w.registry.current, v, time.Now()
	for _, r := range w.repositories {
		w.trackPullers(r)
	}
}

// trackPullers records since when consumers can pull from a repository.
func (w *world) trackPullers(r *repository) {
	pullable := map[string]int{}
	for who := range w.pullers(r, r.document, w.registry.current.document) {
		since, could := r.pullable[who]
		if !could {
			since = w.calls
		}
		pullable[who] = since
	}
	r.pullable = pullable
}

// otherRegistryWrite lets someone change the registry policy as other tools do, without checking whether it has changed
// in the meantime.
func (w *world) otherRegistryWrite() {
	was := w.registry.current.document
	d := document{header: cmp.Or(was.header, `"Version":"2012-10-17",`), unmanaged: slices.Clone(was.unmanaged), managed: slices.Clone(was.managed)}
	switch w.rand.IntN(8) {
	case 0: // replication is configured by a tool that replaces the whole policy
		d.unmanaged, d.managed = []string{w.replicationStatement()}, nil
	case 1:
		d.unmanaged, d.managed = nil, nil
	case 2, 3:
		d.managed = w.forgeRegistry(d.managed)
	case 4:
		if len(d.unmanaged) > 0 {
			d.unmanaged = slices.Delete(d.unmanaged, 0, 1)
		}
	default:
		d.unmanaged = append(d.unmanaged, w.replicationStatement())
	}
	w.counted["writes of the registry policy by others"]++
	w.later(pick(w, 0, 0, time.Second, 30*time.Second), func() {
		w.note("someone writes the registry policy: %s", d)
		w.cloud.SetRegistryPolicy(d.text())
		changed := readRegistryDocument(d.text())
		w.setRegistry(registryVersion{changed, w.registry.current.changes + 1, len(w.moments) - 1, w.calls})
		w.registry.writer, w.disturbed = nil, true
		w.allNeedSchedule()
		w.publish(registryCall(changed, "arn:aws:iam::"+account+":role/terraform"))
	})
}

// replicationStatement returns a statement for replication or a pull through cache, with unusual JSON, which the
// functions must keep.
func (w *world) replicationStatement() string {
	w.unmanaged++
	return fmt.Sprintf(`{"Effect":"Allow","Sid":"Replication%d","Action":%s,"Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Resource":[%q],"Unknown":{"b":[],"a":1.50e1}}`,
		w.unmanaged, pick(w, `["ecr:CreateRepository","ecr:ReplicateImage"]`, `"ecr:BatchImportUpstreamImage"`), repositoryARN("*"))
}

// forgeRegistry returns the managed statements of a registry policy after someone has edited them.
func (w *world) forgeRegistry(managed []statement) []statement {
	var forged []statement
	for _, s := range w.forge(managed) {
		raw := s.raw
		if w.percent(60) {
			sid := pick(w, "", "Only") + pick(w, "Accounts", "Principals", "Organizations", "Lambda") + pick(w, "", "InteamDasha", "InteamDashaSlashapi", "1", "InUPPER")
			raw = withElement(raw, "Sid", policy.SidPrefix+sid)
		}
		if w.percent(60) {
			raw = withElement(raw, pick(w, "Resource", "Resource", "NotResource"),
				pick(w, repositoryARN("*"), "*", repositoryARN("team-a/api"), repositoryARN("team-a/*"), repositoryARN("scratch")))
		}
		s = readStatement(raw)
		s.readList()
		forged = append(forged, s)
	}
	return forged
}

// registryCall returns the event of a call that writes the registry policy.
func registryCall(d document, caller string) event {
	name := "PutRegistryPolicy"
	if d.text() == "" {
		name = "DeleteRegistryPolicy"
	}
	e := ecrCall(name, "", caller)
	e.detail = strings.Replace(e.detail, `"requestParameters":{"repositoryName":""}`, `"requestParameters":{}`, 1)
	return e
}

// allNeedSchedule records that any policy can be out of date until the schedule.
func (w *world) allNeedSchedule() {
	w.registry.needsSchedule = true
	for _, r := range w.repositories {
		r.needsSchedule = true
	}
}

// chooseRegistryFault chooses a fault that only calls about the registry policy can have.
func (w *world) chooseRegistryFault(c *call) (fault stubaws.Fault, ok bool) {
	switch {
	case c.Operation == "PutRegistryPolicy" && w.percent(w.rates.rejections):
		w.registry.needsSchedule = true
		w.allNeedSchedule()
		return stubaws.Fault{Code: "ValidationException"}, true
	case c.Operation == "GetRegistryPolicy" && time.Since(w.registry.written) < staleness && w.percent(w.rates.stale):
		return stubaws.Fault{Stale: true}, true
	}
	return stubaws.Fault{}, false
}

// checkRegistryConverged checks that the registry policy grants what the lists specify, or, at the level of the
// repositories, no more than that.
func (w *world) checkRegistryConverged() {
	d := w.registry.current.document
	if stored := readRegistryDocument(w.cloud.RegistryPolicy()); stored.text() != d.text() {
		w.breaks(5, "the registry policy is %s, but the simulation recorded %s", stored.text(), d.text())
	}
	w.counted["registry policies checked at the end"]++
	for _, list := range w.registryLists(d) {
		l, statements := w.now()[list], d.of(list)
		if l == nil {
			if excess := w.excess(statements); excess != "" {
				w.breaks(5, "the registry policy is %s, but the list %s is unusable, and %s", d, list, excess)
			}
			continue
		}
		rule, reason := w.registryDifference(w.standard.Level, statements, statements, l, false)
		if w.standard.Level != policy.LevelRegistry && l != nil { // what a list of an enclosing namespace has can stay
			var others []*listVersion
			for _, other := range w.listNames {
				if strings.HasPrefix(list, other+"/") {
					others = append(others, w.moments[len(w.moments)-1][other])
				}
			}
			rule, reason = remainsDifference(statements, statements, l, others...)
		}
		if rule != 0 {
			w.breaks(5, "the registry policy is %s, but for the list %s: %s", d, list, reason)
		}
	}
	for _, s := range d.managed {
		if s.list == "" {
			w.breaks(5, "the registry policy has the statement %s, which belongs to no list", s.raw)
		}
	}
}

// checkUnion checks that exactly the consumers in usable lists can pull from a repository, through both policies.
func (w *world) checkUnion(r *repository) {
	can := w.pullers(r, r.document, w.registry.current.document)
	for _, list := range pathOf(r.name) {
		l := w.now()[list]
		if l == nil {
			continue
		}
		w.counted["lists whose consumers were checked at both levels"]++
		for _, grant := range slices.Sorted(maps.Keys(l.grants)) {
			if !strings.HasPrefix(grant, "functions of") && !can[list+" "+grant] {
				w.breaks(5, "%s can't pull from %s, although it is in %s", grant, r.name, list)
			}
		}
		for _, one := range can.sorted() {
			of, grant, _ := strings.Cut(one, " ")
			onPath := slices.ContainsFunc(w.now().of(pathOf(r.name)), func(l *listVersion) bool { return l != nil && l.grants[grant] })
			if of == list && !l.grants[grant] && !onPath {
				w.breaks(5, "%s can still pull from %s, although it isn't in %s", grant, r.name, list)
			}
		}
	}
}
