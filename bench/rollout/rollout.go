// Package rollout measures how long a changed list takes to reach every repository, and compares the time with the
// minimum that AWS's throttling allows. The real functions run against a stub of AWS, with as many concurrent instances
// as the stack's parameter MaximumConcurrency allows.
package rollout

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// usual is a bucket that lets a rollout over as many repositories as ECR allows end in minutes; AWS doesn't publish its
// own. Two instances are the default of the template's MaximumConcurrency.
func usual() Settings {
	return Settings{
		Limit:     stubaws.Limit{PerSecond: 480, Burst: 100},
		Latency:   20 * time.Millisecond,
		Instances: 2,
	}
}

// narrow throttles nearly everything at first.
func narrow() Settings {
	s := usual()
	s.Limit = stubaws.Limit{PerSecond: 20, Burst: 20}
	return s
}

const (
	// Smaller rollouts are repeated until so many repositories have been seen to. The median is told.
	enough = 10_000

	narrowRepositories = 1_000
)

// Options are what to measure.
type Options struct {
	Repositories []int // of one rollout after the other
	Progress     io.Writer
}

// Run measures rollouts by the usual bucket and one by a narrow bucket, how the SDK's own ways of retrying would fare,
// and what outages cost. It writes a table of each.
func Run(ctx context.Context, w io.Writer, o Options) error {
	t := newTable("repositories", "bucket", "bound", "took", "share of the rate", "throttled calls", "a repository",
		"messages", "of these failed", "peak memory")
	add := func(s Settings, n, times int) error {
		fmt.Fprintf(o.Progress, "rolling out over %d repositories, %s\n", n, bucket(s.Limit))
		r, err := s.median(ctx, n, times)
		if err != nil {
			return fmt.Errorf("roll out over %d repositories: %w", n, err)
		}
		t.AppendRow(table.Row{
			n, bucket(s.Limit), seconds(r.Bound), seconds(r.Took), share(r.Bound, r.Took), throttled(r.Throttled, r.Calls),
			fmt.Sprintf("%.2f ms", 1000*r.Took.Seconds()/float64(n)), r.Messages, r.Failed,
			fmt.Sprintf("%.1f MB", float64(r.PeakMemory)/(1<<20)),
		})
		return nil
	}
	for _, n := range o.Repositories {
		if err := add(usual(), n, max(1, enough/n)); err != nil {
			return err
		}
	}
	if err := add(narrow(), narrowRepositories, 1); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "%s\n\n", t.RenderMarkdown()); err != nil {
		return err
	}
	if err := compareRetries(ctx, w, o.Progress); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return interrupt(ctx, w, o.Progress)
}

// median measures several rollouts and returns the one in the middle, by the time that it took.
func (s Settings) median(ctx context.Context, n, times int) (Rollout, error) {
	rollouts := make([]Rollout, times)
	for i := range rollouts {
		var err error
		if rollouts[i], err = s.Measure(ctx, n); err != nil {
			return Rollout{}, err
		}
	}
	slices.SortFunc(rollouts, func(a, b Rollout) int { return cmp.Compare(a.Took, b.Took) })
	return rollouts[times/2], nil
}

func newTable(columns ...any) table.Writer {
	t := table.NewWriter()
	t.AppendHeader(columns)
	return t
}

func bucket(l stubaws.Limit) string { return fmt.Sprintf("%.0f/s, burst %d", l.PerSecond, l.Burst) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func share(bound, took time.Duration) string {
	return fmt.Sprintf("%.1f %%", 100*bound.Seconds()/took.Seconds())
}

func throttled(n, calls int) string {
	return fmt.Sprintf("%d (%.1f %%)", n, 100*float64(n)/float64(calls))
}
