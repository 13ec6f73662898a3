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

	// maxGrowth is the maximum difference between the peaks of the largest and the smallest rollout, in bytes.
	maxGrowth = 10 << 20

	// maxPeak is the maximum peak of the largest rollout in bytes. It is half of the function's memory.
	maxPeak = 128 << 20
)

// TestRollout checks that onaccount requests each repository once, with constant memory, and with a number of calls
// that grows linearly with the number of repositories.
func TestRollout(t *testing.T) {
	small := rollOut(t, fewest)
	large := rollOut(t, most)
	t.Logf("%7d repositories: peak %5.1f MB, %s", fewest, megabytes(small.peak), small.duration)
	t.Logf("%7d repositories: peak %5.1f MB, %s", most, megabytes(large.peak), large.duration)
	if large.peak > small.peak+maxGrowth {
		t.Errorf("peak memory grew from %.1f to %.1f MB, want growth of at most %.1f MB",
			megabytes(small.peak), megabytes(large.peak), megabytes(maxGrowth))
	}
	if large.peak > maxPeak {
		t.Errorf("peak memory is %.1f MB, want at most %.1f MB", megabytes(large.peak), megabytes(maxPeak))
	}
}

func megabytes(bytes int) float64 { return float64(bytes) / (1 << 20) }

// measurement is the measurement of a rollout.
type measurement struct {
	peak     int // peak memory in bytes
	duration time.Duration
}

// rollOut invokes the real onaccount with the event of the schedule in a registry with n repositories. It checks the
// requests and the number of calls.
func rollOut(t *testing.T, n int) measurement {
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
	duration := time.Since(started)

	var result struct{ Requested int }
	if err := json.Unmarshal(response, &result); err != nil || result.Requested != n {
		t.Errorf("onaccount returned %s, want requested = %d", response, n)
	}
	requests := make(map[string]int, n) // number of requests by repository
	for _, published := range cloud.Published() {
		request, err := event.ForRepositories(cloud.Envelope(published), cloud.Account)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range request.Names {
			requests[name]++
		}
	}
	for _, name := range names {
		if requests[name] != 1 {
			t.Fatalf("%s was requested %d times, want once", name, requests[name])
		}
	}
	// A page of DescribeRepositories and a call of PutEvents contain 1,000 names each.
	calls, retries := cloud.Calls(), cloud.Retries()
	for _, operation := range []string{"DescribeRepositories", "PutEvents"} {
		if got := calls[operation] - retries[operation]; got != n/1000 {
			t.Errorf("%d repositories: %d calls of %s, want %d", n, got, operation, n/1000)
		}
	}
	peak, err := onaccount.PeakMemory()
	if err != nil {
		t.Fatal(err)
	}
	return measurement{peak: peak, duration: duration}
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
