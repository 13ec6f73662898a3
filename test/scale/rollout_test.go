// Package scale_test runs rollouts for as many repositories as ECR allows in a Region.
package scale_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/function"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const (
	fewest = 1_000
	most   = 100_000 // https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html

	// What the largest rollout may need beyond the smallest, in bytes.
	allowance = 10 << 20
	// What the largest rollout may need at all: half of the function's memory.
	limit = 128 << 20
)

func TestRolloutNamesEveryRepositoryOnceInFlatMemory(t *testing.T) {
	small := rollOut(t, fewest)
	large := rollOut(t, most)
	t.Logf("%7d repositories: peak %5.1f MB, %s", fewest, megabytes(small.peak), small.took)
	t.Logf("%7d repositories: peak %5.1f MB, %s", most, megabytes(large.peak), large.took)
	if large.peak > small.peak+allowance {
		t.Errorf("memory grows with the registry: from %.1f to %.1f MB", megabytes(small.peak), megabytes(large.peak))
	}
	if large.peak > limit {
		t.Errorf("the peak is %.1f MB, over %.1f", megabytes(large.peak), megabytes(limit))
	}
}

func megabytes(bytes int) float64 { return float64(bytes) / (1 << 20) }

type measured struct {
	peak int // bytes
	took time.Duration
}

// rollOut has the real onaccount roll a list out over n repositories.
func rollOut(t *testing.T, n int) measured {
	t.Helper()
	cloud := stubaws.New(localaws.Account, "eu-central-1")
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("team-%03d/service-%06d", i%100, i)
	}
	cloud.CreateRepository(names...)
	cloud.PutList(function.List, "111111111111")

	onaccount := startOnAccount(t, cloud)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	started := time.Now()
	response, err := onaccount.Invoke(ctx, []byte(`{"source":"aws.events","detail-type":"Scheduled Event"}`))
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(started)

	var result struct{ Requested int }
	if err := json.Unmarshal(response, &result); err != nil || result.Requested != n {
		t.Errorf("onaccount returned %s, want %d requested", response, n)
	}
	times := make(map[string]int, n)
	for _, published := range cloud.Published() {
		request, err := event.ForRepositories(cloud.Envelope(published), cloud.Account)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range request.Names {
			times[name]++
		}
	}
	for _, name := range names {
		if times[name] != 1 {
			t.Fatalf("%s is named %d times", name, times[name])
		}
	}
	// A page of ECR and a call of EventBridge take a thousand names each: that is what makes the time linear.
	calls, retries := cloud.Calls(), cloud.Retries()
	for _, operation := range []string{"DescribeRepositories", "PutEvents"} {
		if found := calls[operation] - retries[operation]; found != n/1000 {
			t.Errorf("%d repositories took %d calls of %s, want %d", n, found, operation, n/1000)
		}
	}
	peak, err := onaccount.PeakMemory()
	if err != nil {
		t.Fatal(err)
	}
	return measured{peak: peak, took: took}
}

func startOnAccount(t *testing.T, cloud *stubaws.AWS) *function.Function {
	t.Helper()
	url, stop, err := function.Serve(cloud)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	binaries, err := function.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	onaccount, err := function.Start(binaries.OnAccount, function.Environment(cloud, url), function.OnAccountTimeout, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(onaccount.Stop)
	return onaccount
}
