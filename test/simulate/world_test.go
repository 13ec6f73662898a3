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

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
	root    = "/ecr-pull-policy/accounts"

	// maxSteps is the maximum number of steps for a seed. If the functions are still running after that, they never
	// stop.
	maxSteps = 20_000
)

// world is the state of the simulation of one seed.
//
// The scheduler's goroutine holds mu, except while invocations run.
type world struct {
	mu       sync.Mutex
	rand     *rand.Rand
	rates    faultRates
	sabotage sabotage
	start    time.Time

	// The functions and the simulated AWS services.
	cloud       *stubaws.AWS
	ssm         *ssm.Client
	ecr         *ecr.Client
	bus         *eventbridge.Client
	standard    policy.Standard
	scope       scope.Scope
	onAccount   *deployedOnAccount
	idle        []*environment // idle execution environments of onrepo
	invocations int
	running     []*invocation
	parked      []*call
	inFlight    *call
	timers      []timer
	queue       queue
	onRepoLevel policy.Level // policy level of onrepo's configuration

	// The actual state, which the functions can know or not.
	repositories     map[string]*repository
	lists            map[string]*list
	past             map[string][]*listVersion // all valid versions that each list ever had
	moments          []moment
	registry         registryPolicy
	missing          map[string]bool // account IDs and ARNs of roles that don't exist
	principalChanges int             // number of principals removed or created so far

	repositoryNames, listNames []string

	hasLevels   bool // the policy level can be that of the registry, and people write the registry policy
	operating   bool // an operator changes the policy level or runs apply
	turmoil     bool // people act and faults occur
	actions     int  // number of actions of people that are left
	disturbed   bool // someone has written the registry policy since the last event of the schedule
	eventLost   bool // an event is permanently lost, and only the schedule corrects the effect
	entriesFail bool // entries of the current PutEvents call fail
	unmanaged   int  // number of unmanaged statements created so far
	writes      int  // number of writes by onrepo
	calls       int  // number of calls to AWS
	broken      string
	trace       []string
	counted     statistics
	remaining   int // number of steps left
}

// faultRates are the probabilities of faults in percent.
type faultRates struct {
	calls      int // errors and timeouts of calls
	loss       int // lost events
	duplicates int // events and messages delivered twice
	crashes    int // crashes of invocations
	existence  int // principals that are removed or created

	rejections      int    // rejections of policies without a reason
	stale           int    // stale reads soon after a write
	panicRepository string // repository whose calls can cause panics, if any
}

func newWorld(seed int, how sabotage) *world {
	w := &world{
		rand:         rand.New(rand.NewPCG(uint64(seed), 0)),
		sabotage:     how,
		start:        time.Now(),
		cloud:        stubaws.New(account, region),
		repositories: map[string]*repository{},
		lists:        map[string]*list{},
		past:         map[string][]*listVersion{},
		moments:      []moment{{}},
		missing:      map[string]bool{},
		counted:      statistics{"seeds": 1},
		remaining:    maxSteps,
		hasLevels:    seed%2 == 0,
	}
	w.chooseNames()
	w.rates = faultRates{
		calls:           pick(w, 0, 3, 15),
		loss:            pick(w, 0, 0, 20),
		duplicates:      pick(w, 0, 15),
		crashes:         pick(w, 0, 20, 80),
		existence:       pick(w, 0, 0, 15, 30),
		rejections:      pick(w, 0, 0, 0, 20),
		stale:           pick(w, 0, 0, 30),
		panicRepository: pick(w, "", "", "", pick(w, w.repositoryNames...)),
	}
	w.standard = policy.Standard{
		Registry:     policy.Registry{Partition: "aws", Region: region, AccountID: account},
		Style:        pick(w, policy.GrantPrincipal, policy.GrantPrincipal, policy.GrantPrincipal, policy.GrantCondition),
		Lambda:       w.percent(50),
		ExtraActions: pick(w, nil, nil, []string{"ecr:DescribeImages"}),
	}
	w.actions = 6 + w.rand.IntN(20)
	if w.hasLevels {
		w.counted["worlds with both policy levels"]++
		w.standard.Level = pick(w, policy.LevelRepository, policy.LevelRegistry)
		w.standard.Scope = policy.Scope{Include: []string{"**"}, Exclude: []string{"scratch", checkRepository}}
	}
	w.deploy()
	w.onAccount, w.onRepoLevel = w.newOnAccount(w.standard), w.standard.Level
	return w
}

// run runs the simulation. First, people act and faults occur. Then the faults stop, and two or three events of the
// schedule follow. In most cases, run waits until all invocations have ended before the first event of the schedule. If
// no event was lost, the repositories must then be up to date already, except those that need the schedule. In the
// other cases, some invocations can still be running when the event of the schedule is published.
func (w *world) run() {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.end()
	w.populate()
	w.turmoil = true
	for w.turmoil && w.step() {
		w.turmoil = w.actions > 0 || w.percent(97)
	}
	w.note("no more faults")
	w.calm()
	rested := w.percent(60)
	if rested {
		w.rest()
		if !w.eventLost {
			w.counted["checked before the schedule"]++
			w.checkConverged(false)
		}
	}
	const rejections = "rejected policies that name principals"
	rejected := w.counted[rejections]
	w.tick()
	w.rest()
	if w.disturbed {
		w.tick()
		w.rest()
	}
	w.checkConverged(true)
	if w.counted[rejections] > rejected {
		// The statements of an unusable list, which are kept, named a principal that doesn't exist. Therefore, the
		// whole policy was written using conditions. After the next event of the schedule, the other lists' statements
		// name principals again.
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
		w.breaks(6, "a second event of the schedule caused a write")
	}
}

// calm stops the faults. It also ends the delays of new repositories and corrects some unmanaged statements that ECR
// rejects.
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

// rest runs the simulation until nothing is left to do.
func (w *world) rest() {
	for w.step() {
	}
}

// tick publishes the event of the schedule.
func (w *world) tick() {
	w.disturbed = false
	w.publish(scheduled())
}

// end ends the invocations that are still running after a rule was broken.
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

// settle lets the invocations run until all of them wait for a call, for a time, or for each other.
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

// breaks records that a rule is broken. Only the first broken rule is recorded, and it ends the simulation.
func (w *world) breaks(rule int, format string, args ...any) {
	if w.broken == "" {
		broken := fmt.Sprintf("rule %d is broken: %s", rule, fmt.Sprintf(format, args...))
		w.note("%s", broken)
		w.broken = broken
	}
}

// note adds a line to the trace.
func (w *world) note(format string, args ...any) {
	if w.broken != "" {
		return // the rest only ends the remaining invocations
	}
	w.trace = append(w.trace, fmt.Sprintf("%12s  ", time.Since(w.start))+fmt.Sprintf(format, args...))
}

// percent returns true with a probability of n percent.
func (w *world) percent(n int) bool { return w.rand.IntN(100) < n }

// pick returns one of the arguments at random.
func pick[T any](w *world, from ...T) T { return from[w.rand.IntN(len(from))] }
