// Package simulate decides whether the rules of the design hold. It runs the functions' real code, with real SDK
// clients, against a simulated ECR, SSM, EventBridge, SQS and Lambda, and chooses at every call to AWS which
// invocation goes on: any interleaving can happen. Meanwhile people edit lists, create and delete repositories, write
// policies of their own and forge managed statements, accounts and roles disappear and come back, events and calls
// fail in all the ways that AWS documents, reads are stale, code panics, and invocations die.
//
// A seed always produces the same history: the scheduler makes all choices with a generator that the seed initializes,
// and the clock is that of a testing/synctest bubble. To replay a seed that fails:
//
//	go test ./test/simulate -run TestSimulate -seed 4711 -v
//
// world_test.go runs a history, scheduler_test.go chooses the next step, rules_test.go defines what must hold after
// every write and at the end, and sabotage_test.go checks that the simulation detects defects.
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
	seeds     = flag.Int("seeds", defaultSeeds, "how many seeds TestSimulate runs")
	firstSeed = flag.Int("first", 1, "the first of them")
	onlySeed  = flag.Int("seed", 0, "the one seed to replay; with -v its whole trace is printed")
)

// history is what became of one seed.
type history struct {
	seed    int
	broken  string // the rule that was broken, and how; empty if none was
	trace   []string
	counted statistics
}

// play runs one seed.
func play(t *testing.T, seed int, how sabotage) (h history) {
	synctest.Test(t, func(*testing.T) {
		w := newWorld(seed, how)
		w.live()
		h = history{seed: seed, broken: w.broken, trace: w.trace, counted: w.counted}
	})
	return h
}

func TestSimulate(t *testing.T) {
	if *onlySeed != 0 {
		h := play(t, *onlySeed, sabotage{})
		t.Log("\n" + strings.Join(h.trace, "\n"))
		if h.broken != "" {
			t.Errorf("seed %d: %s", h.seed, h.broken)
		}
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a world is small and soon forgotten
	start := time.Now()
	counted := statistics{}
	defer func() { // the workers have ended: they are run in a subtest
		took := time.Since(start)
		t.Logf("%d seeds in %.1f minutes, %.0f a second\n%s", counted["seeds"], took.Minutes(),
			float64(counted["seeds"])/took.Seconds(), counted)
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
					h := play(t, *firstSeed+n-1, sabotage{})
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

// failure says which rule a seed broke, what happened last, and how to see it again.
func (h history) failure() string {
	const last = 40
	return fmt.Sprintf("seed %d: %s\n%s\nreplay: go test ./test/simulate -run TestSimulate -seed %d -v",
		h.seed, h.broken, strings.Join(h.trace[max(0, len(h.trace)-last):], "\n"), h.seed)
}

// TestSameSeedSameHistory checks what replaying rests on.
func TestSameSeedSameHistory(t *testing.T) {
	for seed := 1; seed <= 20; seed++ {
		first, second := play(t, seed, sabotage{}), play(t, seed, sabotage{})
		for i := range max(len(first.trace), len(second.trace)) {
			if i >= len(first.trace) || i >= len(second.trace) || first.trace[i] != second.trace[i] {
				t.Fatalf("seed %d: the histories differ at line %d:\n%s\nand\n%s", seed, i,
					strings.Join(first.trace[max(0, i-5):min(i+1, len(first.trace))], "\n"),
					strings.Join(second.trace[max(0, i-5):min(i+1, len(second.trace))], "\n"))
			}
		}
	}
}
