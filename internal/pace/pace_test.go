package pace_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"golang.org/x/sync/errgroup"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const (
	operation  = "GetRepositoryPolicy"
	repository = "team-a/api"
)

// newCloud returns an AWS that answers after 20 ms and has the repository. Its clients have the retryer of this package.
func newCloud(limit stubaws.Limit) *stubaws.AWS {
	cloud := stubaws.New("123456789012", "eu-central-1")
	cloud.Latency = 20 * time.Millisecond
	cloud.Limits = map[string]stubaws.Limit{operation: limit}
	cloud.CreateRepository(repository)
	cloud.SetPolicy(repository, `{"Statement":[]}`)
	return cloud
}

// get makes n calls, each client ten at a time.
func get(ctx context.Context, n int, clients ...*ecr.Client) error {
	group, ctx := errgroup.WithContext(ctx)
	var begun atomic.Int64
	for _, client := range clients {
		for range 10 {
			group.Go(func() error {
				for begun.Add(1) <= int64(n) {
					_, err := client.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String(repository)})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// Two clients share what AWS allows, as two instances of a function do. Whatever that is, they find it, use nearly all
// of it, and waste few calls.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		limit  stubaws.Limit
		wasted float64 // at most
	}{
		{stubaws.Limit{PerSecond: 10, Burst: 10}, 0.25}, // one call too many in five a second
		{stubaws.Limit{PerSecond: 50, Burst: 5}, 0.08},
		{stubaws.Limit{PerSecond: 50, Burst: 100}, 0.08},
		{stubaws.Limit{PerSecond: 300, Burst: 30}, 0.05},
		{stubaws.Limit{PerSecond: 600, Burst: 600}, 0.05},
	} {
		t.Run(fmt.Sprintf("%.0f a second, burst %d", c.limit.PerSecond, c.limit.Burst), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := newCloud(c.limit)
				calls := int(c.limit.PerSecond) * 60
				start := time.Now()
				if err := get(t.Context(), calls, ecr.NewFromConfig(cloud.Config()), ecr.NewFromConfig(cloud.Config())); err != nil {
					t.Fatal(err)
				}
				took := time.Since(start)
				bound := time.Duration(float64(calls-c.limit.Burst) / c.limit.PerSecond * float64(time.Second))
				wasted := float64(cloud.Throttled()[operation]) / float64(cloud.Calls()[operation])
				t.Logf("%.0f %% of the rate, %.1f %% wasted", 100*bound.Seconds()/took.Seconds(), 100*wasted)
				if took > bound*10/8 {
					t.Errorf("took %s, where %s would do", took, bound)
				}
				if wasted > c.wasted {
					t.Errorf("%.1f %% of the calls were throttled", 100*wasted)
				}
			})
		})
	}
}

func TestNoThrottlingNoPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(stubaws.Limit{PerSecond: 1000, Burst: 1000})
		start := time.Now()
		if err := get(t.Context(), 1000, ecr.NewFromConfig(cloud.Config())); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("1,000 calls of 20 ms, ten at a time, took %s", took)
		}
	})
}

// Lambda freezes the process between invocations. What was found out before is not forgotten, nor is the time misread.
func TestFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(stubaws.Limit{PerSecond: 100, Burst: 10})
		client := ecr.NewFromConfig(cloud.Config())
		for range 10 {
			start := time.Now()
			if err := get(t.Context(), 300, client); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > 6*time.Second {
				t.Errorf("300 calls at 100 a second took %s", took)
			}
			time.Sleep(time.Hour)
		}
	})
}

// A call that is throttled while there are hardly any others tells little: when more come, the pace is soon what AWS allows.
func TestFewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(stubaws.Limit{PerSecond: 300, Burst: 300})
		var calls atomic.Int64
		cloud.OnCall = func(context.Context, stubaws.Call) stubaws.Fault {
			if calls.Add(1) == 10 {
				return stubaws.Fault{Code: "ThrottlingException"}
			}
			return stubaws.Fault{}
		}
		client := ecr.NewFromConfig(cloud.Config())
		for range 30 {
			if err := get(t.Context(), 1, client); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		start := time.Now()
		if err := get(t.Context(), 3000, client); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("3,000 calls at 300 a second took %s", took)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(stubaws.Limit{PerSecond: 1, Burst: 1})
		client := ecr.NewFromConfig(cloud.Config())
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		start := time.Now()
		err := get(ctx, 1000, client)
		if err == nil || ctx.Err() == nil && !strings.Contains(err.Error(), "exceeded maximum number of attempts") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("ended after %s", took)
		}
	})
}
