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
	// reads is the number of policies to read in each retry mode. At the allowed rate, reading them takes about twenty
	// seconds.
	reads = 10_000

	// attempts is the maximum number of attempts for a call. It is the same as in internal/awsclient, so that the retry
	// modes differ only in the times of the attempts.
	attempts = 20

	// concurrency is the number of concurrent calls of each client, as in internal/reconcile.
	concurrency = 16
)

// compareRetries measures how long two clients take to read policies from the usual token bucket, with the SDK's retry
// modes and with internal/awsclient. It writes the results to w as a table.
func compareRetries(ctx context.Context, w, progress io.Writer) error {
	t := newTable("retries", "policies read", "failed reads", "lower bound", "duration", "share of the allowed rate", "throttled calls")
	for _, mode := range []struct {
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
		fmt.Fprintf(progress, "reading %d policies with the retries of %s\n", reads, mode.name)
		if err := measureRetries(ctx, t, mode.name, mode.newRetryer); err != nil {
			return fmt.Errorf("read policies with the retries of %s: %w", mode.name, err)
		}
	}
	_, err := fmt.Fprintln(w, t.RenderMarkdown())
	return err
}

// measureRetries measures one retry mode and adds a row to the table.
func measureRetries(ctx context.Context, t table.Writer, name string, newRetryer func() aws.Retryer) error {
	s := usual()
	cloud := stubaws.New(account, region)
	cloud.CreateRepository("api")
	cloud.SetPolicy("api", `{"Version":"2012-10-17","Statement":[]}`)
	cloud.Latency = s.Latency
	cloud.Limits = map[string]stubaws.Limit{read: s.Limit}

	var begun, failed atomic.Int64
	started := time.Now()
	var group errgroup.Group
	for range s.Instances {
		config := cloud.Config()
		config.Retryer = newRetryer
		client := ecr.NewFromConfig(config)
		for range concurrency {
			group.Go(func() error {
				for ctx.Err() == nil && begun.Add(1) <= reads {
					if _, err := client.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("api")}); err != nil {
						failed.Add(1)
					}
				}
				return context.Cause(ctx)
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	duration := time.Since(started)
	succeeded := reads - int(failed.Load())
	t.AppendRow(table.Row{
		name, succeeded, failed.Load(), seconds(s.bound(succeeded)), seconds(duration), share(s.bound(succeeded), duration),
		throttled(cloud.Throttled()[read], cloud.Calls()[read]),
	})
	return nil
}
