package simulate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// repository is the actual state of a repository.
type repository struct {
	name      string
	exists    bool
	knownFrom time.Time // until this time, ECR returns RepositoryNotFoundException

	version             // current policy
	before    version   // policy before the last write
	written   time.Time // time of the last write
	changedAt int       // number of calls to AWS before the last write
	writer    *invocation

	pullable      map[string]int // number of calls to AWS before a consumer could pull because of a list, in worlds with both levels
	revoked       map[string]int // number of calls to AWS before a run removed a grant, by grant
	tampered      bool           // someone edited a managed statement
	needsSchedule bool           // until the schedule or another event, the policy can be out of date
}

// version is a policy of a repository.
type version struct {
	document document
	changes  int // number of changes that didn't come from the functions, including the creation of the repository
}

// setDocument records a new policy of the repository.
func (r *repository) setDocument(w *world, d document) {
	r.before, r.document = r.version, d
	r.written, r.changedAt, r.writer = time.Now(), w.calls, nil
	if w.hasLevels {
		w.trackPullers(r)
	}
}

// inScope reports whether the repository is in scope.
func (r *repository) inScope() bool { return r.name != "scratch" }

// checkRepository is the stack's own repository, to which onaccount writes to check principals.
const checkRepository = "stack-check"

// chooseNames chooses the names of the repositories and lists.
func (w *world) chooseNames() {
	w.repositoryNames = []string{"web", "team-a/api", "team-a/api/jobs", "scratch"}
	w.listNames = []string{root, root + "/team-a", root + "/team-a/api"}
	if !w.hasLevels && w.percent(25) { // the registry policy is too small for so many lists
		w.counted["large worlds"]++
		w.repositoryNames = append(w.repositoryNames, "team-b/api", "team-b/api/jobs/nightly", "team-c", "team-c/web/x1", "team-d/api")
		for _, namespace := range []string{"team-a/api/jobs", "team-b", "team-b/api", "team-b/api/jobs", "team-b/api/jobs/nightly", "team-c", "team-c/web", "team-d"} {
			w.listNames = append(w.listNames, root+"/"+namespace)
		}
	}
}

// consumers returns the entries of valid lists. The last one is the registry's own account.
func consumers() []string {
	return []string{
		"111111111111", "222222222222", "arn:aws:iam::333333333333:root", "777777777777", "888888888888",
		deployRole, lateRole, "arn:aws:iam::555555555555:role/team/build",
		"o-a1b2c3d4e5", "o-f6g7h8i9j0", "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*", "o-a1b2c3d4e5/r-ab12/ou-ab12-22222222/*",
		account,
	}
}

const (
	deployRole = "arn:aws:iam::444444444444:role/team/deploy"
	lateRole   = "arn:aws:iam::444444444444:role/late"
)

// populate creates repositories and lists before faults occur.
func (w *world) populate() {
	w.cloud.CreateRepository(checkRepository)
	if w.rates.existence > 0 || w.percent(20) {
		w.removePrincipal(lateRole)
	}
	for _, name := range w.repositoryNames {
		w.repositories[name] = &repository{name: name}
		if w.percent(70) {
			w.create(w.repositories[name])
		}
	}
	for _, name := range w.listNames {
		if name == root && w.percent(90) || name != root && w.percent(20) {
			w.put(name, w.validList())
		}
	}
}

// act performs a random action of a person or of another tool.
func (w *world) act() {
	w.actions--
	w.sleep(time.Millisecond) // two actions never occur at the same time
	acts := slices.Concat(
		slices.Repeat([]func(){w.editList}, 8),
		slices.Repeat([]func(){w.otherWrite}, 6),
		slices.Repeat([]func(){w.createOrDelete}, 4),
		[]func(){w.push, w.forgeEvent, w.forgeEvent, w.tick},
	)
	if w.percent(w.rates.existence) {
		w.changePrincipal()
		return
	}
	if w.hasLevels {
		acts = slices.Concat(acts, slices.Repeat([]func(){w.changeLevel}, 4), slices.Repeat([]func(){w.otherRegistryWrite}, 3))
	}
	pick(w, acts...)()
}

func (w *world) anyRepository() *repository { return w.repositories[pick(w, w.repositoryNames...)] }

func (w *world) create(r *repository) {
	w.note("someone creates %s", r.name)
	w.cloud.CreateRepository(r.name)
	created := version{changes: r.changes + 1}
	// A run that read the policy of a deleted repository with the same name can still write that policy.
	*r = repository{name: r.name, exists: true, version: created, before: created, revoked: map[string]int{}, tampered: r.tampered}
	if w.hasLevels {
		w.trackPullers(r)
	}
	if w.turmoil && w.percent(30) {
		r.knownFrom = time.Now().Add(pick(w, time.Second, 5*time.Second))
	}
	w.publish(ecrCall("CreateRepository", r.name, "arn:aws:iam::"+account+":role/ci"))
}

func (w *world) createOrDelete() {
	r := w.anyRepository()
	if !r.exists {
		w.create(r)
		return
	}
	w.note("someone deletes %s", r.name)
	w.cloud.DeleteRepository(r.name)
	r.exists = false
	r.changes++
}

func (w *world) push() {
	if r := w.anyRepository(); r.exists {
		w.publish(imagePushed(r.name))
	}
}

// editList writes or deletes a list.
func (w *world) editList() {
	name := pick(w, append([]string{root}, w.listNames...)...)
	switch n := w.rand.IntN(100); {
	case n < 18 && w.lists[name] != nil:
		w.remove(name)
	case n < 28:
		w.put(name, "none")
	case n < 45:
		w.counted["list edits that make a list invalid"]++
		w.put(name, w.invalidList())
	default:
		w.put(name, w.validList())
	}
	w.counted["list edits"]++
}

// validList returns a list with one to four consumers. The list is invalid if its only consumer is the registry's own
// account.
func (w *world) validList() string {
	all := consumers()
	w.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return strings.Join(all[:1+w.rand.IntN(4)], pick(w, ",", " ", "\n# more:\n"))
}

func (w *world) invalidList() string {
	if w.standard.Style == policy.GrantPrincipal && !w.hasLevels && w.percent(5) {
		return tooLarge
	}
	return pick(w, "oops", "oops", "11111111111", "none 111111111111", "*", account)
}

// tooLarge is a list whose policy exceeds ECR's limit in the grant style principal.
var tooLarge = func() string {
	var accounts []string
	for i := range 340 {
		accounts = append(accounts, fmt.Sprint(500000000000+i))
	}
	return strings.Join(accounts, ",")
}()

// otherWrite lets someone change the policy of a repository as other tools do: read the policy, change it, and write it
// later, without checking whether it has changed in the meantime.
func (w *world) otherWrite() {
	r := w.anyRepository()
	if !r.exists {
		return
	}
	was := r.document
	d := document{header: was.header, unmanaged: slices.Clone(was.unmanaged), managed: slices.Clone(was.managed)}
	tampered := false
	switch w.rand.IntN(8) {
	case 0: // a tool that replaces the whole policy with its own statements
		d.unmanaged, d.managed, tampered = []string{w.unmanagedStatement()}, nil, true
	case 1:
		d.unmanaged, d.managed, tampered = nil, nil, true
	case 2, 3:
		d.managed, tampered = w.forge(d.managed), true
	case 4:
		if len(d.unmanaged) > 0 {
			d.unmanaged = slices.Delete(d.unmanaged, 0, 1)
		}
	default:
		d.unmanaged = append(d.unmanaged, w.unmanagedStatement())
	}
	if d.header == "" || w.percent(10) {
		d.header = pick(w, `"Version":"2008-10-17",`, `"Version":"2012-10-17","Id":"theirs",`, `"Version":"2012-10-17",`)
	}
	if len(d.unmanaged) == 0 && len(d.managed) == 0 {
		d.header = ""
	}
	w.counted["writes by others"]++
	w.later(pick(w, 0, 0, time.Second, 30*time.Second), func() { w.writeAsOther(r, d, tampered) })
}

// writeAsOther writes the policy of a repository as someone else would, and publishes the event of the write.
func (w *world) writeAsOther(r *repository, d document, tampered bool) {
	if !r.exists {
		return
	}
	call := "SetRepositoryPolicy"
	if d.text() == "" {
		call = "DeleteRepositoryPolicy"
	}
	w.note("someone writes the policy of %s: %s", r.name, d)
	w.cloud.SetPolicy(r.name, d.text())
	r.setDocument(w, d)
	r.changes++
	r.tampered = r.tampered || tampered
	for grant := range d.grantsByList() {
		delete(r.revoked, grant)
	}
	w.publish(ecrCall(call, r.name, "arn:aws:iam::"+account+":role/terraform"))
}

// unmanagedStatement returns an unmanaged statement with unusual JSON, which the functions must keep. Some statements
// name a principal that ECR can reject.
func (w *world) unmanagedStatement() string {
	w.unmanaged++
	principal := fmt.Sprint(900000000000 + w.unmanaged)
	if w.percent(w.rates.existence) {
		principal = pick(w, uniqueID, "222222222222")
	}
	return fmt.Sprintf(`{"Effect":"Allow","Sid":"Theirs%d","Action":"ecr:*","Condition":{"NumericLessThan":{"ecr:x":1.50e1}},"Principal":{"AWS":"%s"},"Unknown":{"b":[],"a":null}}`,
		w.unmanaged, principal)
}

// rejectsUnmanaged reports whether ECR rejects all policies with the unmanaged statements of a document.
func (w *world) rejectsUnmanaged(d document) bool { return slices.ContainsFunc(d.unmanaged, w.rejects) }

func (w *world) rejects(unmanaged string) bool {
	var read struct{ Principal struct{ AWS string } }
	must(json.Unmarshal([]byte(unmanaged), &read))
	return read.Principal.AWS == uniqueID || w.missing[read.Principal.AWS]
}

// correct lets someone remove the unmanaged statements that ECR rejects from a policy.
func (w *world) correct(r *repository) {
	if !r.exists || !w.rejectsUnmanaged(r.document) {
		return
	}
	d := r.document
	d.unmanaged = slices.DeleteFunc(slices.Clone(d.unmanaged), w.rejects)
	w.writeAsOther(r, d, false)
}

// forgeEvent sends an event about something that didn't happen, either to the event bus or directly to a function.
func (w *world) forgeEvent() {
	malformed := requestFor("UPPER")
	other := ecrCall("CreateRepository", "web", "arn:aws:iam::999999999999:role/ci")
	other.account = "999999999999"
	function := "onrepo"
	var e event
	switch w.rand.IntN(12) {
	case 10, 11:
		e = claimingAllExist(pick(w, "web", "team-b/api"), "team-a/api", "team-a/api/jobs")
	case 0:
		e = ecrCall("CreateRepository", "ghost", "arn:aws:iam::"+account+":role/ci")
	case 1:
		e = ecrCall("SetRepositoryPolicy", "scratch", "arn:aws:iam::"+account+":role/ci")
	case 2:
		e = other
	case 3:
		e = malformed
	case 4:
		e = requestFor("web", "web", "scratch", "ghost", checkRepository, "team-a/api")
	case 5:
		e = imagePushed(w.anyRepository().name)
	case 6:
		function, e = "onaccount", listChanged(root, "Delete")
	case 7:
		function, e = "onaccount", listChanged(pick(w, "/other", root+"-old", root+"/team-b"), "Update")
	case 8:
		function, e = "onaccount", scheduled()
		e.account = "999999999999"
	default:
		e = requestFor("team-a/api", "team-a/api/jobs")
	}
	e.forged = true
	e.label = "forged " + e.label
	w.counted["fault: event forged"]++
	if w.percent(50) {
		w.publish(e)
		return
	}
	w.invokeLater(0, function, e, 1)
}

// changePrincipal closes an account or deletes a role, or makes it exist again.
func (w *world) changePrincipal() {
	principal := pick(w, "111111111111", "222222222222", "333333333333", deployRole, lateRole)
	if !w.missing[principal] {
		w.removePrincipal(principal)
		if strings.HasPrefix(principal, "arn:") && w.percent(50) {
			w.leaveUniqueID(principal)
		}
		return
	}
	w.note("%s exists from now on", principal)
	w.counted["principals created"]++
	w.cloud.OpenPrincipal(principal)
	delete(w.missing, principal)
	w.principalChanges++
}

func (w *world) removePrincipal(principal string) {
	w.note("%s doesn't exist from now on", principal)
	w.counted["principals removed"]++
	w.cloud.ClosePrincipal(principal)
	w.missing[principal] = true
	w.principalChanges++
}
