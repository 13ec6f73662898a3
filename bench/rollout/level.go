package rollout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/sync/errgroup"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/function"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// The calls for the registry policy.
const (
	readRegistry  = "GetRegistryPolicy"
	writeRegistry = "PutRegistryPolicy"
)

// ListChange is the measurement of a list change.
type ListChange struct {
	Duration time.Duration // from the event to the end of the last invocation
	Calls    map[string]int
}

// RunLevels measures a list change at both policy levels, without statements for Lambda, and writes a table.
func RunLevels(ctx context.Context, w io.Writer, o Options) error {
	t := newTable("repositories", "policy level", "duration", "reads of repository policies", "writes of repository policies",
		"reads of the registry policy", "writes of the registry policy", "all calls")
	for _, n := range o.Repositories {
		for _, level := range []policy.Level{policy.LevelRepository, policy.LevelRegistry} {
			fmt.Fprintf(o.Progress, "changing the list of %d repositories at the level %s\n", n, level)
			change, err := usual().ListChange(ctx, level, n)
			if err != nil {
				return fmt.Errorf("change the list of %d repositories at the level %s: %w", n, level, err)
			}
			all := 0
			for _, calls := range change.Calls {
				all += calls
			}
			t.AppendRow(table.Row{n, level, seconds(change.Duration), change.Calls[read], change.Calls[write],
				change.Calls[readRegistry], change.Calls[writeRegistry], all})
		}
	}
	_, err := fmt.Fprintln(w, t.RenderMarkdown())
	return err
}

// ListChange measures a list change for n repositories: onaccount processes the event, and instances of onrepo process
// the requests that it publishes.
func (s Settings) ListChange(ctx context.Context, level policy.Level, n int) (ListChange, error) {
	dir, err := os.MkdirTemp("", "level")
	if err != nil {
		return ListChange{}, fmt.Errorf("create a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)
	binaries, err := function.Build(ctx, dir)
	if err != nil {
		return ListChange{}, err
	}
	cloud, err := newCloudAt(level, n)
	if err != nil {
		return ListChange{}, err
	}
	cloud.Latency = s.Latency
	cloud.Limits = map[string]stubaws.Limit{read: s.Limit, write: s.Limit, readRegistry: s.Limit, writeRegistry: s.Limit}
	url, closeURL, err := function.Serve(cloud)
	if err != nil {
		return ListChange{}, err
	}
	defer closeURL()
	environment := function.Environment(cloud, url)
	environment["POLICY_LEVEL"], environment["LAMBDA_STATEMENT"] = string(level), "off"
	onaccount, err := function.Start(binaries.OnAccount, environment, function.OnAccountTimeout, nil)
	if err != nil {
		return ListChange{}, err
	}
	defer onaccount.Stop()
	instances, stop, err := start(binaries, environment, s.Instances)
	defer stop()
	if err != nil {
		return ListChange{}, err
	}

	started := time.Now()
	changed := cloud.Envelope(stubaws.Event{
		Source: "aws.ssm", DetailType: "Parameter Store Change", Detail: `{"name":"` + function.List + `","operation":"Update"}`,
	})
	if _, err := onaccount.Invoke(ctx, changed); err != nil {
		return ListChange{}, err
	}
	requests := newQueue(cloud)
	group, groupCtx := errgroup.WithContext(ctx)
	for _, instance := range instances {
		group.Go(func() error { return requests.poll(groupCtx, instance) })
	}
	if err := group.Wait(); err != nil {
		return ListChange{}, err
	}
	duration := time.Since(started)
	if level == policy.LevelRegistry && !strings.Contains(cloud.RegistryPolicy(), addedAccount) {
		return ListChange{}, errors.New("the registry policy wasn't updated")
	}
	if level == policy.LevelRepository {
		if err := check(cloud, n); err != nil {
			return ListChange{}, err
		}
	}
	return ListChange{duration, cloud.Calls()}, nil
}
