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

// usual returns settings with which a rollout to 100,000 repositories, the most that ECR allows, ends within minutes.
// AWS doesn't publish the real limits. Two instances are the default of the stack's parameter MaximumConcurrency.
func usual() Settings {
	return Settings{
		Limit:     stubaws.Limit{PerSecond: 480, Burst: 100},
		Latency:   20 * time.Millisecond,
		Instances: 2,
	}
}

// narrow returns settings with a low rate, which throttles most calls in the first seconds.
func narrow() Settings {
	s := usual()
	s.Limit = stubaws.Limit{PerSecond: 20, Burst: 20}
	return s
}

const (
	// minRepositories is the total number of repositories for which rollouts of the same size are measured. Rollouts to
	// fewer repositories are repeated, and the median is reported.
	minRepositories = 10_000

	// narrowRepositories is the number of repositories in the rollout with a low rate.
	narrowRepositories = 1_000
)

// Options are the options of Run.
type Options struct {
	Repositories []int     // number of repositories in each rollout
	Progress     io.Writer // receives progress messages
}

// Run measures rollouts at the usual rate and one rollout at a low rate, compares internal/awsclient with the SDK's
// retry modes, and measures the effect of outages. It writes three tables.
func Run(ctx context.Context, w io.Writer, o Options) error {
	t := newTable("repositories", "bucket", "lower bound", "duration", "share of the allowed rate", "throttled calls",
		"time per repository", "messages", "failed messages", "peak memory")
	add := func(s Settings, n, times int) error {
		fmt.Fprintf(o.Progress, "rolling out to %d repositories, %s\n", n, bucket(s.Limit))
		r, err := s.median(ctx, n, times)
		if err != nil {
			return fmt.Errorf("roll out to %d repositories: %w", n, err)
		}
		t.AppendRow(table.Row{
			n, bucket(s.Limit), seconds(r.Bound), seconds(r.Duration), share(r.Bound, r.Duration), throttled(r.Throttled, r.Calls),
			fmt.Sprintf("%.2f ms", 1000*r.Duration.Seconds()/float64(n)), r.Messages, r.Failed,
			fmt.Sprintf("%.1f MB", float64(r.PeakMemory)/(1<<20)),
		})
		return nil
	}
	for _, n := range o.Repositories {
		if err := add(usual(), n, max(1, minRepositories/n)); err != nil {
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

// median measures several rollouts and returns the one with the median duration.
func (s Settings) median(ctx context.Context, n, times int) (Rollout, error) {
	rollouts := make([]Rollout, times)
	for i := range rollouts {
		var err error
		if rollouts[i], err = s.Measure(ctx, n); err != nil {
			return Rollout{}, err
		}
	}
	slices.SortFunc(rollouts, func(a, b Rollout) int { return cmp.Compare(a.Duration, b.Duration) })
	return rollouts[times/2], nil
}

func newTable(columns ...any) table.Writer {
	t := table.NewWriter()
	t.AppendHeader(columns)
	return t
}

func bucket(l stubaws.Limit) string { return fmt.Sprintf("%.0f/s, burst %d", l.PerSecond, l.Burst) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// share returns the average rate of a measurement as a percentage of the allowed rate.
func share(bound, duration time.Duration) string {
	return fmt.Sprintf("%.1f%%", 100*bound.Seconds()/duration.Seconds())
}

func throttled(n, calls int) string {
	return fmt.Sprintf("%d (%.1f%%)", n, 100*float64(n)/float64(calls))
}
