package calls

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/function"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// Row is the count for one trigger.
type Row struct {
	Trigger      string
	Repositories int
	Count
}

// registrySize is the number of repositories in a rollout. It is large enough to show that a rollout doesn't make a
// call for each repository.
const registrySize = 10_000

// latency is the response time of the stub. If the stub responded at once, the SDK would lose some responses and log a
// warning. The comment on stubaws.AWS.Retries explains why.
const latency = 5 * time.Millisecond

// Measure invokes the functions for each trigger in turn and returns the counts.
func Measure(ctx context.Context) ([]Row, error) {
	dir, err := os.MkdirTemp("", "calls")
	if err != nil {
		return nil, fmt.Errorf("create a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)
	s, err := start(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer s.stop()

	var rows []Row
	for _, step := range s.steps() {
		step.prepare()
		if _, err := s.counter.count(); err != nil {
			return nil, err
		}
		if err := step.invoke(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.trigger, err)
		}
		count, err := s.counter.count()
		if err != nil {
			return nil, err
		}
		rows = append(rows, Row{step.trigger, step.repositories, count})
	}
	return rows, nil
}

// stack is a running instance of each function, with the stub of AWS that they call.
type stack struct {
	cloud             *stubaws.AWS
	onrepo, onaccount *function.Function
	events            string // directory of the sample events
	counter           *counter
	cleanup           []func() // functions that stop calls
}

func start(ctx context.Context, dir string) (*stack, error) {
	root, err := localaws.Root(".")
	if err != nil {
		return nil, err
	}
	binaries, err := function.Build(ctx, dir)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, fmt.Errorf("create the log: %w", err)
	}
	cloud := stubaws.New(localaws.Account, "eu-central-1") // account and Region of the sample events
	cloud.Latency = latency
	s := &stack{cloud: cloud, events: filepath.Join(root, "events"), counter: &counter{cloud: cloud, log: log}}
	s.cleanup = append(s.cleanup, func() { _ = log.Close() })
	url, closeURL, err := function.Serve(cloud)
	if err != nil {
		s.stop()
		return nil, err
	}
	s.cleanup = append(s.cleanup, closeURL)
	environment := function.Environment(cloud, url)
	environment["EXCLUDE"] = excluded
	if s.onrepo, err = function.Start(binaries.OnRepo, environment, function.OnRepoTimeout, log); err != nil {
		s.stop()
		return nil, err
	}
	s.cleanup = append(s.cleanup, s.onrepo.Stop)
	if s.onaccount, err = function.Start(binaries.OnAccount, environment, function.OnAccountTimeout, log); err != nil {
		s.stop()
		return nil, err
	}
	s.cleanup = append(s.cleanup, s.onaccount.Stop)
	return s, nil
}

func (s *stack) stop() {
	for _, f := range s.cleanup {
		f()
	}
}

// sample returns a function that invokes f with the sample event in the named file.
func (s *stack) sample(f *function.Function, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		event, err := os.ReadFile(filepath.Join(s.events, name))
		if err != nil {
			return fmt.Errorf("read sample event: %w", err)
		}
		_, err = f.Invoke(ctx, event)
		return err
	}
}

// request returns a function that invokes onrepo with a message of the request queue that names the repositories.
func (s *stack) request(repositories []string) func(context.Context) error {
	return func(ctx context.Context) error {
		detail, err := json.Marshal(event.Request{Repositories: repositories})
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		message, err := function.Message(s.cloud, "1", stubaws.Event{
			Source: event.RequestSource, DetailType: event.RequestDetailType, Detail: string(detail),
		})
		if err != nil {
			return fmt.Errorf("encode message: %w", err)
		}
		_, err = s.onrepo.Invoke(ctx, message)
		return err
	}
}
