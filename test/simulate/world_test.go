package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onaccount"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
	root    = "/ecr-pull-policy/accounts"

	// A history that is not at rest after so many steps never will be.
	maxSteps = 20_000
)

// world is one history while it happens.
//
// The scheduler's goroutine holds mu all the time, but for the moments in which invocations may run.
type world struct {
	mu       sync.Mutex
	rand     *rand.Rand
	weather  weather
	sabotage sabotage
	start    time.Time

	// The machinery.
	cloud        *stubaws.AWS
	ssm          *ssm.Client
	ecr          *ecr.Client
	bus          *eventbridge.Client
	standard     policy.Standard
	scope        scope.Scope
	onAccount    *onaccount.Handler
	idle         []*environment // of onrepo
	invocations  int
	running      []*invocation
	parked       []*call
	inFlight     *call
	appointments []appointment
	queue        queue

	// What is true, whatever the functions think of it.
	repositories map[string]*repository
	lists        map[string]*list
	past         map[string][]*inForce // every valid version that a list ever had
	moments      []moment
	closed       map[string]bool // account IDs, and ARNs of roles, that don't exist
	closings     int             // how often one ceased to exist, or appeared

	repositoryNames, listNames []string

	turmoil   bool // people act, and faults happen
	actions   int  // how many people still do
	lossy     bool // an event got lost for good: only the schedule corrects that
	mayFail   bool // entries of the next PutEvents fail
	unmanaged int  // unmanaged statements made so far
	writes    int  // by onrepo
	calls     int  // that AWS has got
	broken    string
	trace     []string
	counted   statistics
	remaining int // steps
}

// weather is how bad a history is, in percent of the occasions.
type weather struct {
	calls, loss, duplicates, crashes, closing int

	rejections int    // of policies, whatever is in them
	stale      int    // reads soon after a write
	panicky    string // a repository: the code panics on some of its answers; empty if it doesn't
}

func newWorld(seed int, how sabotage) *world {
	w := &world{
		rand:         rand.New(rand.NewPCG(uint64(seed), 0)),
		sabotage:     how,
		start:        time.Now(),
		cloud:        stubaws.New(account, region),
		repositories: map[string]*repository{},
		lists:        map[string]*list{},
		past:         map[string][]*inForce{},
		moments:      []moment{{}},
		closed:       map[string]bool{},
		counted:      statistics{"seeds": 1},
		remaining:    maxSteps,
	}
	w.chooseNames()
	w.weather = weather{
		calls:      pick(w, 0, 3, 15),
		loss:       pick(w, 0, 0, 20),
		duplicates: pick(w, 0, 15),
		crashes:    pick(w, 0, 20, 80),
		closing:    pick(w, 0, 0, 15, 30),
		rejections: pick(w, 0, 0, 0, 20),
		stale:      pick(w, 0, 0, 30),
		panicky:    pick(w, "", "", "", pick(w, w.repositoryNames...)),
	}
	w.standard = policy.Standard{
		Registry:     policy.Registry{Partition: "aws", Region: region, AccountID: account},
		Style:        pick(w, policy.GrantPrincipal, policy.GrantPrincipal, policy.GrantPrincipal, policy.GrantCondition),
		Lambda:       w.percent(50),
		ExtraActions: pick(w, nil, nil, []string{"ecr:DescribeImages"}),
	}
	w.actions = 6 + w.rand.IntN(20)
	w.deploy()
	return w
}

// live lets the history happen: a time of turmoil, then rest and two or three ticks of the schedule. If no event got
// lost, every repository that isn't owed something has to be in order before the first tick already; otherwise some
// invocations of the turmoil may still be under way when it comes.
func (w *world) live() {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.end()
	w.populate()
	w.turmoil = true
	for w.turmoil && w.step() {
		w.turmoil = w.actions > 0 || w.percent(97)
	}
	w.note("the faults stop")
	w.calm()
	rested := w.percent(60)
	if rested {
		w.rest()
		if !w.lossy {
			w.counted["checked without a tick"]++
			w.checkConverged(false)
		}
	}
	const rejections = "policies rejected that name principals"
	rejected := w.counted[rejections]
	w.tick()
	w.rest()
	w.checkConverged(true)
	if w.counted[rejections] > rejected {
		// A statement that is kept for a list that can't be used named a principal that doesn't exist. The whole policy
		// uses conditions now. The next tick brings back the names of the other lists.
		w.tick()
		w.rest()
		w.checkConverged(true)
	}
	before := w.writes
	w.tick()
	w.rest()
	w.checkConverged(true)
	w.checkNames()
	if rested && w.writes != before {
		w.breaks(6, "a second tick wrote something")
	}
}

// calm ends all that would go wrong later.
func (w *world) calm() {
	w.turmoil = false
	for _, name := range w.repositoryNames {
		r := w.repositories[name]
		r.knownFrom = time.Time{}
		if w.percent(50) {
			w.correct(r)
		}
	}
}

// rest lets everything that is under way come to its end.
func (w *world) rest() {
	for w.step() {
	}
}

func (w *world) tick() {
	w.publish(scheduled())
}

// end lets what still runs, after a rule was broken, return without another effect.
func (w *world) end() {
	for _, run := range slices.Clone(w.running) {
		w.kill(run)
	}
	w.settle()
	for len(w.running) > 0 {
		w.sleep(time.Minute)
		w.settle()
	}
}

// settle lets the invocations run until all of them wait: for AWS, for a time, or for each other.
func (w *world) settle() {
	w.mu.Unlock()
	synctest.Wait()
	w.mu.Lock()
	w.collect()
}

func (w *world) sleep(d time.Duration) {
	w.mu.Unlock()
	time.Sleep(d)
	synctest.Wait()
	w.mu.Lock()
}

// breaks records that a rule is broken. The first time counts: it ends the history.
func (w *world) breaks(rule int, format string, args ...any) {
	if w.broken == "" {
		broken := fmt.Sprintf("rule %d is broken: %s", rule, fmt.Sprintf(format, args...))
		w.note("%s", broken)
		w.broken = broken
	}
}

func (w *world) note(format string, args ...any) {
	if w.broken != "" {
		return // what comes after is the end of the simulation, not of the world
	}
	w.trace = append(w.trace, fmt.Sprintf("%12s  ", time.Since(w.start))+fmt.Sprintf(format, args...))
}

func (w *world) percent(n int) bool { return w.rand.IntN(100) < n }

func pick[T any](w *world, from ...T) T { return from[w.rand.IntN(len(from))] }
