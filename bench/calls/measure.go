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

// Row is what one trigger cost.
type Row struct {
	Trigger      string
	Repositories int
	Count
}

// registrySize is how many repositories a rollout is measured with: enough to see that it is not one call each.
const registrySize = 10_000

// latency is that of the nearest AWS. Without any the SDK loses answers, as stubaws tells of Retries, and warns of it.
const latency = 5 * time.Millisecond

// Measure invokes the functions, one step after the other, and counts.
func Measure(ctx context.Context) ([]Row, error) {
	dir, err := os.MkdirTemp("", "calls")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
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

// stack is the functions with the AWS that they run in.
type stack struct {
	cloud             *stubaws.AWS
	onrepo, onaccount *function.Function
	events            string // directory
	counter           *counter
	closing           []func()
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
		return nil, fmt.Errorf("make the log: %w", err)
	}
	cloud := stubaws.New(localaws.Account, "eu-central-1") // the account of the events
	cloud.Latency = latency
	s := &stack{cloud: cloud, events: filepath.Join(root, "events"), counter: &counter{cloud: cloud, log: log}}
	s.closing = append(s.closing, func() { _ = log.Close() })
	url, closeURL, err := function.Serve(cloud)
	if err != nil {
		s.stop()
		return nil, err
	}
	s.closing = append(s.closing, closeURL)
	environment := function.Environment(cloud, url)
	environment["EXCLUDE"] = excluded
	if s.onrepo, err = function.Start(binaries.OnRepo, environment, function.OnRepoTimeout, log); err != nil {
		s.stop()
		return nil, err
	}
	s.closing = append(s.closing, s.onrepo.Stop)
	if s.onaccount, err = function.Start(binaries.OnAccount, environment, function.OnAccountTimeout, log); err != nil {
		s.stop()
		return nil, err
	}
	s.closing = append(s.closing, s.onaccount.Stop)
	return s, nil
}

func (s *stack) stop() {
	for _, close := range s.closing {
		close()
	}
}

// sample invokes a function with a sample event.
func (s *stack) sample(f *function.Function, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		event, err := os.ReadFile(filepath.Join(s.events, name))
		if err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		_, err = f.Invoke(ctx, event)
		return err
	}
}

// request invokes onrepo with a message of the queue.
func (s *stack) request(repositories []string) func(context.Context) error {
	return func(ctx context.Context) error {
		detail, err := json.Marshal(event.Request{Repositories: repositories})
		if err != nil {
			return fmt.Errorf("write request: %w", err)
		}
		message, err := function.Message(s.cloud, "1", stubaws.Event{
			Source: event.RequestSource, DetailType: event.RequestDetailType, Detail: string(detail),
		})
		if err != nil {
			return fmt.Errorf("write message: %w", err)
		}
		_, err = s.onrepo.Invoke(ctx, message)
		return err
	}
}
