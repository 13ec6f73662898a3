// Package scale_test rolls lists out over as many repositories as ECR allows in a Region.
package scale_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/trigger"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const (
	list = "/ecr-pull-policy/accounts"

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
	server := httptest.NewServer(cloud)
	defer server.Close()
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("team-%03d/service-%06d", i%100, i)
	}
	cloud.CreateRepository(names...)
	cloud.PutList(list, "111111111111")

	onaccount := startFunction(t, localaws.OnAccount, map[string]string{
		"AWS_ENDPOINT_URL":      server.URL,
		"AWS_REGION":            cloud.Region,
		"AWS_ACCESS_KEY_ID":     "AKIAEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "secret",
		"STACK_NAME":            "scale",
		"REGISTRY_PARTITION":    "aws",
		"REGISTRY_ACCOUNT_ID":   cloud.Account,
		"ACCOUNT_LIST_NAME":     list,
		"GRANT_STYLE":           "principal",
		"LAMBDA_STATEMENT":      "on",
		"INCLUDE":               "**",
		"MODE":                  "enforce",
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	started := time.Now()
	response := onaccount.invoke(ctx, `{"source":"aws.events","detail-type":"Scheduled Event"}`)
	took := time.Since(started)

	var said struct{ Requested int }
	if err := json.Unmarshal([]byte(response), &said); err != nil || said.Requested != n {
		t.Errorf("onaccount says %s, want %d requested", response, n)
	}
	times := make(map[string]int, n)
	for _, event := range cloud.Published() {
		request, err := trigger.ForRepositories(cloud.Envelope(event), cloud.Account)
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
	// A page of ECR and a call of EventBridge take a thousand names each: that is what makes the time linear. A few
	// more are the SDK's retries of answers that it could not read to their end.
	calls := cloud.Calls()
	for _, operation := range []string{"DescribeRepositories", "PutEvents"} {
		if least, found := n/1000, calls[operation]; found < least || found > least+max(1, least/10) {
			t.Errorf("%d repositories took %d calls of %s, want %d", n, found, operation, least)
		}
	}
	return measured{peak: onaccount.peakMemory(), took: took}
}
