package onaccount_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onaccount"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/rollout"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// rollouts records requests, and returns the results that a test specifies.
type rollouts struct {
	asked      []string
	unusable   bool
	unreadable bool // the lists, because of err
	err        error
	registry   reconcile.Result
}

func (r *rollouts) ListChanged(ctx context.Context, t event.ListChanged, report rollout.Reporter) (int, error) {
	r.asked = append(r.asked, t.Name)
	if r.unreadable {
		return 0, r.err
	}
	list := accountlist.List{Name: t.Name}
	if r.unusable {
		list.Problem = errors.New("broken")
	}
	report.Lists(ctx, []accountlist.List{list})
	return 7, r.err
}

func (r *rollouts) Scheduled(ctx context.Context, report rollout.Reporter) (int, error) {
	r.asked = append(r.asked, "everything")
	report.Lists(ctx, nil)
	return 9, r.err
}

func (r *rollouts) RegistryPolicyChanged(ctx context.Context, report rollout.Reporter) error {
	r.asked = append(r.asked, "the registry policy")
	report.Registry(ctx, r.registry)
	return r.err
}

// A registry policy that can't be written is counted for the alarm unless it is retried, and a restored one too.
func TestRegistryPolicy(t *testing.T) {
	failed := reconcile.Result{Outcome: reconcile.Failed, Err: errors.New("policy rejected")}
	retried := failed
	retried.Retry = true
	for name, c := range map[string]struct {
		result reconcile.Result
		want   map[string]float64
	}{
		"restored":  {reconcile.Result{Outcome: reconcile.Updated}, map[string]float64{telemetry.RestoredPolicies: 1}},
		"unchanged": {reconcile.Result{Outcome: reconcile.Unchanged}, map[string]float64{}},
		"rejected":  {failed, map[string]float64{telemetry.FailedPermanently: 1}},
		"retried":   {retried, map[string]float64{}},
	} {
		response, log, err := handle(t, &rollouts{registry: c.result}, "put-registry-policy")
		got := metrics(t, log)
		delete(got, telemetry.Requested)
		if err != nil || response.RegistryPolicy != c.result.Outcome || !maps.Equal(got, c.want) {
			t.Errorf("%s: got %+v, %v, metrics %v", name, response, err, got)
		}
		line := `"outcome":"` + string(c.result.Outcome) + `","trigger":"PutRegistryPolicy"`
		if !strings.Contains(log, `"msg":"registry policy processed"`) || !strings.Contains(log, line) || !strings.Contains(log, `"changedBy":"arn:aws:iam::123456789012:role/deploy"`) {
			t.Errorf("%s: %s", name, log)
		}
	}
}

func handle(t *testing.T, r *rollouts, sample string) (onaccount.Response, string, error) {
	t.Helper()
	event, err := os.ReadFile("../../events/" + sample + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	handler := &onaccount.Handler{
		Stack:   "stack",
		Account: "123456789012",
		Rollout: r,
		Created: func(context.Context) (time.Time, error) { return time.Time{}, nil },
		Log:     telemetry.NewLogger(&log),
	}
	response, err := handler.Handle(t.Context(), json.RawMessage(event))
	return response, log.String(), err
}

func TestHandle(t *testing.T) {
	for sample, c := range map[string]struct {
		asked     string
		requested int
	}{
		"list-updated":           {"/ecr-pull-policy/accounts", 7},
		"namespace-list-updated": {"/ecr-pull-policy/accounts/team-a", 7},
		"schedule":               {"everything", 9},
		"put-registry-policy":    {"the registry policy", 0},
		"delete-registry-policy": {"the registry policy", 0},
	} {
		r := &rollouts{}
		response, log, err := handle(t, r, sample)
		if err != nil || response.Requested != c.requested || strings.Join(r.asked, " ") != c.asked {
			t.Errorf("%s: asked for %q, got %+v, %v", sample, r.asked, response, err)
		}
		if !strings.Contains(log, fmt.Sprintf(`"Requested":%d`, c.requested)) {
			t.Errorf("%s: no number of requested repositories in %s", sample, log)
		}
	}
}

func TestUnusableListIsNotAnError(t *testing.T) {
	response, log, err := handle(t, &rollouts{unusable: true}, "list-updated")
	if err != nil || response.UnusableLists != 1 || !strings.Contains(log, "broken") {
		t.Errorf("got %+v, %v, %s", response, err, log)
	}
}

// metrics returns the last value of each metric in a log, as CloudWatch reads it.
func metrics(t *testing.T, log string) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for line := range strings.Lines(log) {
		var members map[string]json.RawMessage
		var embedded struct {
			CloudWatchMetrics []struct{ Metrics []struct{ Name string } }
		}
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatal(err)
		}
		if members["_aws"] == nil {
			continue
		}
		if err := json.Unmarshal(members["_aws"], &embedded); err != nil {
			t.Fatal(err)
		}
		for _, metric := range embedded.CloudWatchMetrics[0].Metrics {
			var value float64
			if err := json.Unmarshal(members[metric.Name], &value); err != nil {
				t.Fatalf("%s: %v", metric.Name, err)
			}
			values[metric.Name] = value
		}
	}
	return values
}

// Alarms return to OK when the metric is zero, so a zero is written only if a check found no problems.
func TestMetrics(t *testing.T) {
	failure := errors.New("throttled")
	const found = telemetry.UnusableLists + "Found"
	now := 946684800.0 // 2000-01-01, when a bubble begins
	for name, c := range map[string]struct {
		rollouts rollouts
		want     map[string]float64
	}{
		"all lists can be used": {rollouts{}, map[string]float64{found: -now}},
		"one can't":             {rollouts{unusable: true}, map[string]float64{found: now}},
		"can't be requested":    {rollouts{err: failure}, map[string]float64{found: -now}},
		"can't be read":         {rollouts{unreadable: true, err: failure}, map[string]float64{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, log, _ := handle(t, &c.rollouts, "list-updated")
				if got := metrics(t, log); !maps.Equal(got, c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		})
	}
}

// A missing list isn't a problem during the grace time of a new stack.
func TestMissingListOfNewStack(t *testing.T) {
	const root, namespace = "/ecr-pull-policy/accounts", "/ecr-pull-policy/accounts/team-a"
	for name, c := range map[string]struct {
		changed string // by the event; "" for the schedule
		lists   []string
		age     time.Duration // of the stack
		err     error         // instead of its age
		want    string        // the sign of the finding
	}{
		"schedule in a new stack":               {age: time.Hour, want: "none"},
		"schedule in a stack of a day":          {age: 24 * time.Hour, want: "found"},
		"schedule in an old stack":              {age: 1000 * time.Hour, want: "found"},
		"schedule in a stack of unknown age":    {err: errors.New("denied"), want: "found"},
		"deletion in a new stack":               {changed: root, age: time.Hour, want: "found"},
		"list of a namespace in a new stack":    {changed: namespace, lists: []string{namespace}, age: time.Hour, want: "none"},
		"its deletion in a new stack":           {changed: namespace, age: time.Hour, want: "found"},
		"broken list of a namespace, new stack": {changed: namespace, lists: []string{namespace + " *"}, age: time.Hour, want: "found"},
		"schedule with a list in a new stack":   {lists: []string{root}, age: time.Hour, want: "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := stubaws.New("123456789012", "eu-central-1")
				for _, list := range c.lists {
					name, value, _ := strings.Cut(list, " ")
					cloud.PutList(name, cmp.Or(value, "111111111111"))
				}
				standard := policy.Standard{
					Registry: policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"},
					Style:    policy.GrantPrincipal,
				}
				var log bytes.Buffer
				handler := &onaccount.Handler{
					Account: "123456789012",
					Rollout: &rollout.Rollout{
						Lists:    parameterstore.New(ssm.NewFromConfig(cloud.Config()), root, standard),
						Registry: nothing{},
						Names:    func(context.Context) iter.Seq2[[]string, error] { return func(func([]string, error) bool) {} },
						Requests: func(string, event.Principals) rollout.Publisher { return nothing{} },
					},
					Created: func(context.Context) (time.Time, error) { return time.Now().Add(-c.age), c.err },
					Log:     telemetry.NewLogger(&log),
				}
				event := `{"source":"aws.events","detail-type":"Scheduled Event"}`
				if c.changed != "" {
					event = `{"source":"aws.ssm","detail-type":"Parameter Store Change","detail":{"name":"` + c.changed + `","operation":"Delete"}}`
				}
				if _, err := handler.Handle(t.Context(), json.RawMessage(event)); err != nil {
					t.Fatal(err)
				}
				got := "none"
				if value, ok := metrics(t, log.String())[telemetry.UnusableLists+"Found"]; ok && value > 0 {
					got = "found"
				} else if ok {
					got = "not found"
				}
				if got != c.want {
					t.Errorf("got %s, want %s: %s", got, c.want, &log)
				}
			})
		})
	}
}

// nothing is requested of it.
type nothing struct{}

func (nothing) Add(context.Context, string) error { return nil }
func (nothing) Flush(context.Context) error       { return nil }

func (nothing) RunRegistry(context.Context, reconcile.Reporter) error { return nil }

func TestIgnored(t *testing.T) {
	r := &rollouts{}
	_, log, err := handle(t, r, "ignored/list-labeled")
	if err != nil || len(r.asked) != 0 || strings.Count(log, "\n") != 1 || !strings.Contains(log, "event ignored") {
		t.Errorf("asked for %q, %v, %s", r.asked, err, log)
	}
}

func TestErrorsAreRetriedAndLogged(t *testing.T) {
	if _, log, err := handle(t, &rollouts{err: errors.New("throttled")}, "list-updated"); err == nil || !strings.Contains(log, `"error":"throttled"`) {
		t.Errorf("got %v, %s", err, log)
	}
}

// The principals that don't exist are logged and counted, even if there are none. A failed check is not a finding.
func TestPrincipals(t *testing.T) {
	for name, c := range map[string]struct {
		missing []string
		err     error
		want    map[string]float64 // metrics; Found is 1 for found, -1 for not found
		lines   []string
	}{
		"all exist":    {want: map[string]float64{"RejectedPrincipalsFound": -1}, lines: []string{"principals checked"}},
		"some don't":   {missing: []string{"a", "b"}, want: map[string]float64{"RejectedPrincipalsFound": 1}, lines: []string{`"rejected":["a","b"]`, `"RejectedPrincipals":2`}},
		"check failed": {err: errors.New("denied"), want: map[string]float64{"FailedPermanently": 1}, lines: []string{`"principal check failed"`, `"error":"denied"`}},
		"check failed halfway": {missing: []string{"a"}, err: errors.New("throttled"), want: map[string]float64{"RejectedPrincipalsFound": 1, "FailedPermanently": 1},
			lines: []string{`"rejected":["a"]`, `"error":"throttled"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			handler := &onaccount.Handler{Account: "123456789012", Rollout: checking{missing: c.missing, err: c.err}, Log: telemetry.NewLogger(&log)}
			response, err := handler.Handle(t.Context(), json.RawMessage(`{"source":"aws.events","detail-type":"Scheduled Event"}`))
			if err != nil || !slices.Equal(response.RejectedPrincipals, c.missing) {
				t.Errorf("got %+v, %v", response, err)
			}
			got := metrics(t, log.String())
			for name, value := range got {
				if strings.HasSuffix(name, "Found") {
					got[name] = math.Copysign(1, value)
				}
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("metrics %v, want %v", got, c.want)
			}
			for _, line := range c.lines {
				if !strings.Contains(log.String(), line) {
					t.Errorf("no line has %s: %s", line, &log)
				}
			}
		})
	}
}

// checking is a rollout that found principals.
type checking struct {
	onaccount.Rollout
	missing []string
	err     error
}

func (c checking) ListChanged(context.Context, event.ListChanged, rollout.Reporter) (int, error) {
	return 0, nil
}

func (c checking) Scheduled(ctx context.Context, report rollout.Reporter) (int, error) {
	report.Missing(ctx, c.missing, c.err)
	return 0, nil
}
