package onrepo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onrepo"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/version"
)

// reconciler runs the function of a test for each trigger.
type reconciler func(event.Repositories, reconcile.Reporter) error

func (f reconciler) Run(_ context.Context, t event.Repositories, report reconcile.Reporter) error {
	return f(t, report)
}

func handle(t *testing.T, payload string, f reconciler) (onrepo.Response, []map[string]any, error) {
	t.Helper()
	var log bytes.Buffer
	handler := &onrepo.Handler{
		Stack:      "stack",
		Account:    "123456789012",
		Reconciler: f,
		Request: func(_ context.Context, again event.Repositories) error {
			if again.Names[0] == "unpublishable" {
				return errors.New("no bus")
			}
			log.WriteString(`{"requested":"` + strings.Join(append([]string{again.Trigger, string(again.Principals)}, again.Names...), " ") + `"}` + "\n")
			return nil
		},
		Log: telemetry.NewLogger(&log),
	}
	response, err := handler.Handle(t.Context(), json.RawMessage(payload))
	var lines []map[string]any
	for line := range strings.Lines(log.String()) {
		var decoded map[string]any
		if err := json.Unmarshal([]byte(line), &decoded); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		lines = append(lines, decoded)
	}
	return response, lines, err
}

func sample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../events/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func queued(bodies ...string) string {
	type record struct {
		MessageID string `json:"messageId"`
		Body      string `json:"body"`
	}
	var batch struct{ Records []record }
	for i, body := range bodies {
		batch.Records = append(batch.Records, record{fmt.Sprintf("m%d", i), body})
	}
	text, _ := json.Marshal(batch)
	return string(text)
}

func TestLinesAndMetrics(t *testing.T) {
	response, lines, err := handle(t, sample(t, "reconcile-request"), func(_ event.Repositories, report reconcile.Reporter) error {
		report.Unusable(t.Context(), accountlist.List{Name: "/list", Version: 3, InUse: 2, Problem: errors.New("broken"), Notices: []string{"own account"}})
		report.Repository(t.Context(), reconcile.Result{Repository: "a", Outcome: reconcile.Updated, ListVersion: "2", Added: []string{"EcrPullPolicyAccounts"}})
		report.Repository(t.Context(), reconcile.Result{Repository: "b", Outcome: reconcile.WouldUpdate, Removed: []string{"EcrPullPolicyLambda"}})
		report.Repository(t.Context(), reconcile.Result{Repository: "c", Outcome: reconcile.Failed, Err: errors.New("too large")})
		report.Repository(t.Context(), reconcile.Result{Repository: "e", Outcome: reconcile.Updated, Reason: "ECR rejects a principal"})
		report.Repository(t.Context(), reconcile.Result{Repository: "d", Outcome: reconcile.Gone, Reason: "does not exist"})
		return nil
	})
	if err != nil || fmt.Sprint(response.Outcomes) != "map[failed:1 gone:1 updated:2 would-update:1]" {
		t.Errorf("got %+v, %v", response, err)
	}
	want := []string{
		`{"error":"broken","inUse":2,"level":"ERROR","list":"/list","msg":"account list cannot be used","version":3}`,
		`{"level":"WARN","list":"/list","msg":"account list entry ignored","notice":"own account","version":2}`,
		`{"added":["EcrPullPolicyAccounts"],"level":"INFO","listVersion":"2","msg":"repository processed","outcome":"updated","removed":[],"repository":"a","trigger":"Request"}`,
		`{"added":[],"level":"INFO","listVersion":"","msg":"repository processed","outcome":"would-update","removed":["EcrPullPolicyLambda"],"repository":"b","trigger":"Request"}`,
		`{"added":[],"error":"too large","level":"ERROR","listVersion":"","msg":"repository processed","outcome":"failed","removed":[],"repository":"c","retry":false,"trigger":"Request"}`,
		`{"added":[],"level":"INFO","listVersion":"","msg":"repository processed","outcome":"updated","reason":"ECR rejects a principal","removed":[],"repository":"e","trigger":"Request"}`,
		`{"added":[],"level":"INFO","listVersion":"","msg":"repository processed","outcome":"gone","reason":"does not exist","removed":[],"repository":"d","trigger":"Request"}`,
		`{"Failed":1,"FailedPermanently":1,"Gone":1,"Stack":"stack","Updated":2,"WouldUpdate":1,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["Stack"]],"Metrics":[` +
			`{"Name":"FailedPermanently","Unit":"Count"}],"Namespace":"ecr-pull-policy"}]},"level":"INFO","msg":"invocation ended"}`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d: %v", len(lines), len(want), lines)
	}
	for i, line := range lines {
		if line["build"] != version.String() {
			t.Errorf("line %d has the build %v", i, line["build"])
		}
		delete(line, "build")
		delete(line, "time")
		if embedded, ok := line["_aws"].(map[string]any); ok {
			if embedded["Timestamp"].(float64) < 1.7e12 {
				t.Errorf("timestamp %v is not in milliseconds", embedded["Timestamp"])
			}
			delete(embedded, "Timestamp")
		}
		if got, _ := json.Marshal(line); string(got) != want[i] {
			t.Errorf("line %d is\n%s, want\n%s", i, got, want[i])
		}
	}
}

// The propagation time is measured only for requests after a change of a list.
func TestPropagation(t *testing.T) {
	for name, c := range map[string]struct {
		trigger string
		result  reconcile.Result
		want    any // seconds
	}{
		"written":               {event.TriggerListChanged, reconcile.Result{Outcome: reconcile.Updated}, 90.0},
		"deleted":               {event.TriggerListChanged, reconcile.Result{Outcome: reconcile.Deleted}, 90.0},
		"unchanged":             {event.TriggerListChanged, reconcile.Result{Outcome: reconcile.Unchanged}, nil},
		"failed":                {event.TriggerListChanged, reconcile.Result{Outcome: reconcile.Failed}, nil},
		"fixed by the schedule": {event.TriggerScheduled, reconcile.Result{Outcome: reconcile.Updated}, nil},
		"other request":         {"Else", reconcile.Result{Outcome: reconcile.Updated}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				payload := `{"source":"ecr-pull-policy","detail-type":"Repository Reconcile Requested","detail":{"repositories":["api"],"trigger":"` + c.trigger + `"}}`
				_, lines, err := handle(t, payload, func(_ event.Repositories, report reconcile.Reporter) error {
					for _, age := range []time.Duration{30 * time.Second, 90 * time.Second, 60 * time.Second} {
						c.result.ListChanged = time.Now().Add(-age)
						report.Repository(t.Context(), c.result)
					}
					c.result.ListChanged = time.Time{} // unknown
					report.Repository(t.Context(), c.result)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				last := lines[len(lines)-1]
				if got := last[telemetry.PropagationSeconds]; got != c.want {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestIgnoredEventsWriteOneLine(t *testing.T) {
	for _, name := range []string{"create-repository-failed", "create-repository-other-registry", "image-scan"} {
		response, lines, err := handle(t, sample(t, "ignored/"+name), func(event.Repositories, reconcile.Reporter) error {
			t.Error("reconciled")
			return nil
		})
		if err != nil || len(response.Outcomes) != 0 || len(lines) != 1 || lines[0]["msg"] != "event ignored" || lines[0]["reason"] == "" {
			t.Errorf("%s: got %+v, %v, %v", name, response, lines, err)
		}
	}
}

func TestPartialBatchResponse(t *testing.T) {
	request := func(name string) string {
		return `{"source":"ecr-pull-policy","detail-type":"Repository Reconcile Requested","detail":{"repositories":["` + name + `"]}}`
	}
	payload := queued(request("good"), request("bad"), "no JSON", sample(t, "ignored/image-scan"), request("fine"))
	var seen []string
	response, lines, err := handle(t, payload, func(r event.Repositories, _ reconcile.Reporter) error {
		seen = append(seen, r.Names[0])
		if r.Names[0] == "bad" {
			return errors.New("throttled")
		}
		return nil
	})
	if err != nil || strings.Join(seen, " ") != "good bad fine" {
		t.Errorf("saw %q, %v", seen, err)
	}
	if got := fmt.Sprint(response.BatchItemFailures); got != "[{m1} {m2}]" {
		t.Errorf("failures %s, want those of m1 and m2", got)
	}
	var failed []string
	for _, line := range lines {
		if line["msg"] == "message failed" {
			failed = append(failed, fmt.Sprint(line["message"], ": ", line["error"]))
		}
	}
	if len(failed) != 2 || failed[0] != "m1: throttled" || !strings.Contains(failed[1], "event rejected") {
		t.Errorf("lines of failures %q", failed)
	}
	if last := lines[len(lines)-1]; last["RejectedEvents"] != 1.0 {
		t.Errorf("last line %v, want one event rejected", last)
	}
}

func TestErrors(t *testing.T) {
	_, lines, err := handle(t, sample(t, "image-pushed"), func(event.Repositories, reconcile.Reporter) error { return errors.New("throttled") })
	if err == nil || len(lines) != 1 || lines[0]["error"] != "throttled" {
		t.Errorf("got %v, %v, want an error and a log line with the reason", lines, err)
	}
}

func TestUndecodablePayloadIsLoggedAndCounted(t *testing.T) {
	for _, payload := range []string{`no JSON`, `[]`, `"text"`, `{"Records":7}`, `{"Records":[{"attributes":{"ApproximateReceiveCount":"many"}}]}`} {
		_, lines, err := handle(t, payload, nil)
		if err == nil || len(lines) != 2 {
			t.Fatalf("%s: got %v, %v, want an error and two log lines", payload, lines, err)
		}
		if lines[0]["level"] != "ERROR" || lines[0]["error"] != err.Error() || lines[1]["RejectedEvents"] != 1.0 {
			t.Errorf("%s: got %v, want the error and one rejected event", payload, lines)
		}
	}
}

func TestInvalidNamesAreRejectedAlone(t *testing.T) {
	const request = `{"source":"ecr-pull-policy","detail-type":"Repository Reconcile Requested","detail":{"repositories":["api","team..api","web","A"]}}`
	response, lines, err := handle(t, queued(request), func(r event.Repositories, report reconcile.Reporter) error {
		for _, name := range r.Names {
			report.Repository(t.Context(), reconcile.Result{Repository: name, Outcome: reconcile.Unchanged})
		}
		return nil
	})
	if err != nil || len(response.BatchItemFailures) != 0 || response.Outcomes[reconcile.Unchanged] != 2 {
		t.Errorf("got %+v, %v, want the two other repositories handled, and no retry", response, err)
	}
	var rejected []string
	for _, line := range lines {
		if line["msg"] == "repository name rejected" {
			rejected = append(rejected, fmt.Sprint(line["error"]))
		}
	}
	if len(rejected) != 2 || !strings.HasPrefix(rejected[0], `"team..api": `) || !strings.HasPrefix(rejected[1], `"A": `) {
		t.Errorf("rejected %q", rejected)
	}
	if last := lines[len(lines)-1]; last[telemetry.RejectedNames] != 2.0 || last[telemetry.RejectedEvents] != nil {
		t.Errorf("last line %v, want two names rejected and no event", last)
	}
}

func TestWhatIsLeftIsRequestedAgain(t *testing.T) {
	left := func(names ...string) *reconcile.Unfinished { return &reconcile.Unfinished{Repositories: names, Of: 3} }
	throttled := errors.New("throttled")
	for name, c := range map[string]struct {
		err       error
		requested string
		fails     bool
	}{
		"some are unfinished": {left("b1", "c1"), "Request exist b1 c1", false},
		"all are unfinished":  {left("a1", "b1", "c1"), "", true},
		"others failed":       {errors.Join(throttled, left("b1")), "Request exist b1", true},
		"request fails":       {left("unpublishable"), "", true},
		"all are finished":    {nil, "", false},
		"all failed":          {throttled, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			const request = `{"source":"ecr-pull-policy","detail-type":"Repository Reconcile Requested","detail":{"repositories":["a1","b1","c1"],"principals":"exist"}}`
			run := func(event.Repositories, reconcile.Reporter) error { return c.err }
			requested := func(lines []map[string]any) string {
				for _, line := range lines {
					if names, ok := line["requested"].(string); ok {
						return names
					}
				}
				return ""
			}
			response, lines, err := handle(t, queued(request), run)
			if err != nil || (len(response.BatchItemFailures) == 1) != c.fails || requested(lines) != c.requested {
				t.Errorf("from the queue: got %+v, %v, requested %q", response, err, requested(lines))
			}
			_, lines, err = handle(t, request, run)
			if (err != nil) != c.fails || requested(lines) != c.requested {
				t.Errorf("from EventBridge: got %v, requested %q", err, requested(lines))
			}
		})
	}
}

// A policy that another principal changed is restored and counted, and its log line contains the principal.
func TestRestored(t *testing.T) {
	for name, c := range map[string]struct {
		sample  string
		outcome reconcile.Outcome
		by      any
		count   any
	}{
		"statements changed":   {"set-repository-policy", reconcile.Updated, "arn:aws:iam::123456789012:role/deploy", 1.0},
		"by a user":            {"set-repository-policy-by-user", reconcile.Updated, "arn:aws:iam::123456789012:user/alice", 1.0},
		"policy deleted":       {"delete-repository-policy", reconcile.Updated, "arn:aws:iam::123456789012:role/deploy", 1.0},
		"statements added":     {"set-repository-policy", reconcile.Deleted, "arn:aws:iam::123456789012:role/deploy", 1.0},
		"unmanaged statements": {"set-repository-policy", reconcile.Unchanged, "arn:aws:iam::123456789012:role/deploy", nil},
		"observed":             {"set-repository-policy", reconcile.WouldUpdate, "arn:aws:iam::123456789012:role/deploy", nil},
		"failed":               {"set-repository-policy", reconcile.Failed, "arn:aws:iam::123456789012:role/deploy", nil},
		"image pushed":         {"image-pushed", reconcile.Updated, nil, nil},
		"repository created":   {"create-repository", reconcile.Updated, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, lines, err := handle(t, sample(t, c.sample), func(r event.Repositories, report reconcile.Reporter) error {
				report.Repository(t.Context(), reconcile.Result{Repository: r.Names[0], Outcome: c.outcome})
				return nil
			})
			if err != nil || len(lines) != 2 || lines[0]["changedBy"] != c.by || lines[1][telemetry.RestoredPolicies] != c.count {
				t.Errorf("got %v, %v, want it changed by %v, and %v restored", lines, err, c.by, c.count)
			}
		})
	}
}

// A message that comes back because a repository keeps failing requests what it had no time for once, not at every
// receive: the requests, which may be in the same situation, would multiply by five from one to the next.
func TestWhatIsLeftIsNotRequestedAtEveryReceive(t *testing.T) {
	const receives = 5 // maxReceiveCount of the queue
	queue := []int{100}
	messages := 0
	for len(queue) > 0 && messages < 10000 {
		n := queue[0]
		queue = queue[1:]
		messages++
		for receive := range receives {
			var body struct {
				Source     string        `json:"source"`
				DetailType string        `json:"detail-type"`
				Detail     event.Request `json:"detail"`
			}
			body.Source, body.DetailType = event.RequestSource, event.RequestDetailType
			for i := range n {
				body.Detail.Repositories = append(body.Detail.Repositories, fmt.Sprintf("r%03d", i))
			}
			text, _ := json.Marshal(body)
			payload, _ := json.Marshal(map[string]any{"Records": []any{map[string]any{
				"messageId": "m", "body": string(text), "attributes": map[string]string{"ApproximateReceiveCount": fmt.Sprint(receive + 1)},
			}}})
			handler := &onrepo.Handler{
				Stack: "stack", Account: "123456789012", Log: telemetry.NewLogger(&bytes.Buffer{}),
				// AWS throttles: one call is given up, and there is no time for half of the repositories.
				Reconciler: reconciler(func(r event.Repositories, _ reconcile.Reporter) error {
					if len(r.Names) < 4 {
						return nil
					}
					return errors.Join(errors.New("throttled"), &reconcile.Unfinished{Repositories: r.Names[len(r.Names)/2:], Of: len(r.Names)})
				}),
				Request: func(_ context.Context, again event.Repositories) error {
					queue = append(queue, len(again.Names))
					return nil
				},
			}
			response, err := handler.Handle(t.Context(), payload)
			if err != nil {
				t.Fatal(err)
			}
			if len(response.BatchItemFailures) == 0 {
				break
			}
		}
	}
	if messages > 100 { // one for each name
		t.Errorf("one request of 100 repositories became %d requests or more", messages)
	}
}
