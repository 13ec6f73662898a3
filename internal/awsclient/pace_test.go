package awsclient_test

import (
	"context"
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

// newCloud returns an AWS that responds after 20 ms and has the repository. Its clients use this package.
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

// Where AWS throttles no calls, the rate is high enough within a second.
func TestNoThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(stubaws.Limit{PerSecond: 1000, Burst: 1000})
		start := time.Now()
		if err := get(t.Context(), 1000, ecr.NewFromConfig(cloud.Config())); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("1,000 calls of 20 ms, ten at a time, took %s", took)
		}
	})
}

// The first calls are made in an outage, before the rate that AWS allows is known.
func TestOutageAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(stubaws.Limit{PerSecond: 300, Burst: 30})
		end := time.Now().Add(2 * time.Second)
		cloud.OnCall = func(context.Context, stubaws.Call) stubaws.Fault {
			if time.Now().Before(end) {
				return stubaws.Fault{Code: "ThrottlingException"}
			}
			return stubaws.Fault{}
		}
		if err := get(t.Context(), 100, ecr.NewFromConfig(cloud.Config())); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(end); took > 4*time.Second {
			t.Errorf("100 calls took %s from the end of the outage", took)
		}
	})
}

// AWS throttles each operation separately.
func TestRateOfEachOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(stubaws.Limit{PerSecond: 1, Burst: 1})
		client := ecr.NewFromConfig(cloud.Config())
		if err := get(t.Context(), 5, client); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 5 {
			if _, err := client.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("5 calls of an operation that isn't throttled took %s", took)
		}
	})
}

// A connection that breaks doesn't change the rate.
func TestLostResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(stubaws.Limit{PerSecond: 300, Burst: 300})
		var calls atomic.Int64
		cloud.OnCall = func(context.Context, stubaws.Call) stubaws.Fault {
			return stubaws.Fault{Lost: calls.Add(1)%2 == 0}
		}
		start := time.Now()
		if err := get(t.Context(), 300, ecr.NewFromConfig(cloud.Config())); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("300 calls, half of which were lost, took %s", took)
		}
	})
}

// A call that is throttled while there are few others lowers the rate only for a short time.
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
		if err := get(t.Context(), 1000, client); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("1,000 calls at 300 a second took %s", took)
		}
	})
}

func TestWaitEndsWithContext(t *testing.T) {
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
