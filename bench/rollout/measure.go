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

// Rollout is what a rollout took.
type Rollout struct {
	Repositories int
	Took         time.Duration // from the first message to the last
	Bound        time.Duration // that the bucket sets
	Calls        int           // reads and writes, throttled ones included
	Throttled    int           // of these
	Messages     int           // that onrepo handled, requests that it handed back included
	Failed       int           // messages that came back
	PeakMemory   int           // bytes, of the instance that needed most
}

// Measure rolls a changed list out over n repositories: onaccount requests them, instances of onrepo handle the
// requests.
func (s Settings) Measure(ctx context.Context, n int) (Rollout, error) {
	dir, err := os.MkdirTemp("", "rollout")
	if err != nil {
		return Rollout{}, fmt.Errorf("make a directory: %w", err)
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
	took := time.Since(started)
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
		Took:         took,
		Bound:        s.bound(n),
		Calls:        calls[read] + calls[write],
		Throttled:    throttled[read] + throttled[write],
		Messages:     requests.handled,
		Failed:       requests.failed,
		PeakMemory:   peak,
	}, nil
}

// request has onaccount request every repository.
func request(ctx context.Context, binaries function.Binaries, environment map[string]string) error {
	onaccount, err := function.Start(binaries.OnAccount, environment, function.OnAccountTimeout, nil)
	if err != nil {
		return err
	}
	defer onaccount.Stop()
	_, err = onaccount.Invoke(ctx, []byte(`{"source":"aws.events","detail-type":"Scheduled Event"}`))
	return err
}

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

func peakMemory(instances []*function.Function) (most int, err error) {
	for _, instance := range instances {
		peak, err := instance.PeakMemory()
		if err != nil {
			return 0, err
		}
		most = max(most, peak)
	}
	return most, nil
}
