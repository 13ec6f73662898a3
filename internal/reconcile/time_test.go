package reconcile_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// createRepositories creates up to a hundred repositories, and returns their names in order.
func createRepositories(cloud *stubaws.AWS, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("r%02d", i))
	}
	cloud.CreateRepository(names...)
	return names
}

// Repositories that aren't finished before the deadline are returned, and finished by later runs.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, r := newReconciler(t)
		repositories := createRepositories(cloud, 100)
		cloud.PutList(list, "111111111111")
		cloud.OnCall = func(ctx context.Context, _ stubaws.Call) stubaws.Fault {
			select {
			case <-time.After(4 * time.Second):
			case <-ctx.Done():
			}
			return stubaws.Fault{}
		}
		report := &recorder{}
		remaining, attempts := repositories, 0
		for len(remaining) > 0 {
			attempts++
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			err := r.Run(ctx, event.Repositories{Trigger: "Request", Names: remaining}, report)
			if ctx.Err() != nil {
				t.Error("the run didn't end before the deadline")
			}
			cancel()
			if err == nil {
				break
			}
			unfinished, ok := err.(*reconcile.Unfinished) //nolint:errorlint // Run doesn't wrap it
			if !ok || len(unfinished.Repositories) >= len(remaining) {
				t.Fatalf("attempt %d: %v", attempts, err)
			}
			remaining = unfinished.Repositories
		}
		if attempts < 2 {
			t.Errorf("done after %d attempts", attempts)
		}
		for _, repository := range repositories {
			if accounts(t, cloud, repository) != "111111111111" {
				t.Errorf("%s has no policy", repository)
			}
		}
		if strings.Contains(report.outcomes(), "failed") {
			t.Errorf("an unfinished repository counts as failed: %s", report.outcomes())
		}
	})
}

// A batch that is throttled slows down and doesn't fail.
func TestThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, r := newReconciler(t)
		repositories := createRepositories(cloud, 50)
		cloud.PutList(list, "111111111111")
		limit := stubaws.Limit{PerSecond: 30, Burst: 5}
		cloud.Limits = map[string]stubaws.Limit{"GetRepositoryPolicy": limit, "SetRepositoryPolicy": limit}
		report, err := run(t, r, repositories...)
		if err != nil || strings.Contains(report.outcomes(), "failed") {
			t.Errorf("got %v, %q", err, report.outcomes())
		}
		if len(cloud.Throttled()) == 0 {
			t.Error("nothing was throttled")
		}
	})
}

// The repositories wait for the lists.
func TestSlowLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, r := newReconciler(t)
		cloud.CreateRepository("a1", "b1")
		cloud.PutList(list, "111111111111")
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == "GetParameters" {
				time.Sleep(time.Minute)
			}
			return stubaws.Fault{}
		}
		report, err := run(t, r, "a1", "b1")
		if err != nil || report.outcomes() != "a1 updated, b1 updated" {
			t.Errorf("got %v, %q", err, report.outcomes())
		}
	})
}
