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

// sample is one start of a program.
type sample struct {
	next  time.Duration // from the process's start to its first request for an event
	first time.Duration // from the process's start to its first answer
	warm  time.Duration // from the second event to its answer
	peak  float64       // bytes
}

// bench starts programs in a local AWS.
type bench struct {
	*localaws.AWS
	event        string // CreateRepository of the repository sampleRepository
	repositories int    // made so far
}

// sampleRepository is the repository in events/create-repository.json.
const sampleRepository = "team-a/api"

// start starts a program, has it do its job twice, and ends it.
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
		if err := b.work(ctx, emulator, p.works); err != nil {
			return sample{}, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	seen, err := observer.invocations(ctx, 2)
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w", p.name, err)
	}
	peak, err := function.PeakMemory(observer.pid)
	if err != nil {
		return sample{}, err
	}
	return sample{
		next:  seen.next.Sub(seen.begin),
		first: seen.responded[0].Sub(seen.begin),
		warm:  seen.responded[1].Sub(seen.delivered[1]),
		peak:  float64(peak),
	}, nil
}

// work creates a repository, tells a function of it, and looks whether it has its policy.
func (b *bench) work(ctx context.Context, emulator *localaws.Emulator, works bool) error {
	b.repositories++
	name := fmt.Sprintf("bench/start-%04d", b.repositories)
	if err := b.AddRepository(ctx, name); err != nil {
		return err
	}
	invocation, err := emulator.Invoke(ctx, []byte(strings.ReplaceAll(b.event, sampleRepository, name)))
	if err != nil {
		return err
	}
	if invocation.Error != nil {
		return fmt.Errorf("%w; it wrote: %v", invocation.Error, invocation.Logs)
	}
	if !works {
		return nil
	}
	policy, found, err := b.Policy(ctx, name)
	if err != nil {
		return err
	}
	if !found || !strings.Contains(policy, consumer) {
		return fmt.Errorf("repository %s has the policy %q, which does not name %s", name, policy, consumer)
	}
	return nil
}
