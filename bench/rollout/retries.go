package rollout

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/sync/errgroup"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const (
	// What every way of retrying has to read, so that a run takes some twenty seconds where all of the rate is used.
	reads = 10_000

	// As many attempts as ours makes, so that they differ in when, not in how often.
	attempts = 20

	// How many calls a client makes side by side, as internal/reconcile does.
	sideBySide = 16
)

// compareRetries has two clients read policies by the usual bucket, with the SDK's ways of retrying and with ours.
func compareRetries(ctx context.Context, w, progress io.Writer) error {
	t := newTable("retries", "policies read", "given up", "bound", "took", "share of the rate", "throttled calls")
	for _, way := range []struct {
		name       string
		newRetryer func() aws.Retryer
	}{
		{"the SDK's standard mode", func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = attempts })
		}},
		{"the SDK's adaptive mode", func() aws.Retryer {
			return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
				o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) { o.MaxAttempts = attempts })
			})
		}},
		{"internal/awsclient", awsclient.NewRetryer},
	} {
		fmt.Fprintf(progress, "reading %d policies with the retries of %s\n", reads, way.name)
		if err := addRetries(ctx, t, way.name, way.newRetryer); err != nil {
			return fmt.Errorf("read with %s: %w", way.name, err)
		}
	}
	_, err := fmt.Fprintln(w, t.RenderMarkdown())
	return err
}

func addRetries(ctx context.Context, t table.Writer, name string, newRetryer func() aws.Retryer) error {
	s := usual()
	cloud := stubaws.New(account, region)
	cloud.CreateRepository("api")
	cloud.SetPolicy("api", `{"Version":"2012-10-17","Statement":[]}`)
	cloud.Latency = s.Latency
	cloud.Limits = map[string]stubaws.Limit{read: s.Limit}

	var begun, given atomic.Int64
	started := time.Now()
	var group errgroup.Group
	for range s.Instances {
		config := cloud.Config()
		config.Retryer = newRetryer
		client := ecr.NewFromConfig(config)
		for range sideBySide {
			group.Go(func() error {
				for ctx.Err() == nil && begun.Add(1) <= reads {
					if _, err := client.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("api")}); err != nil {
						given.Add(1)
					}
				}
				return context.Cause(ctx)
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	took := time.Since(started)
	passed := reads - int(given.Load())
	t.AppendRow(table.Row{
		name, passed, given.Load(), seconds(s.bound(passed)), seconds(took), share(s.bound(passed), took),
		throttled(cloud.Throttled()[read], cloud.Calls()[read]),
	})
	return nil
}
