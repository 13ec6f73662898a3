// Package simulate checks that the functions keep these rules, whatever happens:
//
//  1. The functions don't change unmanaged statements.
//  2. Managed statements grant only the actions of a pull and additional actions, and only to consumers in the lists.
//  3. An unusable list changes no grants. Only a list that contains none revokes all of its grants.
//  4. Events are only hints. onrepo writes only policies of repositories in scope, and reads each before it writes.
//  5. When the lists don't change any more, each repository gets the policy that the newest valid lists specify.
//  6. onrepo writes a policy only if its meaning changes.
//  7. The functions report every failure.
//  8. The functions' own writes don't start the functions.
//  9. Each policy sent to a repository in scope grants exactly what the lists specify. Only the stack's own repository
//     gets policies that test whether principals exist.
//  10. A failure or a panic in one repository doesn't affect other repositories.
//  11. While the policy level changes, a consumer that stays in a list can pull at any moment.
//
// The simulation runs the functions' real code, with real SDK clients, against simulated versions of ECR, SSM,
// EventBridge, SQS, and Lambda. At each call to AWS, a scheduler chooses the invocation that continues, so that any
// interleaving can occur. At the same time, people edit lists, create and delete repositories, write policies, and
// forge managed statements. Accounts and roles are removed and created again. Events are lost, repeated, and delayed.
// Calls fail in the ways that AWS documents. Reads are stale, code panics, and invocations crash.
//
// In worlds with an even seed, people also write the registry policy, to which the rules apply too. An operator deploys
// the other policy level in the middle of everything else, and runs apply.
//
// A seed always produces the same history, because the scheduler makes all choices with a random number generator that
// the seed initializes, and the clock is that of a testing/synctest bubble. To replay a seed that fails:
//
//	go test ./test/simulate -run TestSimulate -seed 4711 -v
//
// world_test.go runs a seed, scheduler_test.go chooses the next step, rules_test.go checks the rules after each write
// and at the end, and sabotage_test.go checks that the simulation detects defects.
package simulate

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seeds     = flag.Int("seeds", defaultSeeds, "`number` of seeds that TestSimulate runs")
	firstSeed = flag.Int("first", 1, "first `seed` that TestSimulate runs")
	onlySeed  = flag.Int("seed", 0, "run only this `seed`, and print its trace with -v")
)

// history is the result of a seed.
type history struct {
	seed    int
	broken  string // description of the broken rule, if any
	trace   []string
	counted statistics
}

// runSeed runs the simulation of one seed.
func runSeed(t *testing.T, seed int, how sabotage) (h history) {
	synctest.Test(t, func(*testing.T) {
		w := newWorld(seed, how)
		w.run()
		h = history{seed: seed, broken: w.broken, trace: w.trace, counted: w.counted}
	})
	return h
}

// TestSimulate checks that no seed breaks a rule.
func TestSimulate(t *testing.T) {
	if *onlySeed != 0 {
		h := runSeed(t, *onlySeed, sabotage{})
		t.Log("\n" + strings.Join(h.trace, "\n"))
		if h.broken != "" {
			t.Errorf("seed %d: %s", h.seed, h.broken)
		}
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a world uses little memory for a short time
	start := time.Now()
	counted := statistics{}
	defer func() { // the workers have ended, because they run in a subtest
		duration := time.Since(start)
		t.Logf("%d seeds in %.1f minutes, %.0f per second\n%s", counted["seeds"], duration.Minutes(),
			float64(counted["seeds"])/duration.Seconds(), counted)
	}()
	var mu sync.Mutex
	var taken, failures atomic.Int64
	t.Run("worker", func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for failures.Load() == 0 {
					n := int(taken.Add(1))
					if n > *seeds {
						return
					}
					h := runSeed(t, *firstSeed+n-1, sabotage{})
					if h.broken != "" {
						failures.Add(1)
						t.Error(h.failure())
					}
					if n%10_000 == 0 {
						t.Logf("seed %d after %.1f minutes", h.seed, time.Since(start).Minutes())
					}
					mu.Lock()
					counted.add(h.counted)
					mu.Unlock()
				}
			})
		}
	})
}

// failure returns the broken rule, the end of the trace, and the command that replays the seed.
func (h history) failure() string {
	const last = 40
	return fmt.Sprintf("seed %d: %s\n%s\nreplay: go test ./test/simulate -run TestSimulate -seed %d -v",
		h.seed, h.broken, strings.Join(h.trace[max(0, len(h.trace)-last):], "\n"), h.seed)
}

// TestReplay checks that two runs of a seed have the same trace.
func TestReplay(t *testing.T) {
	for seed := 1; seed <= 20; seed++ {
		first, second := runSeed(t, seed, sabotage{}), runSeed(t, seed, sabotage{})
		for i := range max(len(first.trace), len(second.trace)) {
			if i >= len(first.trace) || i >= len(second.trace) || first.trace[i] != second.trace[i] {
				t.Fatalf("seed %d: the traces of two runs differ at line %d:\n%s\nand\n%s", seed, i,
					strings.Join(first.trace[max(0, i-5):min(i+1, len(first.trace))], "\n"),
					strings.Join(second.trace[max(0, i-5):min(i+1, len(second.trace))], "\n"))
			}
		}
	}
}
