package rollout

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/function"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// Rollout is the measurement of a rollout.
type Rollout struct {
	Repositories int
	Duration     time.Duration // time from the first receive of a message to the end of the last invocation
	Bound        time.Duration // minimum duration that the token buckets allow
	Calls        int           // reads and writes of policies, including throttled calls
	Throttled    int           // throttled reads and writes
	Messages     int           // messages processed, including those with onrepo's own requests
	Failed       int           // messages that failed and were received again
	PeakMemory   int           // bytes used by the instance with the highest peak
}

// Measure measures the rollout of a changed list to n repositories: onaccount publishes the requests, and instances of
// onrepo process them.
func (s Settings) Measure(ctx context.Context, n int) (Rollout, error) {
	dir, err := os.MkdirTemp("", "rollout")
	if err != nil {
		return Rollout{}, fmt.Errorf("create a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)
	binaries, err := function.Build(ctx, dir)
	if err != nil {
		return Rollout{}, err
	}
	cloud, err := newCloud(n)
	if err != nil {
		return Rollout{}, err
	}
	url, closeURL, err := function.Serve(cloud)
	if err != nil {
		return Rollout{}, err
	}
	defer closeURL()
	environment := function.Environment(cloud, url)
	if err := request(ctx, binaries, environment); err != nil {
		return Rollout{}, err
	}
	cloud.Latency = s.Latency
	cloud.Limits = map[string]stubaws.Limit{read: s.Limit, write: s.Limit}

	instances, stop, err := start(binaries, environment, s.Instances)
	defer stop()
	if err != nil {
		return Rollout{}, err
	}
	requests := newQueue(cloud)
	started := time.Now()
	group, groupCtx := errgroup.WithContext(ctx)
	for _, instance := range instances {
		group.Go(func() error { return requests.poll(groupCtx, instance) })
	}
	if err := group.Wait(); err != nil {
		return Rollout{}, err
	}
	duration := time.Since(started)
	if err := check(cloud, n); err != nil {
		return Rollout{}, err
	}
	peak, err := peakMemory(instances)
	if err != nil {
		return Rollout{}, err
	}
	calls, throttled := cloud.Calls(), cloud.Throttled()
	return Rollout{
		Repositories: n,
		Duration:     duration,
		Bound:        s.bound(n),
		Calls:        calls[read] + calls[write],
		Throttled:    throttled[read] + throttled[write],
		Messages:     requests.handled,
		Failed:       requests.failed,
		PeakMemory:   peak,
	}, nil
}

// request invokes onaccount with the event of the schedule, so that it requests all repositories.
func request(ctx context.Context, binaries function.Binaries, environment map[string]string) error {
	onaccount, err := function.Start(binaries.OnAccount, environment, function.OnAccountTimeout, nil)
	if err != nil {
		return err
	}
	defer onaccount.Stop()
	_, err = onaccount.Invoke(ctx, []byte(`{"source":"aws.events","detail-type":"Scheduled Event"}`))
	return err
}

// start starts n instances of onrepo. The caller must call stop, even if start returns an error.
func start(binaries function.Binaries, environment map[string]string, n int) (instances []*function.Function, stop func(), err error) {
	stop = func() {
		for _, instance := range instances {
			instance.Stop()
		}
	}
	for range n {
		instance, err := function.Start(binaries.OnRepo, environment, function.OnRepoTimeout, nil)
		if err != nil {
			return instances, stop, fmt.Errorf("start onrepo: %w", err)
		}
		instances = append(instances, instance)
	}
	return instances, stop, nil
}

// peakMemory returns the highest peak of all instances, in bytes.
func peakMemory(instances []*function.Function) (highest int, err error) {
	for _, instance := range instances {
		peak, err := instance.PeakMemory()
		if err != nil {
			return 0, err
		}
		highest = max(highest, peak)
	}
	return highest, nil
}
