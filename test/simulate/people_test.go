package simulate

import (
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
	document  document  // its policy
	changes   int       // by others, its creation included
	tampered  bool      // somebody changed a statement of ours
}

// inScope is what the functions are told to look after: all but scratch.
func (r *repository) inScope() bool { return r.name != "scratch" }

func repositoryNames() []string {
	return []string{"web", "team-a/api", "team-a/api/jobs", "scratch"}
}

func listNames() []string {
	return []string{root, root + "/team-a", root + "/team-a/api"}
}

// consumers returns what lists are made of. The last one is the registry's own account.
func consumers() []string {
	return []string{
		"111111111111", "222222222222", "arn:aws:iam::333333333333:root",
		"arn:aws:iam::444444444444:role/team/deploy",
		"o-a1b2c3d4e5", "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*",
		account,
	}
}

// populate makes what is there before anything goes wrong.
func (w *world) populate() {
	for _, name := range repositoryNames() {
		w.repositories[name] = &repository{name: name}
		if w.percent(70) {
			w.create(w.repositories[name])
		}
	}
	if w.percent(90) {
		w.put(root, w.validList())
	}
}

// somebodyActs lets somebody do something.
func (w *world) somebodyActs() {
	w.actions--
	w.sleep(time.Millisecond) // no two things are done at the same time
	acts := slices.Concat(
		slices.Repeat([]func(){w.editList}, 8),
		slices.Repeat([]func(){w.foreignWrite}, 6),
		slices.Repeat([]func(){w.createOrDelete}, 4),
		[]func(){w.push, w.forge, w.forge, w.tick},
	)
	if w.percent(w.weather.closing) {
		w.closeOrOpen()
		return
	}
	pick(w, acts...)()
}

func (w *world) anyRepository() *repository { return w.repositories[pick(w, repositoryNames()...)] }

func (w *world) create(r *repository) {
	w.note("somebody creates %s", r.name)
	w.cloud.CreateRepository(r.name)
	changes := r.changes
	*r = repository{name: r.name, exists: true, changes: changes + 1}
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
	name := pick(w, append([]string{root}, listNames()...)...)
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

// validList returns a list of one to four consumers; that of our own account alone is invalid.
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

// foreignWrite lets somebody change the policy of a repository as everybody has to: read it, and write it back later.
func (w *world) foreignWrite() {
	r := w.anyRepository()
	if !r.exists {
		return
	}
	was := r.document
	d := document{shell: was.shell, foreign: slices.Clone(was.foreign), own: slices.Clone(was.own)}
	tampered := false
	switch w.rand.IntN(8) {
	case 0: // a tool that knows of its own statements only
		d.foreign, d.own, tampered = []string{w.foreignStatement()}, nil, true
	case 1:
		d.foreign, d.own, tampered = nil, nil, true
	case 2:
		d.own, tampered = []statement{readStatement(forgedStatement(pick(w, 0, 1)))}, true
	case 3:
		if len(d.foreign) > 0 {
			d.foreign = slices.Delete(d.foreign, 0, 1)
		}
	default:
		d.foreign = append(d.foreign, w.foreignStatement())
	}
	if d.shell == "" || w.percent(10) {
		d.shell = pick(w, `"Version":"2008-10-17",`, `"Version":"2012-10-17","Id":"theirs",`, `"Version":"2012-10-17",`)
	}
	if len(d.foreign) == 0 && len(d.own) == 0 {
		d.shell = ""
	}
	w.counted["foreign writes"]++
	w.later(pick(w, 0, 0, time.Second, 30*time.Second), func() { w.writeForeign(r, d, tampered) })
}

func (w *world) writeForeign(r *repository, d document, tampered bool) {
	if !r.exists {
		return
	}
	call := "SetRepositoryPolicy"
	if d.text() == "" {
		call = "DeleteRepositoryPolicy"
	}
	w.note("somebody writes the policy of %s: %s", r.name, d)
	w.cloud.SetPolicy(r.name, d.text())
	r.document = d
	r.changes++
	r.tampered = r.tampered || tampered
	w.publish(ecrCall(call, r.name, "arn:aws:iam::"+account+":role/terraform"))
}

// foreignStatement returns a statement as nobody writes it but others, in a form that must not change.
func (w *world) foreignStatement() string {
	w.foreign++
	return fmt.Sprintf(`{"Effect":"Allow","Sid":"Theirs%d","Action":"ecr:*","Condition":{"NumericLessThan":{"ecr:x":1.50e1}},"Principal":{"AWS":"%d"},"Unknown":{"b":[],"a":null}}`,
		w.foreign, 900000000000+w.foreign)
}

// forgedStatement returns a statement that pretends to be ours.
func forgedStatement(which int) string {
	return []string{
		`{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::666666666666:root"]},"Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`,
		`{"Sid":"EcrPullPolicyOrganizations","Effect":"Allow","Principal":"*","Action":"ecr:*"}`,
	}[which]
}

// forge sends an event of something that never happened, to the bus or straight to a function.
func (w *world) forge() {
	malformed := requestFor("UPPER")
	other := ecrCall("CreateRepository", "web", "arn:aws:iam::999999999999:role/ci")
	other.account = "999999999999"
	function, e := "onrepo", event{}
	switch w.rand.IntN(10) {
	case 0:
		e = ecrCall("CreateRepository", "ghost", "arn:aws:iam::"+account+":role/ci")
	case 1:
		e = ecrCall("SetRepositoryPolicy", "scratch", "arn:aws:iam::"+account+":role/ci")
	case 2:
		e = other
	case 3:
		e = malformed
	case 4:
		e = requestFor("web", "web", "scratch", "ghost", "team-a/api")
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
	principal := pick(w, "111111111111", "222222222222", "arn:aws:iam::444444444444:role/team/deploy")
	granted := grantTo(principal)
	if w.closed[granted] {
		w.note("%s exists again", principal)
		w.cloud.OpenPrincipal(principal)
		delete(w.closed, granted)
		return
	}
	w.note("%s ceases to exist", principal)
	w.counted["principals that cease to exist"]++
	w.cloud.ClosePrincipal(principal)
	w.closed[granted], w.onceClosed[granted] = true, true
}
