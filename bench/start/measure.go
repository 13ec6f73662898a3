package start

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/function"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

//go:embed starter.py
var starterScript string

// sample is the measurement of one start of a program.
type sample struct {
	next  time.Duration // time from the start of the process to its first request for an event
	first time.Duration // time from the start of the process to its first response
	warm  time.Duration // time from the delivery of the second event to the response
	peak  float64       // peak memory in bytes
}

// bench starts programs in the simulated AWS services.
type bench struct {
	*localaws.AWS
	event        string // CreateRepository event for sampleRepository
	repositories int    // number of repositories created so far
}

// sampleRepository is the repository in events/create-repository.json.
const sampleRepository = "team-a/api"

// start starts a program, invokes it for two new repositories, and stops it.
func (b *bench) start(ctx context.Context, p program) (sample, error) {
	observer, err := newObserver()
	if err != nil {
		return sample{}, err
	}
	defer observer.close()
	command := append([]string{b.Python(), "-I", "-S", "-c", starterScript, observer.address}, p.command...)
	emulator, err := b.Emulate(ctx, p.in(b.Stack), command...)
	if err != nil {
		return sample{}, err
	}
	defer emulator.Stop()
	for range 2 {
		if err := b.invoke(ctx, emulator, p.setsPolicy); err != nil {
			return sample{}, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	times, err := observer.invocations(ctx, 2)
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w", p.name, err)
	}
	peak, err := function.PeakMemory(observer.pid)
	if err != nil {
		return sample{}, err
	}
	return sample{
		next:  times.next.Sub(times.begin),
		first: times.responded[0].Sub(times.begin),
		warm:  times.responded[1].Sub(times.delivered[1]),
		peak:  float64(peak),
	}, nil
}

// invoke creates a repository and invokes the function with its CreateRepository event. If setsPolicy is true, invoke
// checks that the repository has a policy that names consumer.
func (b *bench) invoke(ctx context.Context, emulator *localaws.Emulator, setsPolicy bool) error {
	b.repositories++
	name := fmt.Sprintf("bench/start-%04d", b.repositories)
	if err := b.Quiet.CreateRepository(ctx, name, ""); err != nil {
		return err
	}
	invocation, err := emulator.Invoke(ctx, []byte(strings.ReplaceAll(b.event, sampleRepository, name)))
	if err != nil {
		return err
	}
	if invocation.Error != nil {
		return fmt.Errorf("%w; log: %v", invocation.Error, invocation.Logs)
	}
	if !setsPolicy {
		return nil
	}
	policy, found, err := b.Policy(ctx, name)
	if err != nil {
		return err
	}
	if !found || !strings.Contains(policy, consumer) {
		return fmt.Errorf("the policy of repository %s doesn't name %s: %q", name, consumer, policy)
	}
	return nil
}
