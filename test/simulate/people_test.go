package simulate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// repository is a repository as it really is.
type repository struct {
	name      string
	exists    bool
	knownFrom time.Time // until then ECR says that there is no such repository

	version             // its policy now
	before    version   // and before the last write
	written   time.Time // when that was
	changedAt int       // how many calls AWS had got by then
	writer    *invocation

	revoked  map[string]int // grants that a run took away, and how many calls AWS had got by then
	tampered bool           // somebody edited a managed statement
	owed     bool           // only the schedule, or a later event, brings it its policy
}

// version is a policy, and how often others had changed it by then, the creation of the repository included.
type version struct {
	document document
	changes  int
}

// become gives a repository another policy.
func (r *repository) become(w *world, d document) {
	r.before, r.document = r.version, d
	r.written, r.changedAt, r.writer = time.Now(), w.calls, nil
}

// inScope reports whether the functions are to reconcile the repository.
func (r *repository) inScope() bool { return r.name != "scratch" }

// checkRepository is the stack's own, on which principals are checked.
const checkRepository = "stack-check"

// chooseNames chooses how large the world is.
func (w *world) chooseNames() {
	w.repositoryNames = []string{"web", "team-a/api", "team-a/api/jobs", "scratch"}
	w.listNames = []string{root, root + "/team-a", root + "/team-a/api"}
	if w.percent(25) {
		w.counted["large worlds"]++
		w.repositoryNames = append(w.repositoryNames, "team-b/api", "team-b/api/jobs/nightly", "team-c", "team-c/web/x1", "team-d/api")
		for _, namespace := range []string{"team-a/api/jobs", "team-b", "team-b/api", "team-b/api/jobs", "team-b/api/jobs/nightly", "team-c", "team-c/web", "team-d"} {
			w.listNames = append(w.listNames, root+"/"+namespace)
		}
	}
}

// consumers returns what lists are made of. The last one is the registry's own account.
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

// populate makes what is there before anything goes wrong.
func (w *world) populate() {
	w.cloud.CreateRepository(checkRepository)
	if w.weather.closing > 0 || w.percent(20) {
		w.close(lateRole)
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

// somebodyActs lets somebody do something.
func (w *world) somebodyActs() {
	w.actions--
	w.sleep(time.Millisecond) // no two things are done at the same time
	acts := slices.Concat(
		slices.Repeat([]func(){w.editList}, 8),
		slices.Repeat([]func(){w.otherWrite}, 6),
		slices.Repeat([]func(){w.createOrDelete}, 4),
		[]func(){w.push, w.forgeEvent, w.forgeEvent, w.tick},
	)
	if w.percent(w.weather.closing) {
		w.closeOrOpen()
		return
	}
	pick(w, acts...)()
}

func (w *world) anyRepository() *repository { return w.repositories[pick(w, w.repositoryNames...)] }

func (w *world) create(r *repository) {
	w.note("somebody creates %s", r.name)
	w.cloud.CreateRepository(r.name)
	created := version{changes: r.changes + 1}
	// A run that has read the policy of an earlier repository of this name may still write it.
	*r = repository{name: r.name, exists: true, version: created, before: created, revoked: map[string]int{}, tampered: r.tampered}
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
	w.note("somebody deletes %s", r.name)
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
		w.counted["invalid lists"]++
		w.put(name, w.invalidList())
	default:
		w.put(name, w.validList())
	}
	w.counted["list edits"]++
}

// validList returns a list of one to four consumers; that of the registry's own account alone is invalid.
func (w *world) validList() string {
	all := consumers()
	w.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return strings.Join(all[:1+w.rand.IntN(4)], pick(w, ",", " ", "\n# more:\n"))
}

func (w *world) invalidList() string {
	if w.standard.Style == policy.GrantPrincipal && w.percent(5) {
		return tooLarge
	}
	return pick(w, "oops", "oops", "11111111111", "none 111111111111", "*", account)
}

// tooLarge is a list whose policy ECR would not take, if it names each account as a principal.
var tooLarge = func() string {
	var accounts []string
	for i := range 340 {
		accounts = append(accounts, fmt.Sprint(500000000000+i))
	}
	return strings.Join(accounts, ",")
}()

// otherWrite lets somebody change the policy of a repository in the usual way: read it, and write it back later.
func (w *world) otherWrite() {
	r := w.anyRepository()
	if !r.exists {
		return
	}
	was := r.document
	d := document{shell: was.shell, unmanaged: slices.Clone(was.unmanaged), managed: slices.Clone(was.managed)}
	tampered := false
	switch w.rand.IntN(8) {
	case 0: // a tool that knows of its own statements only
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
	if d.shell == "" || w.percent(10) {
		d.shell = pick(w, `"Version":"2008-10-17",`, `"Version":"2012-10-17","Id":"theirs",`, `"Version":"2012-10-17",`)
	}
	if len(d.unmanaged) == 0 && len(d.managed) == 0 {
		d.shell = ""
	}
	w.counted["writes by others"]++
	w.later(pick(w, 0, 0, time.Second, 30*time.Second), func() { w.writeAsOther(r, d, tampered) })
}

func (w *world) writeAsOther(r *repository, d document, tampered bool) {
	if !r.exists {
		return
	}
	call := "SetRepositoryPolicy"
	if d.text() == "" {
		call = "DeleteRepositoryPolicy"
	}
	w.note("somebody writes the policy of %s: %s", r.name, d)
	w.cloud.SetPolicy(r.name, d.text())
	r.become(w, d)
	r.changes++
	r.tampered = r.tampered || tampered
	for grant := range d.byList() {
		delete(r.revoked, grant)
	}
	w.publish(ecrCall(call, r.name, "arn:aws:iam::"+account+":role/terraform"))
}

// unmanagedStatement returns a statement in a form that must not change. Some name a principal that ECR may reject.
func (w *world) unmanagedStatement() string {
	w.unmanaged++
	principal := fmt.Sprint(900000000000 + w.unmanaged)
	if w.percent(w.weather.closing) {
		principal = pick(w, uniqueID, "222222222222")
	}
	return fmt.Sprintf(`{"Effect":"Allow","Sid":"Theirs%d","Action":"ecr:*","Condition":{"NumericLessThan":{"ecr:x":1.50e1}},"Principal":{"AWS":"%s"},"Unknown":{"b":[],"a":null}}`,
		w.unmanaged, principal)
}

// rejectsUnmanaged reports whether ECR rejects every policy with the unmanaged statements of this one.
func (w *world) rejectsUnmanaged(d document) bool { return slices.ContainsFunc(d.unmanaged, w.rejects) }

func (w *world) rejects(unmanaged string) bool {
	var read struct{ Principal struct{ AWS string } }
	must(json.Unmarshal([]byte(unmanaged), &read))
	return read.Principal.AWS == uniqueID || w.closed[read.Principal.AWS]
}

// correct lets somebody remove the unmanaged statements that ECR rejects.
func (w *world) correct(r *repository) {
	if !r.exists || !w.rejectsUnmanaged(r.document) {
		return
	}
	d := r.document
	d.unmanaged = slices.DeleteFunc(slices.Clone(d.unmanaged), w.rejects)
	w.writeAsOther(r, d, false)
}

// forgeEvent sends an event of something that never happened, to the bus or straight to a function.
func (w *world) forgeEvent() {
	malformed := requestFor("UPPER")
	other := ecrCall("CreateRepository", "web", "arn:aws:iam::999999999999:role/ci")
	other.account = "999999999999"
	function := "onrepo"
	var e event
	switch w.rand.IntN(12) {
	case 10, 11:
		e = sayingThatAllExist(pick(w, "web", "team-b/api"), "team-a/api", "team-a/api/jobs")
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
	e.what = "forged " + e.what
	w.counted["fault: an event is forged"]++
	if w.percent(50) {
		w.publish(e)
		return
	}
	w.invokeLater(0, function, e, 1)
}

// closeOrOpen closes an account, or deletes a role; or undoes it.
func (w *world) closeOrOpen() {
	principal := pick(w, "111111111111", "222222222222", "333333333333", deployRole, lateRole)
	if !w.closed[principal] {
		w.close(principal)
		if strings.HasPrefix(principal, "arn:") && w.percent(50) {
			w.leaveUniqueID(principal)
		}
		return
	}
	w.note("%s exists", principal)
	w.counted["principals that appear"]++
	w.cloud.OpenPrincipal(principal)
	delete(w.closed, principal)
	w.closings++
}

func (w *world) close(principal string) {
	w.note("%s doesn't exist", principal)
	w.counted["principals that cease to exist"]++
	w.cloud.ClosePrincipal(principal)
	w.closed[principal] = true
	w.closings++
}
